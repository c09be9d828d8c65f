"""How rows look to people and programs: instants as ISO 8601 UTC, JSON columns opened, secrets taken out."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from archive.instants import iso
from archive.redaction import redact

_OPENED = ("metadata", "media", "facts", "headers")
_HIDDEN = ("link", "second_link", "claimed", "owner", "fence", "leased_until", "task", "body")


def row(values: Mapping[str, Any]) -> dict[str, Any]:
    """One ledger row, without what only the service itself may know."""
    shown = {name: _value(name, value) for name, value in values.items() if name not in _HIDDEN}
    if "kept_in" in shown:
        shown["kept"] = shown.pop("kept_in") is not None  # in which machine's spool is the service's own business
    return shown


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if name in _OPENED and isinstance(value, str):
        return json.loads(value)
    if isinstance(value, list):
        return [row(item) if isinstance(item, Mapping) else item for item in value]
    return value


def body_text(body: bytes, secrets: Iterable[str]) -> str:
    """A stored body for an operator's eyes: links keep scheme, host and path, secrets of ours are taken out."""
    return redact(body.decode("utf-8", "replace"), secrets)
