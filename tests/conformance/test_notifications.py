"""What the ledger promises about notifications, on SQLite and on a real PostgreSQL server."""

import json
import threading
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, text, update

from archive.alerts import Alert
from archive.identity import task_key
from archive.ledger import alarms, audit, callback_urls, claims, deliveries, notifications, queries, results
from archive.ledger import notification_operator as operator
from archive.ledger import targets as listeners
from archive.ledger.announcements import announce
from archive.ledger.batch import Statement
from archive.ledger.claims import Intent
from archive.ledger.database import Database
from archive.ledger.notifications import IN_FLIGHT, LEASE, RETRIES, Claim, Failure
from archive.ledger.schema import audit as audit_table
from archive.ledger.schema import callback_urls as urls
from archive.ledger.schema import notifications as table
from archive.ledger.schema import targets
from archive.model import AssetState, Outcome, Progress, Verdict
from archive.schedule import SENDS
from archive.trust import Decision
from tests.builders import event, received, statement, target
from tests.doubles import START, Crash, FakeClock

DOWN = Failure("http_503", is_targets=True)
REFUSED = Failure("http_400")
INTENT = Intent("videos", "assets/kie/t1/video-x.mp4", 5, "ab" * 32, "video/mp4", None)


def listen(db: Database, *names: str, **more: object) -> None:
    listeners.register_targets(db, [target(name, **more) for name in names or ("crm",)])


def owe(
    db: Database, number: int = 1, name: str = "crm", *, at: datetime | None = None, prefix: str | None = None
) -> None:
    """Let *number* notifications be due for the target called *name*."""
    made = [
        {"id": f"{prefix or name}-{n:06}", "target": name, "type": "audit.alert", "subject": "alert",
         "subject_id": name, "state": "pending", "created_at": at or START, "due_at": at or START}
        for n in range(number)
    ]  # fmt: skip
    with db.write() as conn:
        conn.execute(insert(table), made)


def take(db: Database, *names: str) -> Claim | None:
    return notifications.take(db, names or ("crm",))


def must_take(db: Database, *names: str) -> Claim:
    claim = take(db, *names)
    assert claim is not None
    return claim


def fail(db: Database, claim: Claim, failure: Failure = DOWN) -> str:
    return notifications.failed(db, claim, failure, spread=0.0)


def owed(db: Database) -> list[tuple[str, str, str | None]]:
    """Target, type and source of all there are."""
    with db.read() as conn:
        rows = conn.execute(select(table.c.target, table.c.type, table.c.source))
        return sorted((row.target, row.type, row.source) for row in rows)


def one(db: Database, key: str = "crm-000000") -> dict[str, object]:
    with db.read() as conn:
        return dict(conn.execute(select(table).where(table.c.id == key)).mappings().one())


def states(db: Database) -> Counter[str]:
    with db.read() as conn:
        counted = conn.execute(select(table.c.state, func.count()).group_by(table.c.state))
        return Counter({row[0]: row[1] for row in counted})


def redrive(db: Database) -> None:
    """What an operator does."""
    with db.write() as conn:
        revived = {"state": "pending", "due_at": db.now(conn), "attempts": 0, "ended_at": None}
        conn.execute(update(table).where(table.c.state == "dead").values(**revived))


def archive(db: Database) -> None:
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received()])
    claim = claims.take(db, "w1", {"kie": 8}, timedelta(seconds=12))
    assert claim is not None
    results.intend(db, claim, INTENT)
    results.archived(db, claim, "v1", {"key": INTENT.key})


def test_announce__tells_what_was_archived(db: Database, clock: FakeClock) -> None:
    """An archived asset is owed once to each target, with what was true, and comes with its row when it is taken."""
    listen(db, "crm", "billing")
    archive(db)
    assert [("billing", "asset.archived", "kie"), ("crm", "asset.archived", "kie")] == owed(db)
    claim = must_take(db)
    assert ({"state": "archived", "reason": None, "was": "waiting"}, START) == (dict(claim.facts), claim.created_at)
    assert (claim.subject_id, "t1", INTENT.key, None) == tuple(
        claim.about[name] for name in ("id", "task_id", "key", "external_id")
    )


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (statement(event(progress=Progress.FAILED)), "task.failed"),
        (statement(decision=Decision.DOUBT, verdict=Verdict.UNSIGNED), "asset.quarantined"),
    ],
)
def test_announce__tells_what_a_delivery_brings(db: Database, said: Statement, kind: str) -> None:
    """A task that failed and an asset that is born quarantined are told, and nothing else that happens meanwhile."""
    listen(db)
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received(said)])
    assert [("crm", kind, "kie")] == owed(db)


