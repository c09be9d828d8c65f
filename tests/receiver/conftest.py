"""A receiver over SQLite; tests that hold on both databases take `db` themselves."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.ledger import migrate
from archive.ledger.database import Database
from tests.doubles import FakeClock
from tests.receiver.house import House, open_house, s3_credentials


@pytest.fixture(scope="session", autouse=True)
def credentials() -> Iterator[None]:
    with s3_credentials():
        yield


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger with today's tables, made once."""
    path = tmp_path_factory.mktemp("migrated") / "ledger.db"
    db = Database(f"sqlite:///{path}")
    migrate.upgrade(db)
    db.close()
    return path


@pytest.fixture
def small_db(migrated: Path, tmp_path: Path, clock: FakeClock) -> Iterator[Database]:
    """A ledger on SQLite, with no patience for locks."""
    shutil.copy(migrated, tmp_path / "ledger.db")
    db = Database(f"sqlite:///{tmp_path}/ledger.db", clock=clock, patience=0.2)
    yield db
    db.close()


@pytest.fixture
def house(small_db: Database, clock: FakeClock) -> Iterator[House]:
    with open_house(small_db, clock) as house:
        yield house
