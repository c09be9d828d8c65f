"""A sample callback, signed with the source's own key, for trying a receiver by hand. Pure."""

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive.providers import PROVIDERS
from archive.settings import Source


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


def sample(name: str, source: Source, base: str, task_id: str, video_url: str, now: datetime) -> Call:
    """
    A success callback for *task_id* that the source called *name* accepts.

    Raises:
        NotUnderstoodError: the provider never calls back.
    """
    key = source.webhook_keys[0].get_secret_value() if source.webhook_keys else None
    headers, body = PROVIDERS[source.provider].sample(task_id, video_url, key=key, now=now)
    token = f"/{source.tokens[0].get_secret_value()}" if source.tokens else ""
    return Call(f"{base.rstrip('/')}/webhooks/{name}{token}", headers, body)
