"""What /metrics counts, on both databases: in the transaction that makes what is counted, once, and bounded."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from archive.errors import ClaimLostError
from archive.ledger import claims, deliveries, gauges, leases, looks, migrate, operator, results, tallies, tasks
from archive.ledger.claims import Claim, Intent
from archive.ledger.database import Database
from archive.ledger.schema import assets, audit
from archive.ledger.schema import tasks as tasks_table
from archive.ledger.tallies import Tally
from archive.model import AssetState, ExpiryOrigin, Link, Progress, Verdict
from archive.trust import Decision
from tests.builders import LINK_LIFE, event, output, received, statement
from tests.conformance.test_ledger import BUDGETS
from tests.doubles import START, FakeClock

LEASE = timedelta(seconds=12)
CAPS = {"kie": 8}
INTENT = Intent("videos", "assets/kie/t1/video-x.mp4", 5, "ab" * 32, "video/mp4", None)


def counted(db: Database, *names: str) -> dict[tuple[str, ...], tuple[int, float]]:
    """Count and sum of the tallies called *names*, by name and labels."""
    rows = gauges.tallied(db, ["kie"])
    return {(row.name, *row.labels): (row.count, row.total) for row in rows if not names or row.name in names}


def claimed(db: Database, *items: deliveries.Received) -> Claim:
    """The claim on the most urgent asset, after *items* came in."""
    claims.register_sources(db, CAPS)
    deliveries.record(db, items)
    claim = claims.take(db, "w1", CAPS, LEASE)
    assert claim is not None
    return claim


@pytest.mark.parametrize(
    ("deadline", "link", "margin", "bucket"),
    [
        (20, 20, 17 * 60, "1200"),
        (14 * 1440, 20, (14 * 1440 - 3) * 60, "+Inf"),
        (2, 22, 19 * 60, "1200"),  # a fresh link outlives the deadline that was known before
        (5, 3, 120, "120"),
        (2, 1, 0, "0"),
    ],
)
def test_archived__margin_and_time_are_measured(
    db: Database, clock: FakeClock, deadline: float, link: float, margin: float, bucket: str
) -> None:
    """Three minutes after its first word an asset is archived: so long it took, and so long it could still be had."""
    claim = claimed(db, received())
    with db.write() as conn:
        until = {"must_by": START + timedelta(minutes=deadline), "link_expires_at": START + timedelta(minutes=link)}
        conn.execute(update(assets).values(**until))
    results.intend(db, claim, INTENT)
    clock.advance(minutes=3)
    results.archived(db, claim, "v1", {})
    assert {
        ("margin", bucket): (1, margin), ("archiving", "300"): (1, 180), ("archived_bytes", ""): (5, 0),
    } == counted(db, "margin", "archiving", "archived_bytes")  # fmt: skip


def test_tallies__what_was_rolled_back_is_not_counted(db: Database, clock: FakeClock) -> None:
    """F78: a claim that was lost, a transaction that broke off: nothing of it is counted, and the next is, once."""
    claim = claimed(db, received())
    results.intend(db, claim, INTENT)
    clock.advance(seconds=13)
    taken_over = claims.take(db, "w2", CAPS, LEASE)
    assert taken_over is not None
    before = counted(db)
    with pytest.raises(ClaimLostError):
        results.archived(db, claim, "v1", {})
    with pytest.raises(ClaimLostError):
        results.retry(db, claim, "http_500", clock.now)

    def break_off() -> None:
        with db.write() as conn:
            tallies.raise_(conn, Tally(tallies.RETRIES, "kie", ("http_500",)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert before == counted(db)
    results.archived(db, taken_over, "v1", {})
    assert 1 == sum(count for key, (count, _) in counted(db).items() if key[0] == "margin")


def test_take__counts_leases_that_ran_out(db: Database, clock: FakeClock) -> None:
    """F02: a claim whose worker was not heard of again is counted when it is taken over; one handed back is not."""
    claim = claimed(db, received())
    claims.release(db, "w1")
    claim = claims.take(db, "w2", CAPS, LEASE) or claim
    results.retry(db, claim, "http_500", clock.now)
    assert claims.take(db, "w3", CAPS, LEASE) is not None
    assert {} == counted(db, "leases_expired")
    clock.advance(seconds=13)
    assert claims.take(db, "w4", CAPS, LEASE) is not None
    assert {("leases_expired", ""): (1, 0), ("retries", "http_500"): (1, 0)} == counted(db, "leases_expired", "retries")


def test_losses__have_their_price(db: Database) -> None:
    """Each lost file costs its share of the task's credits; what stands quarantined or is unknown costs nothing."""
    said = replace(event(outputs=[output("/a.mp4"), output("/b.png", role="cover")]), credits=61)
    claim = claimed(db, received(statement(said)), received(statement(event("t2"))), received(statement(event("t3"))))
    for _ in range(4):
        state = AssetState.QUARANTINED if claim.task_id == "t3" else AssetState.LOST
        results.end(db, claim, state, "html_page" if claim.task_id == "t3" else "http_403")
        claim = claims.take(db, "w1", CAPS, LEASE) or claim
    assert {
        ("losses", "asset", "http_403"): (3, 61), ("quarantines", "html_page"): (1, 0),
    } == counted(db, "losses", "quarantines")  # fmt: skip


