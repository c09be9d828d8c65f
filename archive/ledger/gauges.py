"""Counts by source for whoever watches the service: each bounded, so that asking costs the same with any archive."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, literal, select, union_all

from archive.ledger.database import Database
from archive.ledger.queries import RECENT
from archive.ledger.schema import assets, deliveries, notifications, tallies, tasks
from archive.model import AssetState, NotificationState, Outcome, TaskState

AT_MOST = 10_000  # of one state of one source, and of the last day's deliveries
URGENT = 1_000  # of a source's waiting assets
Counts = dict[tuple[str, str], int]  # by source (or target) and state


def assets_by_state(db: Database, sources: Sequence[str], at_most: int = AT_MOST) -> Counts:
    return _by_state(db, assets.c.source, assets.c.state, sources, list(AssetState), at_most)


def tasks_by_state(db: Database, sources: Sequence[str], at_most: int = AT_MOST) -> Counts:
    return _by_state(db, tasks.c.source, tasks.c.state, sources, list(TaskState), at_most)


def notifications_by_state(db: Database, targets: Sequence[str], at_most: int = AT_MOST) -> Counts:
    """By target; the one without a name are the URLs that callers of the proxy gave."""
    found = notifications.c
    return _by_state(db, found.target, found.state, targets, list(NotificationState), at_most)


def deliveries_by_outcome(db: Database, sources: Sequence[str], at_most: int = AT_MOST) -> Counts:
    """Of the last day; where there were more than *at_most*, of the newest so many."""
    kept = [outcome for outcome in Outcome if outcome is not Outcome.DUPLICATE]  # a repeat is a counter, not a row
    found: Counts = {(source, outcome): 0 for source in sources for outcome in kept}
    with db.read() as conn:
        newest = select(deliveries.c.source, deliveries.c.outcome).where(
            deliveries.c.received_at >= db.now(conn) - RECENT
        )
        few = newest.order_by(deliveries.c.received_at.desc()).limit(at_most).subquery()
        grouped = select(few.c.source, few.c.outcome, func.count()).group_by(few.c.source, few.c.outcome)
        found.update({(source, outcome): number for source, outcome, number in conn.execute(grouped)})
    return found


@dataclass(frozen=True)
class Waiting:
    """
    What waits of a source. `oldest_due` is how long the asset that could be claimed for longest could be, among the
    URGENT most urgent; `left` is how long the most urgent of all can still be had, negative where its deadline is past.
    """

    oldest_due: timedelta
    left: timedelta | None  # None: nothing waits


def waiting(db: Database, names: Sequence[str], at_most: int = URGENT) -> dict[str, Waiting]:
    """How urgent the backlog of each source is, by a walk of at most so many entries of its index."""
    found = {}
    with db.read() as conn:
        now = db.now(conn)
        for name in names:
            urgent = select(assets.c.due_at, assets.c.must_by).where(
                assets.c.source == name, assets.c.due_at.is_not(None)
            )
            few = urgent.order_by(assets.c.must_by).limit(at_most).subquery()
            due = func.min(few.c.due_at).filter(few.c.due_at <= now)
            row = conn.execute(select(due.label("due"), func.min(few.c.must_by).label("must_by"))).one()
            left = None if row.must_by is None else row.must_by - now
            found[name] = Waiting(now - (row.due or now), left)
    return found


@dataclass(frozen=True)
class Tallied:
    """One row of `tallies`."""

    name: str
    source: str
    labels: tuple[str, ...]
    count: int
    total: float


def tallied(db: Database, owners: Collection[str]) -> list[Tallied]:
    """What was counted for *owners*, sources and targets: some hundred rows, as `tallies` bounds them."""
    with db.read() as conn:
        rows = conn.execute(select(tallies).where(tallies.c.source.in_(sorted(owners)))).mappings()
        return [
            Tallied(row["name"], row["source"], tuple(row["bucket"].split("/")), row["count"], row["total"])
            for row in rows
        ]


def _by_state(
    db: Database, owner: Any, state: Any, owners: Sequence[str], states: Sequence[str], at_most: int
) -> Counts:
    if not owners:
        return {}
    # One walk of at most so many entries of the index on owner and state for each of them.
    with db.read() as conn:
        counted = union_all(
            *(_one(owner == one, state == str(each), one, each, at_most) for one in owners for each in states)
        )
        return {(row[0], row[1]): row[2] for row in conn.execute(counted)}


def _one(is_owner: Any, is_state: Any, owner: str, state: str, at_most: int) -> Select[str, str, int]:
    bounded = select(literal(1)).where(is_owner, is_state).limit(at_most)
    return select(literal(owner), literal(str(state)), func.count()).select_from(bounded.subquery())
