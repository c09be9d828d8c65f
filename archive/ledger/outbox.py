"""What is owed beside the transfers and never in their way: posters of films, metadata in the companion bucket."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from archive.ledger import audit
from archive.ledger.database import Database
from archive.ledger.schema import assets, outbox, tasks
from archive.suspects import REASON

LEASE = timedelta(minutes=2)
MAX_ATTEMPTS = 5
_POSTER, _METADATA = "poster", "metadata"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PosterErrand:
    """An archived film whose poster is owed."""

    id: int
    attempts: int
    asset_id: str
    source: str
    bucket: str
    key: str
    version_id: str | None
    size: int


@dataclass(frozen=True)
class MetadataErrand:
    """A task whose metadata is to stand in the companion bucket. `metadata` is JSON, the user's own."""

    id: int
    attempts: int
    task: str
    source: str
    task_id: str
    external_id: str | None
    metadata: str = field(repr=False)
    created_at: datetime


Errand = PosterErrand | MetadataErrand


def owe_poster(conn: Connection, asset: str, at: datetime) -> None:
    _owe(conn, [{"kind": _POSTER, "asset": asset, "due_at": at}], "asset")


def owe_metadata(conn: Connection, keys: Sequence[str], at: datetime) -> None:
    """For tasks (the ledger's ids) whose own words changed, in the transaction that changes them."""
    _owe(conn, [{"kind": _METADATA, "task": key, "due_at": at} for key in sorted(set(keys))], "task")


def _owe(conn: Connection, rows: Sequence[dict[str, object]], subject: str) -> None:
    """What is owed already starts anew: it may be about other words by now."""
    if rows:
        dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(outbox)
        again = {"due_at": statement.excluded.due_at, "attempts": 0}
        conn.execute(statement.on_conflict_do_update(index_elements=["kind", subject], set_=again), rows)


def take(db: Database) -> Errand | None:
    """
    Claim the oldest due errand; None where there is none. Doing one twice is harmless.

    One whose attempts are used up is dropped here: whoever tried it last died of it and could not say so. That a task's
    metadata will not stand in the companion bucket is audited, since it was promised.
    """
    with db.write() as conn:
        now = db.now(conn)
        spent = delete(outbox).where(outbox.c.due_at <= now, outbox.c.attempts >= MAX_ATTEMPTS)
        for kind, asset, task in conn.execute(spent.returning(outbox.c.kind, outbox.c.asset, outbox.c.task)).all():
            _log.error("errand.given_up", extra={"kind": kind, "asset": asset, "task": task})
            if task is not None:
                state = conn.scalars(select(tasks.c.state).where(tasks.c.id == task)).one()
                facts = {"errand": kind, "crashes": MAX_ATTEMPTS}
                audit.write(conn, now, [audit.Entry("task", task, state, state, "worker", REASON, facts)])
        head = (
            select(outbox)
            .where(outbox.c.due_at <= now)
            .order_by(outbox.c.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = conn.execute(head).mappings().first()
        if row is None:
            return None
        conn.execute(
            update(outbox).where(outbox.c.id == row["id"]).values(due_at=now + LEASE, attempts=row["attempts"] + 1)
        )
        return _metadata_errand(conn, row) if row["kind"] == _METADATA else _poster_errand(conn, row)


def _poster_errand(conn: Connection, row: RowMapping) -> PosterErrand:
    asset = conn.execute(select(assets).where(assets.c.id == row["asset"])).mappings().one()
    return PosterErrand(
        row["id"], row["attempts"] + 1, asset["id"], asset["source"], asset["bucket"], asset["key"],
        asset["version_id"], asset["size"],
    )  # fmt: skip


def _metadata_errand(conn: Connection, row: RowMapping) -> MetadataErrand:
    task = conn.execute(select(tasks).where(tasks.c.id == row["task"])).mappings().one()
    return MetadataErrand(
        row["id"], row["attempts"] + 1, task["id"], task["source"], task["task_id"], task["external_id"],
        task["metadata"], task["created_at"],
    )  # fmt: skip


def done(db: Database, errand: Errand, key: str | None) -> None:
    """
    The errand is over: its object stands under *key*, or there is none.

    Where the task's words changed meanwhile, those that were written are not its own any more: it is due again.
    """
    with db.write() as conn:
        if isinstance(errand, MetadataErrand):
            as_written = (
                tasks.c.external_id.is_not_distinct_from(errand.external_id),
                tasks.c.metadata == errand.metadata,
            )
            if not conn.execute(
                update(tasks).where(tasks.c.id == errand.task, *as_written).values(metadata_key=key)
            ).rowcount:
                conn.execute(update(outbox).where(outbox.c.id == errand.id).values(due_at=db.now(conn), attempts=0))
                return
        elif key:
            conn.execute(update(assets).where(assets.c.id == errand.asset_id).values(poster_key=key))
        conn.execute(delete(outbox).where(outbox.c.id == errand.id))


def later(db: Database, errand: Errand, delay: timedelta) -> None:
    """
    The store did not do it; try again after *delay*.

    A poster is no promise and is given up after MAX_ATTEMPTS. Metadata is one: waiting for the store costs it nothing.
    """
    if isinstance(errand, PosterErrand) and errand.attempts >= MAX_ATTEMPTS:
        done(db, errand, None)
        return
    counted = errand.attempts if isinstance(errand, PosterErrand) else 0
    with db.write() as conn:
        again = {"due_at": db.now(conn) + delay, "attempts": counted}
        conn.execute(update(outbox).where(outbox.c.id == errand.id).values(**again))
