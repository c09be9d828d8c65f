"""
Mint and judge the file host's time-limited links, in the manner of an object store's presigned URLs.

A link is `/FOLDER/NAME?id=…&expires=…&sig=…`. The serial number `id` makes any two links differ, as two
signings do, and tells which of them is the younger.
"""

import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from simulator.media import FOLDERS


@dataclass(frozen=True)
class Link:
    """A link whose signature is ours."""

    serial: int
    expires: int  # Unix seconds

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return time.time() >= self.expires


class Links:
    """Signs with a key of its own; a link of another run is nobody's."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._key = secrets.token_bytes(32)
        self.minted = 0

    def mint(self, path: str, life: float) -> str:
        """Return a new link to the file at *path* that lives *life* seconds, rounded down: 0 is born dead."""
        self.minted += 1
        expires = int(time.time() + life)
        signature = self._sign(path, str(self.minted), str(expires))
        return f"{self._origin}/{quote(path)}?id={self.minted}&expires={expires}&sig={signature}"

    def read(self, path: str, query: Mapping[str, str]) -> Link | None:
        """Return the link that *query* holds, or None if we never signed it for *path*."""
        serial, expires = query.get("id", ""), query.get("expires", "")
        if not hmac.compare_digest(self._sign(path, serial, expires).encode(), query.get("sig", "").encode()):
            return None
        return Link(int(serial), int(expires))

    def name_in(self, url: str) -> str | None:
        """Return the file name in a URL of this host, dead or alive; None for a URL of any other host."""
        if not url.startswith(f"{self._origin}/"):
            return None
        folder, _, name = urlsplit(url).path.removeprefix("/").partition("/")
        return unquote(name) if folder in FOLDERS else None

    def _sign(self, path: str, serial: str, expires: str) -> str:
        return hmac.digest(self._key, f"{path}\n{serial}\n{expires}".encode(), "sha256").hex()
