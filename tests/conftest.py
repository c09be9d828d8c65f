"""Fixtures for every test: real servers are started once a session, on free ports, under temporary folders."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from archive.ledger import migrate
from archive.ledger.database import Database
from tests.doubles import FakeClock
from tests.javascript.runner import JavaScript, installed
from tests.listener import Listener
from tests.servers import Postgres

# How long one example takes says more of who else is busy here than of the code; tests have a timeout.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server."""
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> JavaScript:
    """Node.js with the published library; tests without it are skipped and say so."""
    return installed(tmp_path_factory.mktemp("javascript"))


@pytest.fixture
def listener() -> Iterator[Listener]:
    """An application of the user's that hears what it is told."""
    server = Listener()
    yield server
    server.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with today's tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> str:
    """The name of a PostgreSQL database with today's tables and nothing in them, to be copied."""
    name = postgres.create()
    _migrate(postgres.url(name))
    return name


def _migrate(url: str) -> None:
    database = Database(url, patience=10)
    migrate.upgrade(database)
    database.close()


@pytest.fixture
def fresh_postgres(postgres: Postgres) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database: every ledger promise is kept on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    url: str = request.getfixturevalue("fresh_postgres")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def todays_ledger(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Iterator[str]:
    """A fresh database with today's tables."""
    if request.param == "sqlite":
        shutil.copy(migrated, tmp_path / "ledger.db")
        yield f"sqlite:///{tmp_path}/ledger.db"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create(request.getfixturevalue("migrated_postgres"))
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def db(todays_ledger: str, clock: FakeClock) -> Iterator[Database]:
    """A ledger on the fake clock."""
    database = Database(todays_ledger, clock=clock, patience=10)
    yield database
    database.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with the promises that were not tested on this machine, if any."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped})
    missing = [reason.removeprefix("NOT TESTED: ") for reason in reasons]
    terminalreporter.section("promises NOT tested here")
    terminalreporter.line("\n".join(missing) or "none: everything was tested")
