"""What every ledger promises when there is too much to do: whose turn it is, who is left alone, who is kept waiting."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from archive.budget import split
from archive.errors import ProviderBusyError
from archive.ledger import accounts, claims, deliveries, heads, looks, operator, outages, tasks
from archive.ledger.claims import Claim
from archive.ledger.database import Database
from archive.ledger.heads import Avoid
from archive.ledger.schema import assets, sources
from archive.ledger.schema import tasks as tasks_table
from archive.model import ExpiryOrigin, Link, Output, Pace
from archive.registrations import registration
from tests.builders import LINK_LIFE, event, received, source, statement
from tests.doubles import START, FakeClock

LEASE = timedelta(seconds=12)
SLOW, QUICK = "slow.example:443", "quick.example:443"
REST = timedelta(seconds=40)
BUDGET = split(Pace(timedelta(55), timedelta(5), 1000, timedelta(seconds=1)), hinted=True)
TROUBLE = "unreachable"


def due(
    db: Database, name: str, host: str, *, hours: int, second: str | None = None, life: timedelta = LINK_LIFE
) -> None:
    """An asset whose link leads to *host*, to be had for *hours*."""
    claims.register_sources(db, {"kie": 8})
    first, other = (
        Link(f"https://{place}/{name}.mp4?sig=1", START + life + timedelta(hours=hours), ExpiryOrigin.DEFAULT)
        if place
        else None
        for place in (host.split(":", maxsplit=1)[0], second and second.split(":")[0])
    )
    assert first is not None
    deliveries.record(db, [received(statement(event(name, outputs=[Output("video", 0, first, None, other)])))])


def take(db: Database, avoid: Avoid) -> Claim | None:
    return claims.take(db, "w1", {"kie": 8}, LEASE, avoid)


def taken(db: Database, avoid: Avoid) -> str | None:
    claim = take(db, avoid)
    return claim.task_id if claim else None


def untouched(db: Database) -> list[str]:
    """The assets that are as they were made."""
    with db.read() as conn:
        as_made = (assets.c.fence == 0, assets.c.due_at <= START)
        return sorted(conn.scalars(select(assets.c.task_id).where(*as_made)))


@pytest.mark.parametrize("avoid", [Avoid({SLOW: REST}), Avoid(busy={SLOW})], ids=["resting", "busy"])
def test_take__passes_over_hosts_to_avoid(db: Database, avoid: Avoid) -> None:
    """F45: what waits for a host at rest, or one that has its transfers, is not even claimed; others have its turn."""
    for hours, name in enumerate(("a", "b", "c")):
        due(db, name, SLOW, hours=hours)
    due(db, "other", QUICK, hours=9)
    assert ["other", None] == [taken(db, avoid), taken(db, avoid)]
    assert ["a", "b", "c"] == untouched(db)
    assert ["a", "b", "c"] == [taken(db, Avoid()) for _ in range(3)]


def test_take__a_second_link_elsewhere_does(db: Database) -> None:
    """An asset that another host has as well does not wait for the first."""
    due(db, "alone", SLOW, hours=1)
    due(db, "twice", SLOW, hours=2, second=QUICK)
    assert ["twice", None] == [taken(db, Avoid({SLOW: REST})) for _ in range(2)]
    assert taken(db, Avoid({SLOW: REST}, busy={QUICK})) is None


def test_take__what_dies_soon_waits_for_no_rest(db: Database) -> None:
    """A link that dies within the patience has nothing to lose by asking; but a host's transfers are no more for it."""
    due(db, "dying", SLOW, hours=0, life=timedelta(seconds=90))
    patience = timedelta(minutes=2)
    assert taken(db, Avoid({SLOW: REST}, patience=timedelta(seconds=60))) is None
    assert taken(db, Avoid({SLOW: REST}, busy={SLOW}, patience=patience)) is None
    assert "dying" == taken(db, Avoid({SLOW: REST}, patience=patience))


def test_take__a_link_nobody_could_follow_is_claimed(db: Database) -> None:
    """What we shall refuse is refused now: it waits for nobody."""
    due(db, "a", SLOW, hours=1)
    with db.write() as conn:
        conn.execute(update(assets).values(link="https://user@slow.example/a.mp4"))
    assert "a" == taken(db, Avoid({SLOW: REST}))