@pytest.mark.parametrize(("cost", "expected"), [(7.5, (1, 7.5)), (0, None), (None, None)])
def test_losses__of_tasks_that_were_paid_for(db: Database, cost: float | None, expected: tuple[int, float]) -> None:
    """A task that failed, or that nobody knows any more, is a loss where it cost something, and only there."""
    failed = replace(event("t1", Progress.FAILED), credits=cost)
    running = replace(event("t2", Progress.RUNNING), credits=cost)
    claims.register_sources(db, CAPS)
    deliveries.record(db, [received(statement(failed)), received(statement(failed), body=b"again")])
    known = tasks.Registration("kie", "t2", None, None, START, timedelta(0), LINK_LIFE, True)
    tasks.register(db, [known], "operator")
    deliveries.record(db, [received(statement(running))])
    [look] = looks.take(db, BUDGETS, {})
    looks.gone(db, look, "task_not_found")
    found = counted(db, "losses")
    assert (expected, expected) == tuple(
        found.get(("losses", "task", cause)) for cause in ("provider_failed", "task_not_found")
    )


def test_credits__what_proves_more_has_the_last_word(db: Database) -> None:
    """A task keeps what it cost: a weak word fills a gap and corrects nothing, one to be confirmed says nothing."""

    def told(cost: float | None, verdict: Verdict, decision: Decision = Decision.BELIEVE) -> float | None:
        said = statement(replace(event(), credits=cost), verdict=verdict, decision=decision)
        deliveries.record(db, [received(said, body=f"{cost}{verdict}{decision}".encode())])
        with db.read() as conn:
            kept: float | None = conn.execute(select(tasks_table.c.credits)).scalar_one()
        return kept

    assert None is told(99, Verdict.SIGNED_ID, Decision.CONFIRM)
    assert 5 == told(5, Verdict.TOKEN)
    assert 5 == told(99, Verdict.TOKEN)
    assert 61 == told(61, Verdict.POLLED)
    assert 61 == told(None, Verdict.POLLED)


def test_deliveries__are_counted_by_outcome_and_verdict(db: Database) -> None:
    """New ones by what became of them, repeats as duplicates, within a batch and after it."""
    item = received()
    odd = replace(received(body=b"odd"), statement=None).quarantined("shape_unknown")
    doubted = received(statement(event("t2"), decision=Decision.DOUBT, verdict=Verdict.TOKEN))
    deliveries.record(db, [item, item, odd, doubted])
    deliveries.record(db, [item])
    assert {
        ("deliveries", "accepted", "polled"): (1, 0), ("deliveries", "duplicate", "polled"): (2, 0),
        ("deliveries", "quarantined", "polled"): (1, 0), ("deliveries", "accepted", "token"): (1, 0),
        ("quarantines", "not_trusted"): (1, 0),
    } == counted(db)  # fmt: skip


def test_relink__is_counted(db: Database) -> None:
    """A link that was had anew counts."""
    claim = claimed(db, received())
    results.relink(db, claim, Link("https://files.example/v.mp4?2", START, ExpiryOrigin.STATED))
    assert {("links_refreshed", ""): (1, 0)} == counted(db, "links_refreshed")


