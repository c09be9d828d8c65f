"""Counts by source for whoever watches the service: each bounded, so that asking costs the same with any archive."""

from collections.abc import Sequence

from sqlalchemy import Select, Table, func, literal, select, union_all

from archive.ledger.database import Database
from archive.ledger.queries import RECENT
from archive.ledger.schema import assets, deliveries, tasks
from archive.model import AssetState, Outcome, TaskState

AT_MOST = 10_000  # of one state of one source, and of the last day's deliveries
Counts = dict[tuple[str, str], int]  # by source and state


def assets_by_state(db: Database, sources: Sequence[str], at_most: int = AT_MOST) -> Counts:
    return _by_state(db, assets, sources, list(AssetState), at_most)


def tasks_by_state(db: Database, sources: Sequence[str], at_most: int = AT_MOST) -> Counts:
    return _by_state(db, tasks, sources, list(TaskState), at_most)


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


def _by_state(db: Database, table: Table, sources: Sequence[str], states: Sequence[str], at_most: int) -> Counts:
    if not sources:
        return {}
    # One walk of at most so many entries of the index on source and state for each of them.
    with db.read() as conn:
        counted = union_all(*(_one(table, source, state, at_most) for source in sources for state in states))
        return {(row[0], row[1]): row[2] for row in conn.execute(counted)}


def _one(table: Table, source: str, state: str, at_most: int) -> Select[str, str, int]:
    bounded = select(table.c.source).where(table.c.source == source, table.c.state == str(state)).limit(at_most)
    return select(literal(source), literal(str(state)), func.count()).select_from(bounded.subquery())
