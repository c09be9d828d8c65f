"""How rows look to people and programs: instants as ISO 8601 UTC, JSON columns opened, secrets taken out."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

_OPENED = ("metadata", "media", "facts", "headers")
_HIDDEN = ("link", "second_link", "claimed", "owner", "fence", "task", "body")
# In JSON, and in JSON within JSON, a slash may be `\/` and any character `\u0026`, behind any number of backslashes.
_LINK = re.compile(r"""([a-z][a-z0-9+.-]*:(?:\\*/){2})((?:[^\s"'\\<>]|\\+(?:/|u[0-9a-f]{4}))+)""", re.IGNORECASE)
_USER = re.compile(r"[^/\\]*@")
_BEHIND_PATH = re.compile(r"(?:[?#]|\\+u00(?:3f|23)).*", re.IGNORECASE | re.DOTALL)


def row(values: Mapping[str, Any]) -> dict[str, Any]:
    """One ledger row, without what only the service itself may know."""
    return {name: _value(name, value) for name, value in values.items() if name not in _HIDDEN}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if name in _OPENED and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, list):
        return [row(item) if isinstance(item, Mapping) else item for item in value]
    return value


def body_text(body: bytes, secrets: Iterable[str]) -> str:
    """
    A stored body for an operator's eyes: links keep scheme, host and path, known secrets are taken out.

    KIE echoes the callback URL, token included, so a body may hold a secret of ours.
    """
    text = body.decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return _LINK.sub(_redacted, text)


def _redacted(link: re.Match[str]) -> str:
    scheme, rest = link.groups()
    return scheme + _BEHIND_PATH.sub("?[redacted]", _USER.sub("[redacted]@", rest, count=1))
