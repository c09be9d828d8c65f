"""What a loss cost, as far as the provider said what its task did."""

from sqlalchemy import Connection, func, select

from archive.ledger import tallies
from archive.ledger.schema import assets, tasks
from archive.ledger.tallies import Tally
from archive.model import AssetState


def of_asset(conn: Connection, source: str, task: str, state: AssetState, reason: str) -> None:
    """
    Count an asset of *task* (our id) that ends short of the archive. A loss costs its share of the task's credits.

    Shared equally, since no provider prices files singly, the losses of all files of a task cost what the task did.
    """
    if state is AssetState.QUARANTINED:
        tallies.raise_(conn, Tally(tallies.QUARANTINES, source, (reason,)))
        return
    files = select(func.count()).select_from(assets).where(assets.c.task == task).scalar_subquery()
    row = conn.execute(select(tasks.c.credits, files.label("files")).where(tasks.c.id == task)).one()
    tallies.raise_(conn, Tally(tallies.LOSSES, source, ("asset", reason), total=(row.credits or 0.0) / row.files))


def of_task(source: str, reason: str | None, cost: float | None) -> list[Tally]:
    """A task that ended without a file is a loss where it cost something; where it did not, nothing was lost."""
    return [Tally(tallies.LOSSES, source, ("task", reason or "unknown"), total=cost)] if cost else []
