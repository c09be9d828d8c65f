"""
Keep the simulator's own account of what it did, so that a proof need not ask the program under test.

A line has left the process before the act it announces: who reads the file never knows less than who was
called. Links and keys are never written: the journal names films, and hosts, not the way in.
"""

import json
from datetime import UTC, datetime
from pathlib import Path


def now() -> datetime:
    """Return the present instant, aware and in UTC."""
    return datetime.now(UTC)


def iso(at: datetime) -> str:
    """Write an instant as ISO 8601 in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_seconds(at: datetime) -> str:
    """Write an instant as ISO 8601 in UTC with whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Journal:
    """An append-only file of one JSON object a line, flushed line by line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a", encoding="utf-8")

    def write(self, event: str, **facts: object) -> None:
        """Append one event, stamped with the present instant."""
        self._file.write(json.dumps({"event": event, "at": iso(now()), **facts}) + "\n")
        self._file.flush()

    def entries(self) -> list[dict[str, object]]:
        """Read back every event, also those of earlier runs on the same file."""
        return [json.loads(line) for line in self._path.read_text(encoding="utf-8").splitlines()]
