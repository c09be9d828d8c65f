"""
Recorded provider traffic, bodies byte for byte.

`samples/<provider>/<case>/{headers.json,body,expected.json}` are callbacks. `samples/<provider>/status_<case>/
{body,expected.json}` are answers of its status API; `expected.json` says by which route and with which HTTP status.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.model import ApiAnswer, Delivery

SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Recorded:
    """One documented callback, and what must be made of it."""

    provider: str
    case: str
    headers: dict[str, str]
    body: bytes
    expected: dict[str, Any]

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.expected["at"])

    @property
    def delivery(self) -> Delivery:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Delivery(self.provider, headers, self.body, None, self.at)


@dataclass(frozen=True)
class RecordedAnswer:
    """One documented status answer, and what must be made of it."""

    provider: str
    case: str
    body: bytes
    expected: dict[str, Any]

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.expected["at"])

    @property
    def answer(self) -> ApiAnswer:
        headers = {name.lower(): value for name, value in self.expected.get("headers", {}).items()}
        return ApiAnswer(self.expected["http"], headers, self.body)


def sample(provider: str, case: str) -> Recorded:
    folder = SAMPLES / provider / case
    headers, expected = (json.loads((folder / name).read_text()) for name in ("headers.json", "expected.json"))
    return Recorded(provider, case, headers, (folder / "body").read_bytes(), expected)


def samples(provider: str) -> list[Recorded]:
    return [sample(provider, name) for name in _cases(provider) if not name.startswith("status_")]


def answers(provider: str) -> list[RecordedAnswer]:
    return [answer(provider, name) for name in _cases(provider) if name.startswith("status_")]


def answer(provider: str, case: str) -> RecordedAnswer:
    folder = SAMPLES / provider / case
    return RecordedAnswer(
        provider, case, (folder / "body").read_bytes(), json.loads((folder / "expected.json").read_text())
    )


def _cases(provider: str) -> list[str]:
    return sorted(folder.name for folder in (SAMPLES / provider).iterdir())
