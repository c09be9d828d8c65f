"""Recorded provider traffic: `samples/<provider>/<case>/{headers.json,body,expected.json}`, bodies byte for byte."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.model import Delivery

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


def sample(provider: str, case: str) -> Recorded:
    folder = SAMPLES / provider / case
    headers, expected = (json.loads((folder / name).read_text()) for name in ("headers.json", "expected.json"))
    return Recorded(provider, case, headers, (folder / "body").read_bytes(), expected)


def samples(provider: str) -> list[Recorded]:
    return [sample(provider, folder.name) for folder in sorted((SAMPLES / provider).iterdir())]
