"""Looks at open tasks: which is due, and what the status API's answer makes of it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, select, update

from archive.budget import Budget
from archive.errors import ClaimLostError
from archive.failpoints import reached
from archive.ledger import audit, events, losses, outages, tallies
from archive.ledger.accounts import locked
from archive.ledger.batch import Statement
from archive.ledger.database import Database
from archive.ledger.schema import sources, tasks
from archive.ledger.urgency import due_first, first, urgency
from archive.model import TaskState
from archive.schedule import LOOK_CEILING, is_hopeless
from archive.suspects import MAX_CRASHES, REASON, pause_of_looks

ANSWERS = ("task_not_found", "state_unknown")  # reasons of an open task that the provider did answer about
_log = logging.getLogger(__name__)
LEASE = timedelta(seconds=90)  # a look is up to four requests of at most 20 s each; it is not renewed


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
    vouched: bool
    reason: str | None = None  # what the look before came to


def take(db: Database, budgets: Mapping[str, Budget], batches: Mapping[str, int]) -> list[Look]:
    """
    Claim the most urgent due look among the sources whose *budgets* allow a request now, and pay for that request.

    What nobody vouches for is paid from its own bucket, or from what is left where nothing vouched for is due. Where
    one request can ask about several tasks, as many more of the same source as *batches* says come along; what nobody
    ended a look at is asked about by itself. An empty list: nothing is due, or nothing may be asked. An API that rests
    costs no look: none is taken.
    """
    with db.write() as conn:
        now = db.now(conn)
        candidates = (_candidate(conn, row, budgets[row["name"]], now) for row in locked(conn, budgets))
        found = min(filter(None, candidates), key=lambda candidate: urgency(candidate.head), default=None)
        if found is None:
            return []
        head = found.head
        if _give_up(conn, head, now):
            return []
        conn.execute(update(sources).where(sources.c.name == head["source"]).values(**found.price))
        taken = [head]
        if (size := batches.get(head["source"], 1)) > 1 and not head["crashes"]:
            alike = _due(head["source"], head["vouched"], now, tasks.c.crashes == 0)
            taken = list(conn.execute(alike.limit(size)).mappings())
        _lease(conn, taken, now)
    return [
        Look(
            row["id"], row["source"], row["task_id"], row["route"], row["fence"] + 1,
            row["created_at"], row["expected_at"], row["hinted_at"], row["vouched"],
            row["reason"],
        )
        for row in taken
    ]  # fmt: skip


def _lease(conn: Connection, taken: Sequence[RowMapping], now: datetime) -> None:
    """
    Lend the looks at what was *taken*; each counts as a crash until its end is written down.

    What has killed its process time and again shows so, and has a longer lease each time, which is its pause.
    """
    crashes = taken[0]["crashes"]
    lent = {"fence": tasks.c.fence + 1, "looks": tasks.c.looks + 1, "crashes": tasks.c.crashes + 1}
    these = update(tasks).where(tasks.c.id.in_([row["id"] for row in taken]))
    conn.execute(these.values(look_at=now + max(LEASE, pause_of_looks(crashes)), **lent))
    if crashes >= MAX_CRASHES:
        _log.error("look.crashes_worker", extra={"task": taken[0]["id"], "crashes": crashes})
        conn.execute(these.where(tasks.c.state == TaskState.OPEN).values(reason=REASON))


def _give_up(conn: Connection, row: RowMapping, now: datetime) -> bool:
    """End a look that kills its process, once nothing could be fetched any more; False where there is hope."""
    is_over = is_hopeless(now=now, expected_at=row["expected_at"], hinted_at=row["hinted_at"])
    if row["crashes"] < MAX_CRASHES or not is_over:
        return False
    ended = {"look_at": None, "state": TaskState.GONE, "reason": REASON}
    this = update(tasks).where(tasks.c.id == row["id"])
    if conn.execute(this.where(tasks.c.state == TaskState.OPEN).values(**ended)).rowcount:
        audit.write(conn, now, [audit.Entry("task", row["id"], TaskState.OPEN, TaskState.GONE, "poll", REASON)])
    else:
        conn.execute(this.values(look_at=None))
    return True


class _Candidate(NamedTuple):
    """The most urgent look of one account, and what the account's row says once it is paid for."""

    head: RowMapping
    price: dict[str, object]


