"""Looks at open tasks: which is due, and what the status API's answer makes of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from archive.errors import ClaimLostError
from archive.ledger import audit, events
from archive.ledger.database import Database
from archive.ledger.schema import sources, tasks
from archive.ledger.urgency import most_urgent
from archive.model import TaskState
from archive.schedule import LOOK_CEILING

LEASE = timedelta(seconds=60)  # a look is a few requests with short time limits; it is not renewed


@dataclass(frozen=True)
class Look:
    """A task that is ours to ask about until the lease ends."""

    task: str
    source: str
    task_id: str
    route: str | None
    fence: int
    created_at: datetime
    expected_at: datetime
    hinted_at: datetime | None


def take(db: Database, askable: Collection[str]) -> Look | None:
    """Claim the due task with the earliest deadline among *askable* sources; None where there is none."""
    with db.write() as conn:
        now = db.now(conn)
        names = conn.scalars(select(sources.c.name).where(sources.c.name.in_(sorted(askable)), ~sources.c.paused))
        row = most_urgent(conn, tasks, tasks.c.look_at, names.all(), now)
        if row is None:
            return None
        fence = row["fence"] + 1
        taken = update(tasks).where(tasks.c.id == row["id"])
        conn.execute(taken.values(fence=fence, look_at=now + LEASE, looks=tasks.c.looks + 1))
    return Look(
        row["id"], row["source"], row["task_id"], row["route"], fence,
        row["created_at"], row["expected_at"], row["hinted_at"],
    )  # fmt: skip


def record(db: Database, look: Look, statement: events.Statement, next_at: datetime) -> int:
    """
    Apply what the status API said; an open task is looked at again at *next_at*. Return the number of assets now due.

    Right after a hint of success the API may lag behind: a task that it calls failed is looked at again all the same.

    Raises:
        ClaimLostError: somebody else looks at the task by now; nothing was written.
    """
    with db.write() as conn:
        now = db.now(conn)
        hinted_at = _hold(conn, look, next_at)
        due = events.apply(conn, [statement], now)
        if hinted_at is not None and now - hinted_at < LOOK_CEILING:
            again = next_at if hinted_at == look.hinted_at else now
            given_up = (tasks.c.id == look.task, tasks.c.state.in_((TaskState.FAILED, TaskState.GONE)))
            conn.execute(update(tasks).where(*given_up).values(look_at=again))
        return due


def postpone(db: Database, look: Look, next_at: datetime) -> None:
    """No answer that says anything: look again at *next_at*. Raises ClaimLostError."""
    with db.write() as conn:
        _hold(conn, look, next_at)


def gone(db: Database, look: Look, reason: str) -> None:
    """
    Every route says that it does not know the task, and it is old enough to believe it. Raises ClaimLostError.

    A hint that came meanwhile keeps the task: it is looked at again at once.
    """
    with db.write() as conn:
        if _hold(conn, look, None) != look.hinted_at:
            return
        still_open = (tasks.c.id == look.task, tasks.c.state == TaskState.OPEN)
        if conn.execute(update(tasks).where(*still_open).values(state=TaskState.GONE, reason=reason)).rowcount:
            entry = audit.Entry("task", look.task, TaskState.OPEN, TaskState.GONE, "poll", reason)
            audit.write(conn, db.now(conn), [entry])


def _hold(conn: Connection, look: Look, next_at: datetime | None) -> datetime | None:
    """Move the look while the fence is ours, unless a hint came meanwhile. Return the instant of the last hint."""
    wanted = select(tasks.c.fence, tasks.c.hinted_at).where(tasks.c.id == look.task).with_for_update()
    row = conn.execute(wanted).one()
    if row.fence != look.fence:
        raise ClaimLostError("look_lost")
    if row.hinted_at == look.hinted_at:
        conn.execute(update(tasks).where(tasks.c.id == look.task).values(look_at=next_at))
    hinted_at: datetime | None = row.hinted_at
    return hinted_at
