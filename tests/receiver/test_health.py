"""Alive, and ready."""

from pathlib import Path

from archive.ledger.database import Database
from tests.doubles import FakeClock, SilentBell
from tests.receiver.house import House, open_house


def test_live(house: House) -> None:
    """Liveness asks nobody and needs no token."""
    response = house.client.get("/healthz")
    assert (200, {"status": "ok"}) == (response.status_code, response.json())


def test_ready__without_queue_and_store(small_db: Database, clock: FakeClock) -> None:
    """A receiver that can commit is ready; what it can do without is reported with its consequence."""
    with open_house(small_db, clock, bell=SilentBell(reachable=False)) as house:
        response = house.client.get("/readyz")
    checks = {
        "ledger": "ok",
        "queue": "unreachable: workers look for work by themselves",
        "store": "unreachable: callbacks are kept, transfers wait",
        "transfers": "ok",
    }
    assert (200, {"status": "ready", "checks": checks}) == (response.status_code, response.json())


def test_not_ready__before_the_tables_are_made(tmp_path: Path, house: House, clock: FakeClock) -> None:
    """With an older ledger, or none, it is not ready and says what to do."""
    with house.db.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'older'")
    response = house.client.get("/readyz")
    assert (503, "not_ready") == (response.status_code, response.json()["status"])
    assert "schema_outdated: run `reelkeep migrate`" == response.json()["checks"]["ledger"]


def test_ready__on_a_newer_ledger(house: House) -> None:
    """While a newer version is rolled out the old one stays in service, and a note says what it found (F83)."""
    with house.db.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    said = house.client.get("/readyz")
    assert (200, "ready", "ok") == (said.status_code, said.json()["status"], said.json()["checks"]["ledger"])
    assert ["schema_newer"] == [note.partition(":")[0] for note in said.json()["notes"]]


def test_not_ready__while_the_ledger_cannot_be_reached(house: House) -> None:
    """A ledger that is not there is the reason."""
    database = Path(str(house.db.engine.url.database))
    house.db.close()
    database.unlink()
    database.mkdir()
    response = house.client.get("/readyz")
    assert (503, "ledger_unavailable") == (response.status_code, response.json()["checks"]["ledger"])