def test_take__a_resting_host_hides_nobody_for_long(
    db: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many wait for a host at rest, those behind them come into view, and none is late when it is over."""
    monkeypatch.setattr(heads, "LOOK", 3)
    for hours in range(7):
        due(db, f"slow-{hours}", SLOW, hours=hours)
    due(db, "other", QUICK, hours=9)
    avoid = Avoid({SLOW: REST})
    assert [None, None, "other"] == [taken(db, avoid) for _ in range(3)]
    clock.now += REST
    assert [f"slow-{n}" for n in range(7)] == [taken(db, Avoid()) for _ in range(7)]


def test_take__a_busy_host_keeps_its_order(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a host at work is not put off: the most urgent of it has the next place."""
    monkeypatch.setattr(heads, "LOOK", 3)
    for hours in range(5):
        due(db, f"slow-{hours}", SLOW, hours=hours)
    assert [None, None] == [taken(db, Avoid(busy={SLOW})) for _ in range(2)]
    assert ["slow-0", "slow-1"] == [taken(db, Avoid()) for _ in range(2)]


# A provider's API that does not answer, and a source that is paused


def open_tasks(db: Database, clock: FakeClock, number: int) -> None:
    claims.register_sources(db, {"kie": 8})
    config = source("api.example")
    tasks.register(db, [registration("kie", config, f"t{n}", expected_by=START) for n in range(number)], "test")
    clock.now += timedelta(minutes=10)


def look(db: Database) -> looks.Look | None:
    return next(iter(looks.take(db, {"kie": BUDGET}, {})), None)


def fail(db: Database, times: int) -> None:
    for _ in range(times):
        outages.hear(db, "kie", TROUBLE)


def test_outage__costs_no_look(db: Database, clock: FakeClock) -> None:
    """F45: after three requests without an answer no task is taken until the rest is over; then one goes ahead."""
    open_tasks(db, clock, 5)
    fail(db, outages.TOLERATED)
    assert look(db) is not None
    fail(db, 1)
    assert look(db) is None
    clock.advance(seconds=1)
    assert [True, False] == [look(db) is not None for _ in range(2)]
    outages.hear(db, "kie", None)
    assert [True, True, True] == [look(db) is not None for _ in range(3)]
    assert {} == outages.outages(db)


def test_outage__rests_longer_each_time_up_to_a_minute(db: Database, clock: FakeClock) -> None:
    """The rest doubles with each trial that fails, up to a minute, and never ends the asking."""
    open_tasks(db, clock, 12)
    fail(db, outages.TOLERATED + 1)
    rests = []
    for _ in range(9):
        rests.append((outages.outages(db)["kie"].rests_until - clock.now).total_seconds())
        clock.now = outages.outages(db)["kie"].rests_until
        assert look(db) is not None
        fail(db, 1)
    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == rests
    assert outages.outages(db)["kie"].is_lasting


def test_outage__many_at_once_are_one(db: Database) -> None:
    """Requests that were under way together and fail for one cause lengthen no rest."""
    claims.register_sources(db, {"kie": 8})
    fail(db, 40)
    assert outages.TOLERATED + 1 == outages.outages(db)["kie"].failures


def test_outage__a_trial_nobody_hears_of_is_followed_by_another(db: Database, clock: FakeClock) -> None:
    """F02: the process that had the trial dies: another goes ahead when a request could have ended."""
    open_tasks(db, clock, 3)
    fail(db, outages.TOLERATED + 1)
    clock.advance(seconds=1)
    assert look(db) is not None
    clock.now += outages.TRIAL
    assert look(db) is not None


PAYING: list[Callable[[Database], object]] = [
    lambda db: accounts.spend(db, "kie", BUDGET),
    lambda db: accounts.charge(db, "kie", BUDGET, vouched=True),
    lambda db: accounts.charge(db, "kie", BUDGET, vouched=False),
]


@pytest.mark.parametrize("pay", PAYING, ids=["fresh link", "another request", "of a hearsay"])
def test_requests__wait_while_paused_or_at_rest(db: Database, pay: Callable[[Database], object]) -> None:
    """A request that is part of something longer is not sent either, and nothing is paid for it."""
    claims.register_sources(db, {"kie": 8})
    operator.pause(db, "kie", paused=True, actor="operator")
    with pytest.raises(ProviderBusyError, match="source_paused"):
        pay(db)
    operator.pause(db, "kie", paused=False, actor="operator")
    fail(db, outages.TOLERATED + 1)
    with pytest.raises(ProviderBusyError, match="api_rests") as caught:
        pay(db)
    assert timedelta(seconds=1) == caught.value.retry_after
    with db.read() as conn:
        assert (None, None) == conn.execute(select(sources.c.asks_paid_until, sources.c.hints_paid_until)).one()
    outages.hear(db, "kie", None)
    assert pay(db) in (None, timedelta(0))


def test_pause__takes_no_look(db: Database, clock: FakeClock) -> None:
    """A paused source's tasks are left as they are, and asked about at once when it goes on."""
    open_tasks(db, clock, 2)
    operator.pause(db, "kie", paused=True, actor="operator")
    assert look(db) is None
    with db.read() as conn:
        assert [0, 0] == list(conn.scalars(select(tasks_table.c.looks)))
    operator.pause(db, "kie", paused=False, actor="operator")
    assert look(db) is not None
