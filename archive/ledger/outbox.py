"""What is owed after an asset is archived, such as its poster. Never in the way of a transfer."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update

from archive.ledger.database import Database
from archive.ledger.schema import assets, outbox

LEASE = timedelta(minutes=2)
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Errand:
    """One thing owed for one archived asset."""

    id: int
    kind: str
    asset_id: str
    source: str
    bucket: str
    key: str
    version_id: str | None
    size: int
    attempts: int


def take(db: Database) -> Errand | None:
    """Claim the oldest due errand; None where there is none. Doing one twice is harmless."""
    with db.write() as conn:
        now = db.now(conn)
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
        asset = conn.execute(select(assets).where(assets.c.id == row["asset"])).mappings().one()
    return Errand(
        row["id"], row["kind"], asset["id"], asset["source"], asset["bucket"], asset["key"],
        asset["version_id"], asset["size"], row["attempts"] + 1,
    )  # fmt: skip


def done(db: Database, errand: Errand, poster_key: str | None) -> None:
    """The errand is over: with a poster, or without one because the file gives none."""
    with db.write() as conn:
        conn.execute(delete(outbox).where(outbox.c.id == errand.id))
        if poster_key:
            conn.execute(update(assets).where(assets.c.id == errand.asset_id).values(poster_key=poster_key))


def later(db: Database, errand: Errand, delay: timedelta) -> None:
    """It did not work; try again after *delay*, or give up after MAX_ATTEMPTS: a poster is no promise."""
    if errand.attempts >= MAX_ATTEMPTS:
        done(db, errand, None)
        return
    with db.write() as conn:
        conn.execute(update(outbox).where(outbox.c.id == errand.id).values(due_at=db.now(conn) + delay))
