"""The clock: one active, and what each of its ticks does."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from archive.ledger import audit, claims, deliveries, notifications, targets, tasks
from archive.ledger.database import Database
from archive.ledger.schema import assets
from archive.ledger.schema import notifications as notifications_table
from archive.ledger.schema import tasks as tasks_table
from archive.settings import Settings
from tests.builders import LINK_LIFE, received, source, target
from tests.doubles import BellDouble, FakeClock
from workers.clock import Clock

ALERT = {"alert": "x", "text": "x", "raised": True, "source": None, "target": None}
SETTINGS = Settings(sources={"kie": source("api.example"), "mute": source()})


@pytest.fixture
def bell() -> BellDouble:
    return BellDouble()


def a_clock(db: Database, bell: BellDouble, owner: str = "c1") -> Clock:
    return Clock(SETTINGS, db, bell, owner)


def register(db: Database, name: str, *, askable: bool) -> None:
    tasks.register(
        db, [tasks.Registration(name, "t1", None, None, None, timedelta(seconds=55), LINK_LIFE, askable)], "operator"
    )


def test_tick__only_one_clock_is_active(db: Database, clock: FakeClock, bell: BellDouble) -> None:
    """While one ticks the others stand by and ring for nothing; after three missed ticks another takes over."""
    deliveries.record(db, [received()])
    first, second = a_clock(db, bell, "c1"), a_clock(db, bell, "c2")
    assert [True, False, True, False] == [first.tick(), second.tick(), first.tick(), second.tick()]
    assert 2 == len(bell.rung)
    clock.advance(seconds=3 * SETTINGS.workers.sweep.total_seconds() + 1)
    assert [True, False] == [second.tick(), first.tick()]


def test_stop__hands_over_at_once(db: Database, bell: BellDouble) -> None:
    """A clock that stops is followed without waiting for its lease; one that was not active takes nothing with it."""
    first, second, third = (a_clock(db, bell, owner) for owner in ("c1", "c2", "c3"))
    first.tick()
    third.stop()
    assert not second.tick()
    first.stop()
    assert second.tick()


def test_tick__rings_for_everyone_while_something_is_due(db: Database, clock: FakeClock, bell: BellDouble) -> None:
    """Nothing due rings nobody; a due asset rings all, each tick until somebody has taken it."""
    one = a_clock(db, bell)
    one.tick()
    assert [] == bell.rung
    claims.register_sources(db, SETTINGS.caps)
    deliveries.record(db, [received()])
    one.tick(), one.tick()
    assert [True, True] == bell.rung
    claims.take(db, "w1", SETTINGS.caps, timedelta(seconds=12))
    one.tick()
    assert 2 == len(bell.rung)
    clock.advance(seconds=13)  # its worker died
    one.tick()
    assert 3 == len(bell.rung)


def test_tick__rings_for_looks(db: Database, clock: FakeClock, bell: BellDouble) -> None:
    """A task that is due to be asked about is work too, from its instant on."""
    register(db, "kie", askable=True)
    one = a_clock(db, bell)
    one.tick()
    assert [] == bell.rung
    clock.advance(seconds=56)
    one.tick()
    assert [True] == bell.rung


@pytest.mark.parametrize(("name", "planned"), [("kie", True), ("mute", False)])
def test_tick__plans_looks_where_there_are_none(
    db: Database, clock: FakeClock, bell: BellDouble, name: str, planned: bool
) -> None:
    """A task registered before its source had a key is asked about now; one of a source without key is not."""
    register(db, name, askable=False)
    a_clock(db, bell).tick()
    with db.read() as conn:
        assert (clock() if planned else None) == conn.scalars(select(tasks_table.c.look_at)).one()
    assert [True] * planned == bell.rung


def test_tick__says_what_is_late(
    db: Database, clock: FakeClock, bell: BellDouble, caplog: pytest.LogCaptureFixture
) -> None:
    """An asset still waiting past its deadline is an error in the log, once it is past."""
    deliveries.record(db, [received()])
    one = a_clock(db, bell)
    one.tick()
    assert [] == caplog.records
    clock.advance(minutes=21)
    one.tick()
    assert [("clock.assets_overdue", 1)] == [(r.message, r.__dict__["overdue"]) for r in caplog.records]


def test_tick__says_when_looks_come_later_than_links_live(
    db: Database, clock: FakeClock, bell: BellDouble, caplog: pytest.LogCaptureFixture
) -> None:
    """A task that was not asked about for longer than a link lives is an error in the log, each tick, by its source."""
    one = a_clock(db, bell)
    register(db, "kie", askable=True)
    one.tick()
    assert [] == caplog.records
    clock.advance(minutes=22)
    one.tick()
    [record] = caplog.records
    assert ("clock.polls_late", "ERROR", "kie", 1) == (
        record.message, record.levelname, record.__dict__["source"], record.__dict__["late"],
    )  # fmt: skip


def test_tick__raises_and_clears_alarms(db: Database, clock: FakeClock, bell: BellDouble) -> None:
    """What goes wrong is told to the targets when it begins and when it ends, once each."""
    targets.register_targets(db, [target(types=["audit.alert"])])
    deliveries.record(db, [received()])
    one = a_clock(db, bell)
    one.tick()
    clock.advance(minutes=21)
    one.tick(), one.tick()
    with db.write() as conn:
        conn.execute(update(assets).values(must_by=clock() + LINK_LIFE))
    clock.advance(minutes=1)
    one.tick()
    with db.read() as conn:
        kept = conn.scalars(select(notifications_table.c.facts).order_by(notifications_table.c.created_at)).all()
    assert [("overdue", True), ("overdue", False)] == [
        (facts["alert"], facts["raised"]) for facts in map(json.loads, kept)
    ]


def test_tick__rings_for_notifications_and_forgets_old_ones(db: Database, clock: FakeClock, bell: BellDouble) -> None:
    """A notification that is due rings until it is taken; a month after it was delivered it is gone."""
    targets.register_targets(db, [target()])
    with db.write() as conn:
        audit.write(conn, clock(), [audit.Entry("alert", "x", None, "raised", "test", None, ALERT)])
    one = a_clock(db, bell)
    one.tick()
    assert [True] == bell.rung
    claim = notifications.take(db, ["crm"])
    assert claim is not None
    notifications.delivered(db, claim)
    one.tick()
    assert [True] == bell.rung
    clock.advance(days=30, seconds=1)
    one.tick()
    with db.read() as conn:
        assert 0 == conn.scalar(select(func.count()).select_from(notifications_table))
