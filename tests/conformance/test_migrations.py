"""What a newer version makes of a ledger that has work in it, and of one that is newer still."""

import ast
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from archive.errors import LedgerError
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
        migrate._apply(conn, "0002")
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


MIGRATIONS = Path(migrate.__file__).parent / "migrations" / "versions"
_CONSTANT = re.compile(r"-?\d+(\.\d+)?|'[^']*'")


def beyond(source: str) -> Iterator[str]:
    """What in a migration does more than add, a line each."""
    tree = ast.parse(source)
    new: set[object] = set()
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        match call.func:
            case ast.Attribute(value=ast.Name(id="op"), attr=verb):
                table = call.args[1 if verb == "create_index" else 0]
                name = table.value if isinstance(table, ast.Constant) else None
                if verb == "create_table":
                    new.add(name)
                elif verb == "add_column":
                    yield from column(call.args[1])
                elif verb != "create_index" or name not in new:
                    yield f"op.{verb}"


def column(given: ast.expr) -> Iterator[str]:
    """A column on a table that stands: its type, and null or a constant for the rows that are there."""
    assert isinstance(given, ast.Call)
    keywords = {word.arg: word.value for word in given.keywords}
    if len(given.args) != 2 or set(keywords) - {"nullable", "server_default"}:
        yield "a column with a constraint"
    default = keywords.get("server_default")
    if default is None:
        if getattr(keywords.get("nullable"), "value", True) is not True:
            yield "a column that rows of the version before do not fill"
        return
    said = default.args[0] if isinstance(default, ast.Call) and default.args else default
    if not (isinstance(said, ast.Constant) and (said is default or _CONSTANT.fullmatch(str(said.value)))):
        yield "a default that is computed for each row"


@pytest.mark.parametrize("path", sorted(MIGRATIONS.glob("*.py"))[3:], ids=lambda path: path.stem)
def test_migration__only_adds(path: Path) -> None:
    """From 0004 on the version before goes on working while a migration runs and after it (F83)."""
    assert [] == list(beyond(path.read_text()))


@pytest.mark.parametrize(
    "statement",
    [
        "op.drop_column('tasks', 'state')",
        "op.rename_table('tasks', 'jobs')",
        "op.alter_column('tasks', 'state', nullable=True)",
        "op.execute('UPDATE tasks SET state = 1')",
        "op.create_index('i', 'tasks', ['state'])",
        "with op.batch_alter_table('tasks') as batch: pass",
        "op.add_column('tasks', sa.Column('x', sa.Integer(), nullable=False))",
        "op.add_column('tasks', sa.Column('x', sa.Integer(), sa.ForeignKey('assets.id')))",
        "op.add_column('tasks', sa.Column('x', sa.Integer(), unique=True))",
        "op.add_column('tasks', sa.Column('x', sa.Integer(), server_default=sa.text('random()'), nullable=False))",
        "op.add_column('tasks', sa.Column('x', sa.Integer(), server_default=sa.func.now(), nullable=False))",
    ],
)
def test_migration__that_does_more_is_noticed(statement: str) -> None:
    """Each way in which a migration can break, freeze or rewrite for the version before is found."""
    assert 1 == len(list(beyond(statement)))


def test_migrations__are_numbered_up_to_the_one_this_version_names() -> None:
    """The revision in the code, which need not load Alembic then, is that of the last migration; four digits each."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS.parent))
    found = sorted(script.revision for script in ScriptDirectory.from_config(config).walk_revisions())
    assert [f"{number:04}" for number in range(1, len(found) + 1)] == found
    assert migrate.REVISION == found[-1]


def made_newer(db: Database) -> None:
    """What a version after this one would make of the ledger."""
    with db.write() as conn:
        conn.execute(text("ALTER TABLE assets ADD COLUMN of_tomorrow INTEGER NOT NULL DEFAULT 7"))
        conn.execute(text("CREATE TABLE of_tomorrow (id INTEGER PRIMARY KEY)"))
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def test_upgrade__leaves_a_newer_ledger_as_it_is(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A version that comes back after a newer one starts, changes no table and says what it found (F83)."""
    made_newer(db)
    migrate.upgrade(db)
    assert migrate.Standing.NEWER is migrate.standing(db)
    assert ["ledger.schema_newer"] == [record.message for record in caplog.records]


def test_upgrade__never_waits_in_the_way_of_others(fresh_postgres: str, caplog: pytest.LogCaptureFixture) -> None:
    """While a long transaction holds a table the version before goes on, and the migration comes back."""
    db, old = Database(fresh_postgres, patience=10), Database(fresh_postgres, patience=10)
    at_0002(db)
    pauses: list[float] = []

    def meanwhile(pause: float) -> None:
        """While the migration waits, at most half a second behind the table, nobody queues behind it."""
        pauses.append(pause)
        with old.write() as conn:
            conn.execute(text("SET LOCAL lock_timeout = '100ms'"))
            conn.execute(text("UPDATE tasks SET looks = 1 WHERE id = 't2'"))
        if len(pauses) == 2:
            done.set()
            holder.join()

    done, holds = threading.Event(), threading.Event()

    def hold() -> None:
        with old.read() as conn:
            conn.execute(text("SELECT count(*) FROM tasks"))
            holds.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert holds.wait(10)
    migrate.upgrade(db, sleep=meanwhile, spread=lambda: 0.5)
    assert [1.5, 1.5] == pauses
    assert migrate.Standing.CURRENT is migrate.standing(db)
    assert 2 == len([record for record in caplog.records if record.message == "ledger.migration_waits"])
    for database in (db, old):
        database.close()


def test_upgrade__gives_up_in_the_end(fresh_postgres: str) -> None:
    """A table that somebody holds for longer than the patience is the reason, by its name."""
    db, old = Database(fresh_postgres, patience=10), Database(fresh_postgres, patience=10)
    at_0002(db)
    with old.read() as conn:
        conn.execute(text("SELECT count(*) FROM tasks"))
        with pytest.raises(LedgerError, match="migration_blocked"):
            migrate.upgrade(db, patience=0, sleep=lambda _pause: pytest.fail("it slept"))
    assert migrate.Standing.OLDER is migrate.standing(db)
    for database in (db, old):
        database.close()
