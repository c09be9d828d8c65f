"""What was committed is on disk: asked of the database, and refused where it is not so (F11's kind, for the ledger)."""

from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from archive.errors import LedgerError
from archive.ledger import database
from archive.ledger.database import Database
from archive.ledger.durability import shortcomings
from archive.process import keeps_commits
from archive.settings import Settings
from tests.servers import Postgres


def test_sqlite__waits_for_the_disk(tmp_path: Path) -> None:
    """Every connection to SQLite keeps a write-ahead log and syncs it at each commit."""
    db = Database(f"sqlite:///{tmp_path}/ledger.db")
    with db.read() as one, db.read() as other:
        told = [
            [conn.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")]
            for conn in (one, other)
        ]
    assert [["wal", 2]] * 2 == told
    assert [] == shortcomings(db)
    db.close()


def test_sqlite__no_log_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite that keeps no write-ahead log, and does not say so, is not written to; a process ends with 78."""
    monkeypatch.chdir(tmp_path)
    db = Database("sqlite:///file:ledger.db?vfs=unix-none&uri=true")  # files that cannot be shared, as on some networks
    with pytest.raises(LedgerError, match=database.NOT_DURABLE), db.write():
        pass
    with pytest.raises(SystemExit, match="78"):
        keeps_commits(db, Settings())
    assert "write-ahead log" in capsys.readouterr().err
    db.close()


@pytest.mark.parametrize("value", ["on", "local", "remote_apply"])
def test_postgresql__commits_that_wait(postgres: Postgres, fresh_postgres: str, value: str) -> None:
    """Any synchronous_commit but off will do: our own server's disk has the commit when it returns."""
    _of_the_role(fresh_postgres, f"SET synchronous_commit = {value}")
    db = Database(fresh_postgres)
    with postgres.durable():
        assert [] == shortcomings(db)
    db.close()


def test_postgresql__the_database_has_its_own_setting(fresh_postgres: str) -> None:
    """What one database (or role) has set for itself counts, not the server's; no connection of ours is had then."""
    _of_the_role(fresh_postgres, "SET synchronous_commit = off")
    db = Database(fresh_postgres)
    [said] = shortcomings(db)
    assert "synchronous_commit is off" in said
    with pytest.raises(LedgerError, match=database.NOT_DURABLE), db.write():
        pass
    assert 0 == db.engine.pool.checkedout()  # type: ignore[attr-defined]
    db.close()


def test_postgresql__a_server_that_does_not_sync(
    postgres: Postgres, fresh_postgres: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """fsync and full_page_writes off are refused with 78 and a line each, unless somebody vouches for the storage."""
    db = Database(fresh_postgres)
    with pytest.raises(SystemExit, match="78"):
        keeps_commits(db, Settings())
    said = capsys.readouterr().err
    assert "fsync = off" in said
    assert "full_page_writes = off" in said
    keeps_commits(db, Settings.model_validate({"ledger": {"storage_is_durable": True}}))
    with postgres.durable():
        keeps_commits(db, Settings())
    db.close()


def test_postgresql__gives_no_answer(fresh_postgres: str) -> None:
    """A statement that is not answered in time is a ledger that is away, and its connection is not used again."""
    db = Database(fresh_postgres, answer=0.3)
    with pytest.raises(LedgerError, match="ledger_unavailable"), db.read() as conn:
        conn.execute(text("SELECT pg_sleep(20)"))
    with db.read() as conn:
        assert 1 == conn.execute(text("SELECT 1")).scalar_one()
    db.close()


def _of_the_role(url: str, change: str) -> None:
    """Let every new session in this database begin so."""
    name = make_url(url).database
    db = Database(url)
    with db.write() as conn:
        conn.exec_driver_sql(f'ALTER DATABASE "{name}" {change}')
    db.close()