def test_reasons__of_strangers_are_bounded(db: Database) -> None:
    """After a hundred reasons a new one is `other`, by itself and within its subject; a known one counts as before."""
    for start in (0, 60):
        with db.write() as conn:
            for n in range(start, start + 60):
                tallies.raise_(conn, Tally(tallies.LOSSES, "kie", ("task", f"provider_{n}"), total=1))
    with db.write() as conn:
        known, unknown = ("task", "provider_3"), ("task", "x" * 200)
        tallies.raise_(conn, *(Tally(tallies.LOSSES, "kie", labels, total=2) for labels in (known, unknown)))
        tallies.raise_(conn, Tally(tallies.RETRIES, "kie", ("x" * 200,)))
    found = counted(db)
    assert ((2, 3), (21, 22)) == (found["losses", "task", "provider_3"], found["losses", "task", "other"])
    assert 101 == sum(key[0] == "losses" for key in found)
    assert (1, 0) == found["retries", "x" * 80]


def test_tallies__of_many_writers_are_exact(ledger_url: str) -> None:
    """Six processes that raise the same counters in different orders lose none, and nobody waits in a circle."""
    first = Database(ledger_url, patience=20)
    migrate.upgrade(first)
    failures: list[Exception] = []
    barrier = threading.Barrier(6)

    def write(number: int) -> None:
        database = Database(ledger_url, patience=20)
        barrier.wait()
        try:
            for _ in range(10):
                with database.write() as conn:
                    for n in range(8) if number % 2 else reversed(range(8)):
                        tallies.raise_(conn, Tally(tallies.RETRIES, "kie", (f"r{n}",), total=0.5))
        except Exception as exc:
            failures.append(exc)
        database.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = counted(first)
    first.close()
    assert ([], {(60, 30)}) == (failures, set(found.values()))


def test_losses_and_quarantines__agree_with_the_audit_log(db: Database, clock: FakeClock) -> None:
    """Every transition of an asset to lost or quarantined that the audit log holds is counted, and no other."""
    weak = received(statement(event("t9"), decision=Decision.DOUBT, verdict=Verdict.TOKEN))
    claim: Claim | None = claimed(db, *(received(statement(event(f"t{n}"))) for n in range(4)), weak)
    ends = [AssetState.LOST, AssetState.QUARANTINED, AssetState.LOST]
    while claim is not None:
        if not ends:
            results.hand_back(db, claim)
            break
        results.end(db, claim, ends.pop(), "http_403")
        operator.retry(db, claim.asset_id, "operator")
        clock.advance(seconds=1)
        claim = claims.take(db, "w1", CAPS, LEASE)
    with db.read() as conn:
        changed = select(audit.c.now).where(audit.c.subject == "asset", audit.c.now.in_(("lost", "quarantined")))
        told = Counter(conn.scalars(changed).all())
    names = {"losses": "lost", "quarantines": "quarantined"}
    sums: Counter[str] = Counter()
    for key, (number, _) in counted(db, *names).items():
        sums[names[key[0]]] += number
    assert Counter(lost=2, quarantined=2) == told == sums


def test_waiting__how_urgent_the_backlog_is(db: Database, clock: FakeClock) -> None:
    """Since when the longest due has been due, and how long the most urgent can still be had, held ones included."""
    nothing = gauges.Waiting(timedelta(0), None)
    assert {"kie": nothing} == gauges.waiting(db, ["kie"])
    claim = claimed(db, received())
    clock.advance(seconds=5)
    assert {"kie": gauges.Waiting(timedelta(0), LINK_LIFE - timedelta(seconds=5))} == gauges.waiting(db, ["kie"])
    results.retry(db, claim, "http_500", clock.now + timedelta(seconds=5))
    clock.advance(minutes=20)
    found = gauges.waiting(db, ["kie", "other"])
    late = gauges.Waiting(timedelta(minutes=20, seconds=-5), timedelta(seconds=-5))
    assert {"kie": late, "other": nothing} == found


def test_renewed_ago__tells_how_old_a_tick_is(db: Database, clock: FakeClock) -> None:
    """The lease says when it was last renewed; given up, it is one life old; without a row nobody ever ticked."""
    life = leases.clock_life(timedelta(seconds=5))
    assert None is leases.renewed_ago(db, leases.CLOCK, life)
    leases.hold(db, leases.CLOCK, "c1", life)
    clock.advance(seconds=40)
    assert timedelta(seconds=40) == leases.renewed_ago(db, leases.CLOCK, life)
    leases.hold(db, leases.CLOCK, "c2", life)
    leases.drop(db, leases.CLOCK, "c2")
    assert life == leases.renewed_ago(db, leases.CLOCK, life)