@pytest.mark.parametrize("state", [AssetState.LOST, AssetState.QUARANTINED])
def test_announce__tells_an_end_short_of_the_archive(db: Database, state: AssetState) -> None:
    """What is lost or needs a person is told with its cause."""
    listen(db)
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received()])
    claim = claims.take(db, "w1", {"kie": 8}, timedelta(seconds=12))
    assert claim is not None
    results.end(db, claim, state, "link_expired")
    told = must_take(db)
    assert (f"asset.{state}", "link_expired", "waiting") == (told.type, told.facts["reason"], told.facts["was"])


def test_announce__stands_and_falls_with_its_transition(db: Database) -> None:
    """A transition that is rolled back is not told."""
    listen(db)
    archive(db)

    def die() -> None:
        with db.write() as conn:
            audit.write(conn, START, [audit.Entry("task", task_key("kie", "t1"), "open", "failed", "test")])
            raise Crash

    with pytest.raises(Crash):
        die()
    assert [("crm", "asset.archived", "kie")] == owed(db)


def test_announce__only_what_changed(db: Database) -> None:
    """An entry that notes something about an asset without changing its state is none."""
    listen(db)
    with db.write() as conn:
        audit.write(conn, START, [audit.Entry("asset", "a1", "lost", "lost", "poll", "link_conflict")])
    assert [] == owed(db)


def test_announce__asks_nothing_where_nothing_is_told(db: Database) -> None:
    """Births and successes, which most entries are, cost no statement."""
    listen(db)
    with db.read() as conn:
        born = [audit.Entry("task", "t", None, "open", "x"), audit.Entry("asset", "a", None, "waiting", "x")]
    announce(conn, START, born)  # on a closed connection any statement would fail


@pytest.mark.parametrize(
    ("filters", "heard"),
    [
        ({}, True),
        ({"types": ["asset.*"]}, True),
        ({"types": ["asset.lost", "asset.archived"]}, True),
        ({"types": ["task.*"]}, False),
        ({"sources": ["kie"]}, True),
        ({"sources": ["other"]}, False),
        ({"types": ["asset.*"], "sources": ["other"]}, False),
        ({"format": "provider"}, False),
    ],
)
def test_announce__by_type_and_source(db: Database, filters: dict[str, object], heard: bool) -> None:
    """A target hears the types it names, of the sources it names; one that wants callbacks hears nothing else."""
    listen(db, **filters)
    with db.write() as conn:
        conn.execute(text("DELETE FROM notifications"))
    archive(db)
    told = [kind for _, kind, _ in owed(db) if kind != "delivery.forward"]
    assert ["asset.archived"] * heard == told


def test_pass_on__each_new_delivery_once(db: Database) -> None:
    """A delivery is owed to the targets that take callbacks and to its caller's URL; repeats and stale ones are not."""
    listeners.register_targets(db, [target("old-app", format="provider"), target("crm", types=["asset.archived"])])
    claims.register_sources(db, {"kie": 8, "other": 8})
    given = callback_urls.create(db, "kie", None, None, timedelta(days=1))
    with db.write() as conn:
        forward = update(urls).where(urls.c.id == given.id)
        conn.execute(forward.values(forward_url="https://caller.example/hook?s=1"))
    item = received(callback=given.id)
    stale = replace(received(statement(event("t2"))), verdict=Verdict.STALE)
    _, due = deliveries.record(db, [item, item, stale])
    deliveries.record(db, [item])
    assert [("", "delivery.forward", "kie"), ("old-app", "delivery.forward", "kie")] == owed(db)
    assert 4 == due  # two assets, two callbacks
    first, second = must_take(db, "old-app"), must_take(db, "old-app")
    assert {("", "https://caller.example/hook?s=1"), ("old-app", None)} == {
        (claim.target, claim.forward_url) for claim in (first, second)
    }
    assert item.body == bytes(first.about["body"])
    assert "caller.example" not in repr(first) + repr(second)


