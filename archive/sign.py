"""A sample callback, signed with the source's own key, for trying a receiver by hand. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from archive import callback_token
from archive.errors import VerificationError
from archive.providers import PROVIDERS
from archive.sources import Source


@dataclass(frozen=True)
class Call:
    """One HTTP request."""

    url: str
    headers: dict[str, str]
    body: bytes

    def as_dict(self) -> dict[str, Any]:
        return {"url": self.url, "headers": self.headers, "body": self.body.decode()}

    def as_curl(self) -> str:
        """The request as a command to paste into a shell."""
        parts = ["curl -sS -X POST " + shlex.quote(self.url)]
        parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in self.headers.items()]
        parts += [f"--data-binary {shlex.quote(self.body.decode())}"]
        return " \\\n  ".join(parts)


def sample(
    name: str,
    source: Source,
    base: str,
    task_id: str,
    video_url: str,
    now: datetime,
    signing_keys: Sequence[str] = (),
) -> Call:
    """
    A success callback for *task_id* that the source called *name* accepts.

    A source that has neither key nor token gets a minted URL for a day, with a reference that stands in no ledger: it
    authenticates, and vouches for nothing.

    Raises:
        NotUnderstoodError: the provider never calls back.
        VerificationError: `no_signing_keys`, where only a minted URL would do.
    """
    key = source.webhook_keys[0].get_secret_value() if source.webhook_keys else None
    headers, body = PROVIDERS[source.provider].sample(task_id, video_url, key=key, now=now)
    token = ""
    if source.tokens:
        token = source.tokens[0].get_secret_value()
    elif not (source.webhook_keys or source.allow_unsigned):
        if not signing_keys:
            raise VerificationError("no_signing_keys")
        token = callback_token.mint(name, token_hex(16), now + timedelta(days=1), signing_keys[0])
    return Call(f"{base.rstrip('/')}/webhooks/{name}{token and '/' + token}", headers, body)
