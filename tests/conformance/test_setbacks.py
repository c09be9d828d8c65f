"""The ledger's clock goes back (F19): nothing stands still until the old time is reached again."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from archive.budget import split
from archive.ledger import accounts, claims, deliveries, leases, looks, setbacks, tasks
from archive.ledger.database import Database
from archive.ledger.schema import assets, notifications, outbox, sources, targets
from archive.ledger.schema import leases as leases_table
from archive.ledger.schema import tasks as tasks_table
from archive.model import Pace
from tests.builders import LINK_LIFE, received
from tests.doubles import START, FakeClock

LEASE = timedelta(seconds=12)
PACE = Pace(timedelta(55), timedelta(5), 1000, timedelta(seconds=1))
BUDGET = split(PACE, hinted=True)


@pytest.fixture
def db(db: Database) -> Database:
    """A ledger that has been in use, of a source that is asked."""
    claims.register_sources(db, {"kie": 8})
    setbacks.mend(db)
    return db


def registered(db: Database) -> str:
    wanted = tasks.Registration("kie", "t1", None, None, None, timedelta(seconds=55), LINK_LIFE, True)
    [key] = tasks.register(db, [wanted], "operator")
    return key


@pytest.mark.parametrize("hours", [1, 24])
def test_mend__an_asset_that_was_due(db: Database, clock: FakeClock, hours: int) -> None:
    """What was due before the clock went back is due again, and a fresh callback's file with it."""
    deliveries.record(db, [received()])
    clock.advance(seconds=5)
    setbacks.mend(db)
    clock.advance(hours=-hours)
    assert claims.take(db, "w1", {"kie": 8}, LEASE) is None
    assert timedelta(hours=hours) == setbacks.mend(db)
    assert claims.take(db, "w1", {"kie": 8}, LEASE) is not None


def test_mend__a_lease_keeps_its_length(db: Database, clock: FakeClock) -> None:
    """A claim of a living worker stands as long as it would have, that of a dead one is free when its lease is over."""
    deliveries.record(db, [received()])
    claims.take(db, "w1", {"kie": 8}, LEASE)
    setbacks.mend(db)
    clock.advance(hours=-1)
    setbacks.mend(db)
    assert claims.take(db, "w2", {"kie": 8}, LEASE) is None
    clock.advance(seconds=11)
    assert claims.take(db, "w2", {"kie": 8}, LEASE) is None
    clock.advance(seconds=2)
    assert claims.take(db, "w2", {"kie": 8}, LEASE) is not None


def test_mend__a_claim_renewed_since_stands(db: Database, clock: FakeClock) -> None:
    """A worker that renewed its claim by the new time, before anybody noticed the setback, does not lose it by that."""
    deliveries.record(db, [received()])
    claim = claims.take(db, "w1", {"kie": 8}, LEASE)
    assert claim is not None
    setbacks.mend(db)
    clock.advance(hours=-1)
    claims.heartbeat(db, "w1", [claim.asset_id], LEASE)
    clock.advance(seconds=1)
    assert timedelta(0) < setbacks.mend(db)
    assert claims.take(db, "w2", {"kie": 8}, LEASE) is None
    clock.advance(seconds=11)
    assert claims.take(db, "w2", {"kie": 8}, LEASE) is not None


def test_mend__looks_buckets_and_hints(db: Database, clock: FakeClock) -> None:
    """A planned look, a full bucket, an account at rest and a hint's instant are moved along."""
    registered(db)
    accounts.rest(db, "kie", BUDGET, timedelta(minutes=5))
    with db.write() as conn:
        conn.execute(update(tasks_table).values(hinted_at=START))
    clock.advance(hours=-1)
    setbacks.mend(db)
    with db.read() as conn:
        task = conn.execute(select(tasks_table)).mappings().one()
    assert (START - timedelta(hours=1)) == task["hinted_at"]
    assert [] == looks.take(db, {"kie": BUDGET}, {})
    clock.advance(minutes=6)
    assert 1 == len(looks.take(db, {"kie": BUDGET}, {}))


def test_mend__everything_that_is_planned(db: Database, clock: FakeClock) -> None:
    """No column that says when something is due next is left behind, whichever table it stands in."""
    planned = {
        (table.name, column.name)
        for table in (assets, tasks_table, outbox, notifications, sources, targets, leases_table)
        for column in table.c
        if column.name in ("due_at", "look_at", "until") or column.name.endswith("_until")
    }
    assert planned == {(column.table.name, column.name) for column in setbacks._PLANNED}


def test_mend__the_clocks_own_lease(db: Database, clock: FakeClock) -> None:
    """A clock process that died before the time went back is followed after its lease, not after the time is back."""
    assert leases.hold(db, "clock", "dead", timedelta(seconds=15))
    clock.advance(days=-1)
    setbacks.mend(db)
    assert not leases.hold(db, "clock", "next", timedelta(seconds=15))
    clock.advance(seconds=16)
    assert leases.hold(db, "clock", "next", timedelta(seconds=15))


def test_mend__what_is_no_setback(db: Database, clock: FakeClock) -> None:
    """Time that passes, a clock set right by seconds, and a leap forward move nothing; a setback is moved once."""
    deliveries.record(db, [received()])
    claims.take(db, "w1", {"kie": 8}, LEASE)
    for seconds in (0, 5, -4, 3600):
        clock.advance(seconds=seconds)
        assert timedelta(0) == setbacks.mend(db)
    clock.advance(hours=-2)
    assert [timedelta(hours=2), timedelta(0)] == [setbacks.mend(db) for _ in range(2)]
    with db.read() as conn:
        assert [clock.now + setbacks.ROOM] == conn.scalars(select(assets.c.due_at)).all()
