"""Notifications and the health of their targets for people: lists, single rows, counts. Reads only; never a URL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal, or_, select, tuple_, union_all

from archive.ledger import gauges
from archive.ledger.database import Database
from archive.ledger.schema import notifications, targets
from archive.model import NotificationState

# What an asset or a task shows of its notifications, at most; there is one for each target and thing that happened.
ABOUT_AT_MOST = 50


@dataclass(frozen=True)
class Filter:
    """Which notifications. `target` "" are those to the URLs that callers of the proxy gave."""

    target: str | None = None
    type: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def where(self) -> list[ColumnElement[bool]]:
        """All of it but the target, which decides the way through the index."""
        found, where = notifications.c, []
        if self.type:
            where.append(found.type == self.type)
        if self.source:
            where.append(found.source == self.source)
        if self.since:
            where.append(found.created_at >= self.since)
        if self.until:
            where.append(found.created_at < self.until)
        return where


@dataclass(frozen=True)
class Listing(Filter):
    """A page of them. `after` is the (instant, id) of the last row of the page before."""

    state: str | None = None
    q: str | None = None
    limit: int = 50
    after: tuple[datetime, str] | None = None


def list_notifications(db: Database, wanted: Listing) -> list[Mapping[str, Any]]:
    """
    Newest first; one row more than asked for tells the caller that there is another page.

    What is delivered is soon most of the table and what is dead the least of it, so a page of one state or target is
    put together from the newest of each target and state, which the index holds side by side.
    """
    found = notifications.c
    where = wanted.where()
    if wanted.q:
        where.append(or_(*(column.startswith(wanted.q, autoescape=True) for column in (found.id, found.subject_id))))
    if wanted.after:
        at, key = wanted.after
        where.append(tuple_(found.created_at, found.id) < tuple_(literal(at, found.created_at.type), key))
    newest = (found.created_at.desc(), found.id.desc())
    with db.read() as conn:
        if wanted.target is None and wanted.state is None:
            rows = conn.execute(select(notifications).where(*where).order_by(*newest).limit(wanted.limit + 1))
            return [dict(row) for row in rows.mappings()]
        told = [wanted.target] if wanted.target is not None else told_targets(conn)
        states = [wanted.state] if wanted.state is not None else [*NotificationState]
        parts = [
            select(notifications)
            .where(found.target == target, found.state == str(state), *where)
            .order_by(*newest)
            .limit(wanted.limit + 1)
            .subquery()
            for target in told
            for state in states
        ]
        if not parts:
            return []
        merged = union_all(*(select(part) for part in parts)).subquery()
        ordered = select(merged).order_by(merged.c.created_at.desc(), merged.c.id.desc()).limit(wanted.limit + 1)
        return [dict(row) for row in conn.execute(ordered).mappings()]


def notification(db: Database, key: str) -> Mapping[str, Any] | None:
    with db.read() as conn:
        row = conn.execute(select(notifications).where(notifications.c.id == key)).mappings().first()
    return dict(row) if row else None


def about(db: Database, subject: str, key: str) -> list[Mapping[str, Any]]:
    """What was told, or is to be, of one asset or task: the first of them, oldest first."""
    found = notifications.c
    columns = (found.id, found.target, found.type, found.state, found.reason, found.created_at, found.ended_at)
    those = select(*columns).where(found.subject_id == key, found.subject == subject)
    with db.read() as conn:
        listed = conn.execute(those.order_by(found.created_at, found.id).limit(ABOUT_AT_MOST)).mappings()
        return [dict(row) for row in listed]


def told_targets(conn: Connection) -> list[str]:
    """Every target that has notifications, configured or not: one seek each, however many there are."""
    found: list[str] = []
    name: str | None = conn.scalar(select(func.min(notifications.c.target)))
    while name is not None:
        found.append(name)
        name = conn.scalar(select(func.min(notifications.c.target)).where(notifications.c.target > name))
    return found


@dataclass(frozen=True)
class Health:
    """
    How a target takes what it is sent, and how many notifications are in each state (bounded, see `gauges`).

    `failures` are in a row and of its own making; `reason` is that of the last attempt that failed. Both are over where
    it is not `failing_since`.
    """

    failures: int = 0
    failing_since: datetime | None = None
    rests_until: datetime | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    reason: str | None = None
    pending: int = 0
    delivered: int = 0
    dead: int = 0


def health(db: Database, names: Sequence[str], at_most: int = gauges.AT_MOST) -> dict[str, Health]:
    """Of the targets *names*, in that order; one that was never sent anything is well."""
    known = targets.c
    columns = (
        known.failures,
        known.failing_since,
        known.rests_until,
        known.succeeded_at,
        known.failed_at,
        known.reason,
    )
    with db.read() as conn:
        rows = conn.execute(select(known.name, *columns).where(known.name.in_(names))).mappings()
        told = {row["name"]: {column.name: row[column] for column in columns} for row in rows}
    counted = gauges.notifications_by_state(db, names, at_most)
    return {
        name: Health(
            **told.get(name, {}),
            pending=counted[name, NotificationState.PENDING],
            delivered=counted[name, NotificationState.DELIVERED],
            dead=counted[name, NotificationState.DEAD],
        )
        for name in names
    }
