"""One entry per transition, written in the transaction that makes it. Claims are no transitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from archive.documents import dump
from archive.ledger.announcements import announce
from archive.ledger.schema import audit


@dataclass(frozen=True)
class Entry:
    """`was` is None at birth. `facts` never holds a link, a secret or a body."""

    subject: str
    subject_id: str
    was: str | None
    now: str
    actor: str
    reason: str | None = None
    facts: Mapping[str, Any] | None = None


def write(conn: Connection, at: datetime, entries: Iterable[Entry]) -> None:
    """Write *entries*, and owe whoever listens the notifications that follow from them."""
    entries = list(entries)
    rows = [
        {
            "at": at,
            "subject": entry.subject,
            "subject_id": entry.subject_id,
            "was": entry.was,
            "now": entry.now,
            "reason": entry.reason,
            "actor": entry.actor,
            "facts": dump(entry.facts) if entry.facts else None,
        }
        for entry in entries
    ]
    if rows:
        conn.execute(insert(audit), rows)
    announce(conn, at, entries)
