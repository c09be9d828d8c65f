"""What an operator may change: pause a source, give a quarantined or lost asset another chance."""

from sqlalchemy import select, update

from archive.ledger import audit
from archive.ledger.database import Database
from archive.ledger.schema import assets, sources
from archive.ledger.upsert import insert_new
from archive.model import AssetState

RETRIABLE = (AssetState.QUARANTINED, AssetState.LOST)


def pause(db: Database, source: str, *, paused: bool, actor: str) -> None:
    """Stop or resume new claims and looks of a source; running transfers go on."""
    with db.write() as conn:
        insert_new(conn, sources, [{"name": source}])
        before = conn.scalars(select(sources.c.paused).where(sources.c.name == source).with_for_update()).one()
        if bool(before) is paused:
            return
        conn.execute(update(sources).where(sources.c.name == source).values(paused=paused))
        was, now = ("running", "paused") if paused else ("paused", "running")
        audit.write(conn, db.now(conn), [audit.Entry("source", source, was, now, actor)])


def retry(db: Database, asset_id: str, actor: str) -> AssetState | None:
    """
    Make an asset due now, with its attempts forgotten; one that was quarantined or lost waits again.

    Returns:
        The state it was in; None where there is no such asset. An archived asset stays as it is.
    """
    with db.write() as conn:
        now = db.now(conn)
        found = conn.scalars(select(assets.c.state).where(assets.c.id == asset_id).with_for_update()).first()
        if found is None:
            return None
        state = AssetState(found)
        if state in RETRIABLE:
            values = {"state": AssetState.WAITING, "reason": None, "due_at": now, "attempts": 0, "crashes": 0}
            conn.execute(update(assets).where(assets.c.id == asset_id).values(**values))
            audit.write(conn, now, [audit.Entry("asset", asset_id, state, AssetState.WAITING, actor, "retry")])
        elif state is AssetState.WAITING:
            waiting = (assets.c.id == asset_id, assets.c.owner.is_(None))
            conn.execute(update(assets).where(*waiting).values(due_at=now, attempts=0, crashes=0))
        return state
