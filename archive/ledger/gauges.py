"""Counts by source for whoever watches the service: each bounded, so that asking costs the same with any archive."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, literal, select, union_all

from archive.ledger.database import Database
from archive.ledger.queries import RECENT
from archive.ledger.schema import assets, deliveries, notifications, tasks
from archive.model import AssetState, NotificationState, Outcome, TaskState

AT_MOST = 10_000  # of one state of one source, and of the last day's deliveries
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