def test_pass_on__what_is_not_understood(db: Database) -> None:
    """A delivery that says nothing to us may say something to whom it is passed on to."""
    listeners.register_targets(db, [target("old-app", format="provider", sources=["kie"])])
    odd = replace(received(), outcome=Outcome.QUARANTINED, statement=None, task_id=None)
    deliveries.record(db, [odd, replace(odd, id="f" * 64, source="other")])
    assert [("old-app", "delivery.forward", "kie")] == owed(db)


def test_take__each_once_until_its_lease_ends(db: Database, clock: FakeClock) -> None:
    """Whoever dies between send and word has it sent again under the same id; a late word changes nothing.

    The claim that nobody ended counts as an attempt.
    """
    listen(db)
    owe(db)
    first = must_take(db)
    assert take(db) is None
    clock.now += LEASE
    second = must_take(db)
    assert (first.id, first.fence + 1) == (second.id, second.fence)
    assert not notifications.delivered(db, first)
    assert "lost" == fail(db, first, Failure("http_410", is_final=True))
    assert "pending" == one(db)["state"]
    assert notifications.delivered(db, second)
    assert ("delivered", 2, None, None, clock()) == tuple(
        one(db)[name] for name in ("state", "attempts", "due_at", "leased_until", "ended_at")
    )


def test_take__only_for_targets_that_are_known_here(db: Database) -> None:
    """A worker whose settings do not name a target leaves its notifications to others."""
    listen(db, "crm", "billing")
    owe(db, name="billing")
    assert take(db, "crm") is None
    assert take(db, "crm", "billing") is not None


def test_take__passes_over_a_target_that_rests(db: Database, clock: FakeClock) -> None:
    """A dead target with a backlog keeps no other waiting, and is tried with one at a time until it takes one."""
    listen(db, "dead", "crm")
    owe(db, 1000, "dead")
    owe(db, 3, "crm", at=START + timedelta(minutes=1))
    assert "pending" == fail(db, must_take(db, "dead", "crm"))
    clock.advance(minutes=1)
    trial = must_take(db, "dead", "crm")
    assert "dead" == trial.target
    assert ["crm"] * 3 == [must_take(db, "dead", "crm").target for _ in range(3)]
    assert take(db, "dead", "crm") is None
    notifications.delivered(db, trial)
    assert IN_FLIGHT == sum(take(db, "dead", "crm") is not None for _ in range(IN_FLIGHT + 3))


def test_take__the_fewest_in_flight_first(db: Database, clock: FakeClock) -> None:
    """A slow target with the older backlog gets no slot that another one is waiting for."""
    listen(db, "slow", "crm")
    owe(db, 100, "slow")
    owe(db, 2, "crm", at=START + timedelta(seconds=1))
    clock.advance(seconds=2)
    assert ["slow", "crm", "slow", "crm", "slow", "slow"] == [must_take(db, "slow", "crm").target for _ in range(6)]
    assert take(db, "slow", "crm") is None


