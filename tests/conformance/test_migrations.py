"""What a newer version makes of a ledger that has work in it."""

from alembic import command
from sqlalchemy import select, text

from archive.ledger import migrate, outbox
from archive.ledger.database import Database
from archive.ledger.outbox import MetadataErrand, PosterErrand
from archive.ledger.schema import outbox as owed
from tests.doubles import FakeClock

_AT = 1_000_000_000_000_000  # 2001
_TASK = (
    "INSERT INTO tasks (id, source, task_id, state, external_id, metadata, created_at, expected_at, must_by)"
    " VALUES (:id, 'kie', :id, 'succeeded', 'order-7', :metadata, :at, :at, :at)"
)
_ASSET = (
    "INSERT INTO assets (id, task, source, task_id, role, ordinal, state, verdict, link, link_expires_at, link_origin,"
    " created_at, must_by, bucket, key, sha256, size)"
    " VALUES (:id, 't1', 'kie', 't1', 'video', 0, 'archived', 'polled', '', :at, 'default', :at, :at, 'b', 'k', 's', 1)"
)
_POSTER = "INSERT INTO outbox (kind, asset, due_at, attempts) VALUES ('poster', :asset, :at, 2)"


def at_0002(db: Database) -> None:
    """Tables of version 0002 with two posters owed, and tasks with and without metadata."""
    with db.write() as conn:
        config = migrate._config(db)
        config.attributes["connection"] = conn
        command.upgrade(config, "0002")
        for key, metadata in (("t1", '{"scene":1}'), ("t2", None)):
            conn.execute(text(_TASK), {"id": key, "metadata": metadata, "at": _AT})
        for key in ("a1", "a2"):
            conn.execute(text(_ASSET), {"id": key, "at": _AT})
            conn.execute(text(_POSTER), {"asset": key, "at": _AT})


def test_0003__keeps_what_is_owed(ledger_url: str, clock: FakeClock) -> None:
    """Posters that are owed stay owed once each, also by what a process of the old version writes after it."""
    db = Database(ledger_url, clock=clock, patience=10)
    at_0002(db)
    migrate.upgrade(db)
    with db.write() as conn:
        old = (
            "INSERT INTO outbox (kind, asset, due_at) VALUES ('poster', 'a1', :at) ON CONFLICT (kind, asset) DO NOTHING"
        )
        conn.execute(text(old), {"at": _AT})
    with db.read() as conn:
        rows = conn.execute(select(owed.c.asset, owed.c.attempts).where(owed.c.kind == "poster").order_by(owed.c.asset))
        assert [("a1", 2), ("a2", 2)] == [tuple(row) for row in rows]
    found = [outbox.take(db) for _ in range(3)]
    assert ["a1", "a2"] == sorted(errand.asset_id for errand in found if isinstance(errand, PosterErrand))
    db.close()


def test_0003__owes_the_metadata_that_is_known_already(ledger_url: str, clock: FakeClock) -> None:
    """Metadata of tasks registered before the companion bucket had any is written too; what has none is not owed."""
    db = Database(ledger_url, clock=clock, patience=10)
    at_0002(db)
    migrate.upgrade(db)
    found = [outbox.take(db) for _ in range(4)]
    [errand] = [errand for errand in found if isinstance(errand, MetadataErrand)]
    assert ("t1", "order-7", '{"scene":1}') == (errand.task_id, errand.external_id, errand.metadata)
    db.close()
