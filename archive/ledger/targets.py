"""
The targets that notifications are made for: the configuration, as a table.

A transition and the notifications about it are one transaction, in whichever process it happens, so who hears of it
must stand in the ledger. Each process writes its settings there at its start: the one that started last decides. A
worker sends only to targets of its own settings, since only they hold URL and secrets.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from sqlalchemy import Connection, delete, func, select, update

from archive.documents import dump
from archive.ledger.database import Database
from archive.ledger.schema import notifications, targets
from archive.ledger.upsert import insert_new
from archive.targets import FORWARD, TEST, Target

REMOVED = "target_removed"
DEAD_FOR = timedelta(days=7)  # how long the dead are news
WAITING = timedelta(hours=1)  # due for so long without an attempt, a notification is nobody's


@dataclass(frozen=True)
class Listener:
    """A target, as far as it decides what it hears."""

    name: str
    format: str
    types: tuple[str, ...]
    sources: tuple[str, ...]

    def wants(self, kind: str, source: str | None) -> bool:
        """Whether it hears of *kind*; what belongs to no source is not for those that asked for certain ones."""
        if (kind == FORWARD) is not (self.format == "provider"):
            return False
        if self.sources and source not in self.sources:
            return False
        return not self.types or any(fnmatchcase(kind, wanted) for wanted in self.types) or kind == FORWARD


def register_targets(db: Database, configured: Sequence[Target]) -> None:
    """
    Make the table equal to what is *configured*.

    What is pending for a target that is gone becomes dead, `target_removed`: redriven after the target is back, it is
    sent. Who announces holds the rows against removal, so that nothing new can come for a target that is gone.
    """
    with db.write() as conn:
        now = db.now(conn)
        told = {
            target.name: {"format": target.format, "types": dump(target.types), "sources": dump(target.sources)}
            for target in configured
        }
        known = set(conn.scalars(select(targets.c.name).order_by(targets.c.name).with_for_update()))
        insert_new(conn, targets, [{"name": name, **values} for name, values in told.items()])
        for name in sorted(told):
            conn.execute(update(targets).where(targets.c.name == name).values(**told[name]))
        for name in sorted(known - told.keys()):
            conn.execute(delete(targets).where(targets.c.name == name))
            _bury(conn, name, now)


def _bury(conn: Connection, name: str, at: datetime) -> None:
    waiting = (notifications.c.target == name, notifications.c.due_at.is_not(None))
    ended = {"state": "dead", "reason": REMOVED, "due_at": None, "leased_until": None, "ended_at": at}
    conn.execute(update(notifications).where(*waiting).values(**ended))


def listeners(conn: Connection) -> list[Listener]:
    """Everybody who may want to hear; none of them can be removed until the caller's transaction ends."""
    columns = (targets.c.name, targets.c.format, targets.c.types, targets.c.sources)
    held = select(*columns).order_by(targets.c.name).with_for_update(read=True, key_share=True)
    return [
        Listener(row.name, row.format, tuple(json.loads(row.types)), tuple(json.loads(row.sources)))
        for row in conn.execute(held)
    ]


@dataclass(frozen=True)
class TargetHealth:
    """
    How a target takes what it is sent; `name` is empty for the URLs that callers gave to the proxy.

    `failing_for` is how long it has taken nothing, zero while it does; `dead` counts its dead notifications made in
    the last week, `unsent` those that nobody has tried for an hour since they fell due, a thousand of each at most.
    """

    name: str
    failing_for: timedelta
    reason: str | None
    dead: int
    unsent: int = 0


def health(db: Database, at_most: int = 1000) -> list[TargetHealth]:
    """Of every target, by name; costs the same however many notifications there are."""
    with db.read() as conn:
        now = db.now(conn)
        rows = conn.execute(select(targets.c.name, targets.c.failing_since, targets.c.reason).order_by(targets.c.name))
        known = [(row.name, now - (row.failing_since or now), row.reason) for row in rows]
        found = []
        for name, span, reason in [("", timedelta(0), None), *known]:
            # A test that failed was seen by whoever asked for it, and nobody misses it.
            dead = (notifications.c.state == "dead", notifications.c.type != TEST)
            questions = (
                (*dead, notifications.c.created_at >= now - DEAD_FOR),
                (notifications.c.due_at < now - WAITING,),
            )
            some = [select(notifications.c.id).where(notifications.c.target == name, *each) for each in questions]
            counts = [select(func.count()).select_from(each.limit(at_most).subquery()) for each in some]
            found.append(TargetHealth(name, span, reason, *(conn.scalar(each) or 0 for each in counts)))
    return found