def _candidate(conn: Connection, account: RowMapping, budget: Budget, now: datetime) -> _Candidate | None:
    name, asks, hints = account["name"], account["asks_paid_until"], account["hints_paid_until"]
    if outages.wait(account, now):
        return None
    trial = outages.admit(account, now)
    prices: list[dict[str, object]] = []
    if not budget.asks.wait(asks, now):
        prices.append({**trial, "asks_paid_until": budget.asks.paid(asks, now)})
        if head := first(conn, _due(name, True, now)):
            return _Candidate(head, prices[0])
    if budget.hints and not budget.hints.wait(hints, now):
        prices.append({**trial, "hints_paid_until": budget.hints.paid(hints, now)})
    if prices and (head := first(conn, _due(name, False, now))):
        return _Candidate(head, prices[-1])
    return None


def _due(source: str, vouched: bool, now: datetime, *where: ColumnElement[bool]) -> Select[Any]:
    return due_first(tasks, tasks.c.look_at, now, tasks.c.source == source, tasks.c.vouched == vouched, *where)


def record(db: Database, look: Look, statement: Statement, next_at: datetime) -> int:
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
        _note(conn, look, statement.event.reason)
        if hinted_at is not None and now - hinted_at < LOOK_CEILING:
            again = next_at if hinted_at == look.hinted_at else now
            given_up = (tasks.c.id == look.task, tasks.c.state.in_((TaskState.FAILED, TaskState.GONE)))
            conn.execute(update(tasks).where(*given_up).values(look_at=again))
        reached("poll.recording", look.task)
        return due


def postpone(
    db: Database, look: Look, next_at: datetime, reason: str | None, *, lives: timedelta | None = None
) -> None:
    """
    Look again at *next_at*; the open task shows the *reason* meanwhile. Raises ClaimLostError.

    *lives* is how long links live, where the answer was that there is nothing yet: what comes can be had that long from
    now on, so that others are more urgent. Not so soon after a hint, when the API may lag behind.
    """
    with db.write() as conn:
        now = db.now(conn)
        hinted_at = _hold(conn, look, next_at)
        _note(conn, look, reason)
        if lives is not None and (hinted_at is None or now - hinted_at >= LOOK_CEILING):
            conn.execute(update(tasks).where(tasks.c.id == look.task).values(must_by=now + lives))


def gone(db: Database, look: Look, reason: str) -> None:
    """
    Give the task up: no route knows it, or it never comes to an end, for long enough. Raises ClaimLostError.

    A hint that came meanwhile keeps the task: it is looked at again at once.
    """
    with db.write() as conn:
        if _hold(conn, look, None) != look.hinted_at:
            return
        still_open = (tasks.c.id == look.task, tasks.c.state == TaskState.OPEN)
        given_up = update(tasks).where(*still_open).values(state=TaskState.GONE, reason=reason)
        if (row := conn.execute(given_up.returning(tasks.c.credits)).first()) is not None:
            tallies.raise_(conn, *losses.of_task(look.source, reason, row.credits))
            entry = audit.Entry("task", look.task, TaskState.OPEN, TaskState.GONE, "poll", reason)
            audit.write(conn, db.now(conn), [entry])


def _note(conn: Connection, look: Look, reason: str | None) -> None:
    """What the last look at a task came to, as long as it is open; an end has a reason of its own."""
    still_open = (tasks.c.id == look.task, tasks.c.state == TaskState.OPEN)
    conn.execute(update(tasks).where(*still_open).values(reason=reason))


def _hold(conn: Connection, look: Look, next_at: datetime | None) -> datetime | None:
    """Move the look while the fence is ours, unless a hint came meanwhile. Return the instant of the last hint."""
    wanted = select(tasks.c.fence, tasks.c.hinted_at).where(tasks.c.id == look.task).with_for_update()
    row = conn.execute(wanted).one()
    if row.fence != look.fence:
        raise ClaimLostError("look_lost")
    planned = {"look_at": next_at} if row.hinted_at == look.hinted_at else {}
    conn.execute(update(tasks).where(tasks.c.id == look.task).values(crashes=0, **planned))
    hinted_at: datetime | None = row.hinted_at
    return hinted_at