def test_take__bounds_hold_however_many_take(todays_ledger: str, db: Database) -> None:
    """Claims that race in several processes never have more in flight for one target than allowed, nor one twice."""
    listen(db)
    owe(db, 30)
    databases = [Database(todays_ledger, patience=20) for _ in range(4)]
    barrier, taken = threading.Barrier(12), []

    def work(own: Database) -> None:
        barrier.wait()
        if claim := take(own):
            taken.append(claim.id)

    threads = [threading.Thread(target=work, args=(databases[n % 4],)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert (IN_FLIGHT, IN_FLIGHT) == (len(taken), len(set(taken)))


def test_failed__a_target_rests_longer_each_time(db: Database, clock: FakeClock) -> None:
    """From five seconds to five minutes; what fails together counts once, and a success forgets it all."""
    listen(db)
    owe(db, 40)
    together = [must_take(db) for _ in range(IN_FLIGHT)]
    for claim in together:
        fail(db, claim)
    rests = []
    for _ in range(8):
        with db.read() as conn:
            until = conn.scalars(select(targets.c.rests_until)).one()
        assert until is not None
        rests.append((until - clock()).total_seconds())
        assert take(db) is None
        clock.now = until
        fail(db, must_take(db))
    assert [5, 10, 20, 40, 80, 160, 300, 300] == rests
    clock.advance(minutes=5)
    notifications.delivered(db, must_take(db))
    with db.read() as conn:
        row = conn.execute(select(targets)).one()
    assert (0, None, None, clock()) == (row.failures, row.rests_until, row.failing_since, row.succeeded_at)


def test_failed__retry_after_is_heeded_within_bounds(db: Database, clock: FakeClock) -> None:
    """A target that asks for a pause gets it, an hour at most."""
    listen(db)
    owe(db, 2)
    fail(db, must_take(db), replace(DOWN, asked=timedelta(minutes=20)))
    clock.advance(minutes=19, seconds=59)
    assert take(db) is None
    clock.advance(seconds=1)
    fail(db, must_take(db), replace(DOWN, asked=timedelta(days=9)))
    clock.advance(hours=1)
    assert take(db) is not None


def test_failed__what_only_one_is_refused_for_stops_no_other(db: Database, clock: FakeClock) -> None:
    """A 400 is this notification's: it waits by its own back-off, while the next is sent at once."""
    listen(db)
    owe(db, 2)
    fail(db, must_take(db), REFUSED)
    second = must_take(db)
    assert "crm-000001" == second.id
    notifications.delivered(db, second)
    assert take(db) is None
    clock.now += SENDS[0]
    assert "crm-000000" == must_take(db).id


def test_take__callers_that_do_not_answer_keep_no_first_attempt_waiting(db: Database, clock: FakeClock) -> None:
    """However many callbacks are tried again at callers' URLs, one that was never tried has a slot."""
    owe(db, 9, "")
    first = [must_take(db) for _ in range(IN_FLIGHT)]
    assert take(db) is None
    for claim in first:
        fail(db, claim)
    clock.advance(minutes=1)
    owe(db, 1, "", at=clock(), prefix="new")
    retries = [claim for claim in (take(db) for _ in range(9)) if claim is not None and claim.attempts]
    assert RETRIES == len(retries)
    with db.read() as conn:
        waiting = select(table.c.id).where(table.c.leased_until.is_(None), table.c.attempts == 0)
        assert 2 == len(conn.scalars(waiting).all())  # of six, four are under way


def test_failed__a_test_is_over_with_its_first_failure(db: Database, clock: FakeClock) -> None:
    """A test that fails is tried no more, and is no dead letter that anybody has to be told of."""
    listen(db)
    asked = operator.add_test(db, "crm")
    assert ("dead", 0) == (fail(db, must_take(db)), sum(each.dead for each in listeners.health(db)))
    assert ("dead", "http_503") == (one(db, asked["id"])["state"], one(db, asked["id"])["reason"])
    operator.add_test(db, "crm")
    assert {"pending": 1} == states(db)  # what failed before says nothing any more


def test_failed__dead_after_more_than_a_day_of_tries(db: Database, clock: FakeClock) -> None:
    """One that is refused each time is tried twelve times over more than 24 hours, then kept as dead, and redriven."""
    listen(db)
    owe(db)
    said = []
    while claim := take(db):
        said.append(fail(db, claim, REFUSED))
        clock.now = one(db)["due_at"] or clock.now  # type: ignore[assignment]
    assert ["pending"] * 11 + ["dead"] == said
    assert timedelta(hours=24) < clock() - START
    assert ("dead", "http_400", 12, clock()) == tuple(
        one(db)[name] for name in ("state", "reason", "attempts", "ended_at")
    )
    redrive(db)
    notifications.delivered(db, must_take(db))
    assert "delivered" == one(db)["state"]


def test_failed__nothing_dies_young(db: Database, clock: FakeClock) -> None:
    """However often it was tried, what is not a day old is tried again."""
    listen(db)
    owe(db)
    with db.write() as conn:
        conn.execute(update(table).values(attempts=40))
    clock.advance(hours=23)
    assert "pending" == fail(db, must_take(db))
    clock.advance(hours=7)
    assert "dead" == fail(db, must_take(db))


def test_failed__gone_is_the_end(db: Database) -> None:
    """410 says that nobody wants it any more: dead at once, and the target rests no more than for any refusal."""
    listen(db)
    owe(db, 2)
    assert "dead" == fail(db, must_take(db), Failure("http_410", is_final=True))
    assert "crm-000001" == must_take(db).id


def test_register__a_target_that_is_gone(db: Database) -> None:
    """What was pending for it is dead and says why; once it is back, a redrive sends it."""
    listen(db, "crm", "billing")
    owe(db, 2)
    owe(db, 1, "billing")
    held = must_take(db)
    listen(db, "billing")
    assert Counter(dead=2, pending=1) == states(db)
    assert ("target_removed", None) == (one(db)["reason"], one(db)["leased_until"])
    assert not notifications.delivered(db, held)
    archive(db)
    assert ("crm", "asset.archived", "kie") not in owed(db)
    listen(db, "crm", "billing")
    redrive(db)
    assert must_take(db, "crm").target == "crm"


def test_register__keeps_what_is_known_of_a_target(db: Database, clock: FakeClock) -> None:
    """Another filter is taken over; a target that rests goes on resting through a restart of everything."""
    listen(db)
    owe(db, 2)
    fail(db, must_take(db))
    listen(db, types=["task.*"])
    assert take(db) is None
    archive(db)
    assert ("crm", "asset.archived", "kie") not in owed(db)


def test_register__waits_for_who_announces(todays_ledger: str, db: Database) -> None:
    """A target that is removed while a transition is being told leaves nothing pending behind."""
    listen(db)
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received()])
    other = Database(todays_ledger, patience=20)
    removal = threading.Thread(target=listeners.register_targets, args=(other, []))
    with db.write() as conn:
        audit.write(conn, START, [audit.Entry("task", task_key("kie", "t1"), "open", "failed", "test")])
        removal.start()
        removal.join(0.3)
        assert removal.is_alive()
    removal.join(20)
    other.close()
    assert Counter(dead=1) == states(db)


