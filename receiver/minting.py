"""Make callback URLs: what the ledger keeps of one, and the URL itself, which only the provider is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from archive import callback_token
from archive.errors import VerificationError
from archive.ledger import callback_urls
from archive.ledger.database import Database
from archive.settings import Settings

DEFAULT_LIFE = timedelta(days=7)


@dataclass(frozen=True)
class Minted:
    """A callback URL of ours and its reference."""

    id: str
    url: str = field(repr=False)
    expires_at: datetime


class Mint:
    """Works where `server.signing_keys` has a key."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db

    @property
    def is_open(self) -> bool:
        return bool(self._settings.signing_keys)

    def make(
        self,
        source: str,
        external_id: str | None,
        metadata: Mapping[str, Any] | None,
        life: timedelta = DEFAULT_LIFE,
        *,
        forward_url: str | None = None,
    ) -> Minted:
        """A URL for the next task of *source*. Raises LedgerError."""
        made = callback_urls.create(self._db, source, external_id, metadata, life, forward_url)
        token = callback_token.mint(source, made.id, made.expires_at, self._settings.signing_keys[0])
        return Minted(made.id, f"{self.address(source)}/{token}", made.expires_at)

    def address(self, source: str) -> str:
        """Where callbacks of *source* come in; a token may follow."""
        return f"{self._settings.server.public_url.rstrip('/')}/webhooks/{source}"

    def is_ours(self, source: str, url: str) -> bool:
        """Whether *url* already leads here."""
        return url == self.address(source) or url.startswith(f"{self.address(source)}/")

    def reference(self, source: str, url: str, *, now: datetime) -> str | None:
        """What *url* refers to, where it is a live one of ours; None where not."""
        try:
            return callback_token.read(url.rpartition("/")[2], source, self._settings.signing_keys, now=now)
        except VerificationError:
            return None
