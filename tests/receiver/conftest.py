"""A receiver over SQLite; tests that hold on both databases take `db` themselves."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.ledger.database import Database
from tests.doubles import FakeClock
from tests.origin import Origin, origin
from tests.receiver.house import SETTINGS, House, open_house, s3_credentials
from tests.receiver.outward import Service, made, serving, takes
from tests.simulator.helpers import HMAC_KEY, Simulator, running


@pytest.fixture(scope="module", autouse=True)  # not longer: other packages' stores have other credentials
def credentials() -> Iterator[None]:
    with s3_credentials():
        yield


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


@pytest.fixture
def patient(small_db: Database, clock: FakeClock) -> Iterator[House]:
    """A receiver that tells no stranger to wait."""
    rate = {"requests": 1_000_000, "seconds": 60}
    with open_house(small_db, clock, server={**SETTINGS["server"], "untrusted_rate": rate}) as house:
        yield house


@pytest.fixture
def real_db(migrated: Path, tmp_path: Path) -> Iterator[Database]:
    """A ledger on the machine's own clock."""
    shutil.copy(migrated, tmp_path / "ledger.db")
    db = Database(f"sqlite:///{tmp_path}/ledger.db", patience=0.2)
    yield db
    db.close()


@pytest.fixture
def provider() -> Iterator[Origin]:
    """A provider that takes every order at KIE's flat route."""
    with origin() as server:
        takes(server, made())
        yield server


@pytest.fixture
def service(real_db: Database, provider: Origin) -> Iterator[Service]:
    """A receiver whose sources' APIs are all *provider*."""
    with serving(real_db, f"http://{provider.authority}") as service:
        yield service


@pytest.fixture(scope="session")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """The simulated providers, without limits: no task knows of another."""
    limits = ("--limit", "seedance2ai=0/60", "--limit", "acedata=0/1")
    with running(tmp_path_factory.mktemp("simulator"), "--hmac-key", HMAC_KEY, *limits) as sim:
        yield sim