@pytest.mark.parametrize("number", [1000, 5, 1])
def test_a_day_down__loses_nothing(db: Database, clock: FakeClock, number: int) -> None:
    """What is owed to a target that is down for 24 hours is delivered within minutes of its return, with no redrive."""
    listen(db)
    owe(db, number)
    end, tries = START + timedelta(hours=24), 0
    while clock() < end:
        if claim := take(db):
            assert "pending" == fail(db, claim)
            tries += 1
        else:
            with db.read() as conn:
                rests_until = conn.scalars(select(targets.c.rests_until)).one()
            clock.now = max(rests_until or end, clock() + timedelta(seconds=5))
    assert 280 < tries < 320  # a target that is down is asked every five minutes, not a thousand times
    assert one(db)["attempts"] in range(1, len(SENDS) + 1)
    back = clock()
    while clock() < back + timedelta(minutes=6):
        while claim := take(db):
            notifications.delivered(db, claim)
        clock.advance(seconds=5)
    assert Counter(delivered=number) == states(db)


def test_prune__delivered_ones_after_thirty_days(db: Database, clock: FakeClock) -> None:
    """What was delivered is forgotten, a bounded number at a time; what is dead is kept."""
    listen(db)
    owe(db, 6)
    fail(db, must_take(db), Failure("http_410", is_final=True))
    for _ in range(5):
        notifications.delivered(db, must_take(db))
    clock.advance(days=30)
    assert 0 == notifications.prune(db)
    clock.advance(seconds=1)
    assert [3, 2, 0] == [notifications.prune(db, at_most=3) for _ in range(3)]
    assert Counter(dead=1) == states(db)


def test_work__counts_what_may_be_sent(db: Database, clock: FakeClock) -> None:
    """The clock rings for due notifications, but not for those of a target that rests."""
    listen(db, "crm", "billing")
    owe(db, 3)
    assert 3 == queries.work(db).notifications_due
    fail(db, must_take(db))
    owe(db, 1, "billing")
    assert 1 == queries.work(db).notifications_due
    clock.advance(seconds=10)
    assert 4 == queries.work(db).notifications_due


def test_health__says_who_is_not_heard(db: Database, clock: FakeClock) -> None:
    """How long a target has taken nothing, and how many of the week's notifications are dead."""
    listen(db)
    owe(db, 2)
    fail(db, must_take(db), Failure("http_410", is_final=True))
    clock.advance(hours=2)
    callers, crm = listeners.health(db)
    assert ("", timedelta(0), 0) == (callers.name, callers.failing_for, callers.dead)
    assert ("crm", timedelta(hours=2), "http_410", 1) == (crm.name, crm.failing_for, crm.reason, crm.dead)
    notifications.delivered(db, must_take(db))
    clock.advance(days=7)
    assert [(timedelta(0), 0)] * 2 == [(row.failing_for, row.dead) for row in listeners.health(db)]


