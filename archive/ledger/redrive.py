"""
Dead letters, many at a time: assets that are quarantined or lost, tasks that are gone, deliveries to be read again.

Each is audited by itself, 1,000 in one transaction, so that nobody waits long for the ledger meanwhile. What is dead
again by the time a later transaction comes is left alone; after a cut the same can be asked for again.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, literal, select, tuple_, update

from archive.ledger import audit
from archive.ledger.database import Database
from archive.ledger.operator import RETRIABLE
from archive.ledger.queries import Filter, fitting, instant_of, joined
from archive.ledger.schema import assets, deliveries, tasks
from archive.model import AssetState, TaskState

AT_ONCE = 1_000  # of one transaction
BODIES = 32  # deliveries in memory at a time: a body has a MiB at most


def count(db: Database, table: Table, wanted: Filter, *where: ColumnElement[bool]) -> int:
    """How many rows fit."""
    with db.read() as conn:
        some = joined(select(table.c.id), table).where(*where, *fitting(table, wanted)).subquery()
        return conn.execute(select(func.count()).select_from(some)).scalar_one()


def retry(db: Database, wanted: Filter, actor: str, *, dry_run: bool = False, at_once: int = AT_ONCE) -> int:
    """Make the quarantined and lost assets that fit due now, as if nothing had been tried; return how many they are."""
    dead = assets.c.state.in_(RETRIABLE)
    if dry_run:
        return count(db, assets, wanted, dead)

    def again(conn: Connection, ids: Sequence[str], now: datetime) -> int:
        # By id, as every writer of many assets: nobody waits in a circle.
        locked = select(assets.c.id, assets.c.state).where(assets.c.id.in_(ids), dead).order_by(assets.c.id)
        rows = conn.execute(locked.with_for_update()).all()
        values = {"state": AssetState.WAITING, "reason": None, "due_at": now, "attempts": 0, "crashes": 0}
        conn.execute(update(assets).where(assets.c.id.in_([row.id for row in rows])).values(**values))
        entries = [audit.Entry("asset", row.id, row.state, AssetState.WAITING, actor, "retry") for row in rows]
        audit.write(conn, now, entries)
        return len(rows)

    return _in_pages(db, assets, (dead, *fitting(assets, wanted)), again, at_once)


def reopen(
    db: Database,
    wanted: Filter,
    link_lives: Mapping[str, timedelta],
    actor: str,
    *,
    dry_run: bool = False,
    at_once: int = AT_ONCE,
) -> int:
    """
    Ask again about the tasks that fit and are gone, as if they were registered anew; return how many they are.

    Only those of the sources in *link_lives*, which can be asked; of the others only a callback could tell.
    """
    gone = (tasks.c.state == TaskState.GONE, tasks.c.source.in_(sorted(link_lives)))
    if dry_run:
        return count(db, tasks, wanted, *gone)

    def again(conn: Connection, ids: Sequence[str], now: datetime) -> int:
        locked = select(tasks.c.id, tasks.c.source).where(tasks.c.id.in_(ids), *gone).order_by(tasks.c.id)
        rows = conn.execute(locked.with_for_update()).all()
        for source, life in link_lives.items():
            these = [row.id for row in rows if row.source == source]
            fresh = {"expected_at": now, "must_by": now + life, "look_at": now, "vouched": True, "crashes": 0}
            values = {"state": TaskState.OPEN, "reason": None, **fresh}
            if these:
                conn.execute(update(tasks).where(tasks.c.id.in_(these)).values(**values))
        entries = [audit.Entry("task", row.id, TaskState.GONE, TaskState.OPEN, actor, "reopened") for row in rows]
        audit.write(conn, now, entries)
        return len(rows)

    return _in_pages(db, tasks, (*gone, *fitting(tasks, wanted)), again, at_once)


def to_replay(db: Database, wanted: Filter) -> list[Mapping[str, Any]]:
    """Up to `BODIES` stored deliveries that fit, with their bodies, oldest first, behind *wanted.after*."""
    where = fitting(deliveries, wanted)
    if wanted.after:
        where.append(_behind(deliveries, wanted.after))
    oldest = (deliveries.c.received_at, deliveries.c.id)
    some = joined(select(deliveries), deliveries).where(*where).order_by(*oldest).limit(min(wanted.limit, BODIES))
    with db.read() as conn:
        return [dict(row) for row in conn.execute(some).mappings()]


def _in_pages(
    db: Database,
    table: Table,
    where: Sequence[ColumnElement[bool]],
    act: Callable[[Connection, Sequence[str], datetime], int],
    at_once: int,
) -> int:
    """*act* on all rows that are *where*, oldest first; return the sum of what it says."""
    instant = instant_of(table)
    some = joined(select(table.c.id, instant.label("at")), table).where(*where)
    some = some.order_by(instant, table.c.id).limit(at_once)
    page, total = some, 0
    while True:
        with db.write() as conn:
            rows = conn.execute(page).all()
            if not rows:
                return total
            total += act(conn, [row.id for row in rows], db.now(conn))
        page = some.where(_behind(table, (rows[-1].at, rows[-1].id)))


def _behind(table: Table, row: tuple[datetime, str]) -> ColumnElement[bool]:
    instant = instant_of(table)
    return tuple_(instant, table.c.id) > tuple_(literal(row[0], instant.type), row[1])