def test_health__says_what_nobody_sends(db: Database, clock: FakeClock) -> None:
    """Where no worker knows a target, what is due for it is counted after an hour: nobody would notice its silence."""
    listen(db)
    owe(db, 2)
    clock.advance(hours=1)
    assert [0, 0] == [row.unsent for row in listeners.health(db)]
    clock.advance(seconds=1)
    assert take(db, "other") is None
    assert [0, 2] == [row.unsent for row in listeners.health(db)]
    notifications.delivered(db, must_take(db))
    fail(db, must_take(db))
    assert [0, 0] == [row.unsent for row in listeners.health(db)]


@pytest.mark.parametrize("kind", ["head", "first attempt", "leased", "prune"])
def test_take__by_index_alone(db: Database, kind: str) -> None:
    """What is asked at each claim is a seek, with many thousands pending, delivered and dead."""
    listen(db)
    owe(db, 3000, "crm")
    owe(db, 3000, "other")
    with db.write() as conn:
        ended = {"state": "delivered", "due_at": None, "ended_at": START}
        conn.execute(update(table).where(table.c.target == "other").values(**ended))
    old = select(table.c.id).where(text("state = 'delivered'"), table.c.ended_at < START)
    wanted = {
        "head": notifications._head(("crm", None), START),
        "first attempt": notifications._head(("", False), START),
        "leased": select(table.c.target, table.c.attempts).where(table.c.leased_until > START),
        "prune": old.order_by(table.c.ended_at).limit(9),
    }[kind]
    with db.write() as conn:
        if not db.is_sqlite:
            conn.execute(text("ANALYZE notifications"))
        compiled = wanted.compile(conn.engine, compile_kwargs={"literal_binds": True})
        prefix = "EXPLAIN QUERY PLAN " if db.is_sqlite else "EXPLAIN "
        statements = [str(row) for row in conn.execute(text(prefix + str(compiled).replace(":", "\\:")))]
    index = {
        "head": "ix_notifications_due",
        "first attempt": "ix_notifications_due",
        "leased": "ix_notifications_leased",
        "prune": "ix_notifications_delivered",
    }
    plan = "\n".join(statements)
    assert index.get(kind, "ix_notifications_due") in plan
    assert "Seq Scan" not in plan
    assert "TEMP B-TREE" not in plan


LATE = Alert("polls_late", "kie: 3 tasks were not heard of.", "kie")


def told(db: Database, name: str = "crm") -> list[dict[str, object]]:
    with db.read() as conn:
        rows = conn.execute(select(table).where(table.c.target == name).order_by(table.c.created_at, table.c.id))
        return [json.loads(row.facts) | {"key": row.subject_id, "type": row.type} for row in rows]


def test_alarms__are_raised_and_cleared_once(db: Database, clock: FakeClock) -> None:
    """What begins and what ends is told once each, whatever its words say meanwhile, and stands in the audit log."""
    listen(db)
    for found in ([LATE], [replace(LATE, text="kie: 4 tasks were not heard of.")], [], [LATE]):
        alarms.compare(db, found)
    clock.advance(minutes=2)
    assert [1, 0] == [alarms.compare(db, []), alarms.compare(db, [])]
    about = {"alert": "polls_late:kie", "key": "polls_late:kie", "type": "audit.alert", "text": LATE.text}
    who = {"source": "kie", "target": None}
    assert [{**about, **who, "raised": True}, {**about, **who, "raised": False}] == told(db)
    with db.read() as conn:
        entries = conn.execute(select(audit_table.c.subject_id, audit_table.c.now, audit_table.c.reason)).all()
    assert [("kie", "raised", "polls_late"), ("kie", "cleared", "polls_late")] == [tuple(entry) for entry in entries]


def test_alarms__a_dead_target_is_not_told_about_itself(db: Database, clock: FakeClock) -> None:
    """That a target takes nothing is told to the others."""
    listen(db, "crm", "ops")
    mute = Alert("target_failing", "Target crm has taken no notification for 60 min.", target="crm")
    alarms.compare(db, [mute])
    clock.advance(minutes=2)
    alarms.compare(db, [])
    assert [] == told(db)
    assert [("crm", True), ("crm", False)] == [(row["target"], row["raised"]) for row in told(db, "ops")]


def test_alarms__by_source(db: Database) -> None:
    """A target that asked for certain sources hears of theirs, and not of what concerns none."""
    listen(db, sources=["kie"])
    alarms.compare(db, [LATE, Alert("overdue", "1 file is past its deadline."), replace(LATE, source="other")])
    assert ["polls_late:kie"] == [row["key"] for row in told(db)]
