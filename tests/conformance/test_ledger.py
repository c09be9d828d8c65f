"""What every ledger promises, on SQLite and on a real PostgreSQL server."""

import json
import threading
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.exc import IntegrityError

from archive.budget import split
from archive.errors import ClaimLostError
from archive.identity import task_key
from archive.ledger import (
    accounts,
    claims,
    deliveries,
    leases,
    looks,
    migrate,
    operator,
    outbox,
    queries,
    results,
    tasks,
)
from archive.ledger.claims import Claim, Intent
from archive.ledger.database import Database
from archive.ledger.schema import assets, attempts, audit, metadata, sources
from archive.ledger.schema import deliveries as deliveries_table
from archive.ledger.schema import tasks as tasks_table
from archive.ledger.upsert import insert_new
from archive.model import AssetState, Link, Outcome, Pace, Progress, TaskState, Verdict
from archive.trust import Decision
from tests.builders import LINK_LIFE, event, output, received, statement
from tests.doubles import START, FakeClock, wait_for

LEASE = timedelta(seconds=12)
CAPS = {"kie": 8}
INTENT = Intent("videos", "assets/kie/t1/video-x.mp4", 5, "ab" * 32, "video/mp4", None)


def put(db: Database, *items: deliveries.Received) -> list[Outcome]:
    claims.register_sources(db, {"kie": 8, "other": 8})
    return [receipt.outcome for receipt in deliveries.record(db, items)[0]]


def take(db: Database, owner: str = "w1", caps: dict[str, int] | None = None) -> Claim | None:
    return claims.take(db, owner, caps or CAPS, LEASE)


BUDGETS = {"kie": split(Pace(timedelta(55), timedelta(5), 1000, timedelta(seconds=1)), hinted=True)}


def take_look(db: Database) -> looks.Look | None:
    taken = looks.take(db, BUDGETS, {})
    assert len(taken) <= 1
    return taken[0] if taken else None


def must_take(db: Database, owner: str = "w1") -> Claim:
    claim = take(db, owner)
    assert claim is not None
    return claim


def count(db: Database, table: object) -> int:
    with db.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


def states(db: Database) -> dict[str, str]:
    with db.read() as conn:
        return {row.task_id: row.state for row in conn.execute(select(tasks_table.c.task_id, tasks_table.c.state))}


def the_asset(db: Database) -> dict[str, object]:
    with db.read() as conn:
        return dict(conn.execute(select(assets)).mappings().one())


def test_migrations__make_the_tables_the_code_is_written_against(db: Database) -> None:
    """After `upgrade` the database has exactly the tables, columns and indexes of `schema.py`."""
    with db.read() as conn:
        found = compare_metadata(MigrationContext.configure(conn), metadata)
    assert [] == found
    assert migrate.Standing.CURRENT is migrate.standing(db)


def test_migrate__from_several_processes_at_once(ledger_url: str) -> None:
    """Web, worker and clock may all start on an empty database at the same moment."""
    barrier, failures = threading.Barrier(4), []

    def start() -> None:
        database = Database(ledger_url, patience=20)
        barrier.wait()
        try:
            migrate.upgrade(database)
        except Exception as exc:
            failures.append(exc)
        database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures


def test_record__commits_delivery_task_asset_and_audit(db: Database) -> None:
    """One accepted success leaves a delivery, a succeeded task, a waiting asset and one audit entry per transition."""
    assert [Outcome.ACCEPTED] == put(db, received())
    assert {"t1": TaskState.SUCCEEDED} == states(db)
    asset = the_asset(db)
    assert (AssetState.WAITING, START) == (asset["state"], asset["due_at"])
    with db.read() as conn:
        entries = [(e.subject, e.was, e.now) for e in conn.execute(select(audit).order_by(audit.c.id))]
    assert [
        ("task", None, "open"),
        ("task", "open", "succeeded"),
        ("asset", None, "waiting"),
    ] == entries


def test_record__repeats_are_counted_once_stored(db: Database) -> None:
    """The same delivery five times in one batch and once more later is one row, five repeats, one asset."""
    item = received()
    assert [Outcome.ACCEPTED] + [Outcome.DUPLICATE] * 4 == put(db, *[item] * 5)
    assert [Outcome.DUPLICATE] == put(db, item)
    with db.read() as conn:
        assert 5 == conn.execute(select(deliveries_table.c.repeats)).scalar_one()
    assert 1 == count(db, assets)
    assert 3 == count(db, audit)


def test_record__concurrent_duplicates_make_one_asset(ledger_url: str) -> None:
    """F24: eight receivers taking the same deliveries at once commit each exactly once, and nobody is locked out."""
    first = Database(ledger_url, patience=20)
    migrate.upgrade(first)
    claims.register_sources(first, CAPS)
    barrier = threading.Barrier(8)
    outcomes: list[Outcome] = []
    failures: list[Exception] = []

    def receive(number: int) -> None:
        database = Database(ledger_url, patience=20)
        barrier.wait()
        try:
            for round_ in range(5):
                mine = received(statement(event(f"own-{number}-{round_}")))
                shared = [received(statement(event(f"shared-{round_}-{n}"))) for n in range(20)]
                # Each receiver meets the shared tasks in another order.
                batch = [mine, *(reversed(shared) if number % 2 else shared)]
                outcomes.extend(receipt.outcome for receipt in deliveries.record(database, batch)[0])
        except Exception as exc:
            failures.append(exc)
        database.close()

    threads = [threading.Thread(target=receive, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures
    assert 140 == Counter(outcomes)[Outcome.ACCEPTED] == count(first, assets)
    first.close()


def test_insert_new__two_writers_wait_for_each_other_but_never_in_a_circle(fresh_postgres: str) -> None:
    """A writer that holds one row and comes for a second finds no other holding that one and coming for the first."""
    db = Database(fresh_postgres, patience=20)
    migrate.upgrade(db)
    one, two = ({"name": name} for name in ("a", "b"))
    failures: list[Exception] = []

    def come_for_both() -> None:
        try:
            with db.write() as conn:
                insert_new(conn, sources, [two, one])
        except Exception as exc:
            failures.append(exc)

    def is_blocked() -> bool:
        with db.read() as conn:
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return bool(conn.execute(waiting).scalar_one())

    other = threading.Thread(target=come_for_both)
    with db.write() as conn:
        insert_new(conn, sources, [one])
        other.start()
        wait_for(is_blocked)
        insert_new(conn, sources, [two])
    other.join()
    db.close()
    assert [] == failures


@pytest.mark.parametrize("failure_first", [True, False])
def test_states__success_outlives_failure_in_any_order(db: Database, failure_first: bool) -> None:
    """F25: a believed failure before a success is reopened; one after it changes nothing."""
    pair = [received(statement(event(progress=Progress.FAILED))), received()]
    put(db, *(pair if failure_first else reversed(pair)))
    assert {"t1": TaskState.SUCCEEDED} == states(db)
    assert 1 == count(db, assets)


def test_states__late_progress_changes_nothing(db: Database) -> None:
    """A progress callback that arrives after the success leaves the task succeeded."""
    put(db, received(), received(statement(event(progress=Progress.RUNNING))))
    assert {"t1": TaskState.SUCCEEDED} == states(db)


@pytest.mark.parametrize("decision", [Decision.CONFIRM, Decision.DOUBT])
def test_states__an_unproved_failure_is_not_believed(db: Database, decision: Decision) -> None:
    """A failure below a signed body leaves the task open."""
    put(db, received(statement(event(progress=Progress.FAILED), decision=decision, verdict=Verdict.SIGNED_ID)))
    assert {"t1": TaskState.OPEN} == states(db)


def test_states__files_beside_the_tasks_own_do_not_settle_it(db: Database) -> None:
    """A believed word of further files archives them, and the task is asked about all the same, at once."""
    said = replace(statement(verdict=Verdict.SIGNED_ID), settles=False)
    put(db, received(said))
    assert {"t1": TaskState.OPEN} == states(db)
    assert AssetState.WAITING == the_asset(db)["state"]
    look = take_look(db)
    assert look is not None
    put(db, received(statement(event(outputs=[output("/t1.mp4"), output("/own.mp4", ordinal=1)]))))
    assert {"t1": TaskState.SUCCEEDED} == states(db)
    assert 2 == count(db, assets)


def test_assets__what_was_refused_or_lost_takes_a_fresh_link(db: Database, clock: FakeClock) -> None:
    """A link that the file host refused gives way to any believed one; a lost asset waits again when it gets one."""
    weak = {"verdict": Verdict.TOKEN}
    put(db, received(statement(**weak)))  # type: ignore[arg-type]
    results.retry(db, must_take(db), "http_403", clock.now)
    put(db, received(statement(event(outputs=[output("/t1.mp4", query="sig=2")]), **weak)))  # type: ignore[arg-type]
    assert "sig=2" in str(the_asset(db)["link"])
    results.end(db, must_take(db), AssetState.LOST, "http_403")
    put(db, received(statement(event(outputs=[output("/t1.mp4", query="sig=3")]))))
    asset = the_asset(db)
    assert (AssetState.WAITING, True) == (asset["state"], "sig=3" in str(asset["link"]))


def test_assets__a_place_taken_for_good_drops_nobody(db: Database) -> None:
    """Another file for the place of an archived one is kept: believed if it is proved, else for a person."""
    put(db, received(statement(verdict=Verdict.TOKEN)))
    claim = must_take(db)
    results.intend(db, claim, INTENT)
    results.archived(db, claim, "v1", {})
    put(db, received(statement(event(outputs=[output("/true.mp4")]), verdict=Verdict.TOKEN)))
    put(db, received(statement(event(outputs=[output("/polled.mp4")]))))
    with db.read() as conn:
        states = [row.state for row in conn.execute(select(assets.c.state).order_by(assets.c.state))]
    assert ["archived", "quarantined", "waiting"] == states


def test_assets__a_lost_file_keeps_no_other_from_its_place(db: Database) -> None:
    """Where the asset at a place is lost, a believed link to another path is a file of its own."""
    put(db, received(statement(verdict=Verdict.TOKEN)))
    results.end(db, must_take(db), AssetState.LOST, "http_403")
    put(db, received(statement(event(outputs=[output("/moved.mp4")]), verdict=Verdict.TOKEN)))
    put(db, received(statement(event(outputs=[output("/polled.mp4")]))))
    with db.read() as conn:
        states = [row.state for row in conn.execute(select(assets.c.state).order_by(assets.c.state))]
    assert ["lost", "quarantined", "waiting"] == states


def test_assets__films_made_one_by_one_replace_none(db: Database) -> None:
    """A second film of a role that is made at the user's wish stands beside the first."""
    for path in ("/4k-0.mp4", "/4k-1.mp4"):
        put(db, received(statement(event(outputs=[replace(output(path), role="upscaled")]))))
    assert 2 == count(db, assets)


def test_register__again(db: Database, clock: FakeClock) -> None:
    """A task that was given up is open again when the user names it; a new expectation replaces a mistaken one."""
    claims.register_sources(db, CAPS)
    far = START + timedelta(hours=8)
    one = tasks.Registration("kie", "t1", None, None, far, timedelta(0), LINK_LIFE, True)
    tasks.register(db, [one], "operator")
    assert take_look(db) is None
    tasks.register(db, [replace(one, expected_by=START)], "operator")
    look = take_look(db)
    assert look is not None
    looks.gone(db, look, "task_not_found")
    clock.advance(days=1)
    tasks.register(db, [replace(one, expected_by=None)], "operator")
    assert {"t1": TaskState.OPEN} == states(db)
    assert take_look(db) is not None


def test_share__a_client_that_asks_often_keeps_no_look_waiting(db: Database, clock: FakeClock) -> None:
    """Whatever goes through the proxy, we go on asking at our steady rate, and rest as long as we were told to."""
    budgets = {"kie": split(Pace(timedelta(55), timedelta(5), 60, timedelta(minutes=1)), hinted=False)}
    claims.register_sources(db, CAPS)
    known = [tasks.Registration("kie", f"t{n}", None, None, START, timedelta(0), LINK_LIFE, True) for n in range(20)]
    tasks.register(db, known, "operator")
    asked = 0
    for _ in range(20):
        clock.advance(seconds=3)
        for _ in range(10):
            accounts.share(db, "kie", budgets["kie"])
        asked += len(looks.take(db, budgets, {}))
    assert 20 == asked
    accounts.rest(db, "kie", budgets["kie"], timedelta(minutes=5))
    accounts.share(db, "kie", budgets["kie"])
    assert timedelta(minutes=5) == accounts.spend(db, "kie", budgets["kie"])


def test_share__writes_nothing_once_the_burst_is_used(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a client asks, its questions do not queue for the ledger's write lock, which callbacks need."""
    claims.register_sources(db, CAPS)
    budget = split(Pace(timedelta(55), timedelta(5), 60, timedelta(minutes=1)), hinted=False)
    writes = 0
    write = Database.write

    def counted(self: Database) -> AbstractContextManager[Connection]:
        nonlocal writes
        writes += 1
        return write(self)

    monkeypatch.setattr(Database, "write", counted)
    for _ in range(100):
        accounts.share(db, "kie", budget)
    assert budget.asks.burst - 1 == writes  # the last of it is ours
    assert [timedelta(0)] == [accounts.spend(db, "kie", budget)]


def test_charge__invented_tasks_pay_for_themselves(db: Database) -> None:
    """Requests about what nobody vouches for come out of its own bucket, and leave the other untouched."""
    claims.register_sources(db, CAPS)
    budget = split(Pace(timedelta(55), timedelta(5), 40, timedelta(minutes=1)), hinted=True)
    for _ in range(50):
        accounts.charge(db, "kie", budget, vouched=False)
    assert [timedelta(0)] * 4 == [accounts.spend(db, "kie", budget) for _ in range(4)]
    assert accounts.spend(db, "kie", budget) > timedelta(0)


def test_hint__makes_no_asset_and_plans_a_look_at_once(db: Database) -> None:
    """A callback that must be confirmed brings no link into the ledger; the task is due to be asked about."""
    put(db, received(statement(decision=Decision.CONFIRM, verdict=Verdict.SIGNED_ID)))
    assert 0 == count(db, assets)
    look = take_look(db)
    assert look is not None
    assert "t1" == look.task_id


def test_hint__during_a_look_that_ends_in_gone_or_failed(db: Database, clock: FakeClock) -> None:
    """A success callback that arrives while the provider is saying "unknown" or "failed" gets its own look, at once."""
    for said in ("gone", "failed"):
        claims.register_sources(db, CAPS)
        registration = tasks.Registration("kie", said, None, None, clock.now, timedelta(0), LINK_LIFE, True)
        tasks.register(db, [registration], "operator")
        look = take_look(db)
        assert look is not None
        clock.advance(seconds=1)
        hint = statement(event(said), decision=Decision.CONFIRM, verdict=Verdict.SIGNED_ID)
        put(db, received(hint))
        if said == "gone":
            looks.gone(db, look, "task_not_found")
        else:
            looks.record(db, look, statement(event(said, Progress.FAILED)), clock.now + timedelta(minutes=10))
        again = take_look(db)
        assert again is not None
        looks.record(db, again, statement(event(said)), clock.now)
        assert TaskState.SUCCEEDED == states(db)[said]


def test_hint__many_of_them_do_not_keep_the_answer_out(db: Database, clock: FakeClock) -> None:
    """Hints that come faster than a look lasts leave the running look alone, and its answer counts."""
    hints = [
        statement(event(outputs=[output(f"/{n}")]), decision=Decision.CONFIRM, verdict=Verdict.STALE) for n in range(9)
    ]
    put(db, received(hints[0]))
    look = take_look(db)
    assert look is not None
    for hint in hints[1:]:
        clock.advance(seconds=1)
        put(db, received(hint))
        assert take_look(db) is None
    looks.record(db, look, statement(), clock.now)
    assert {"t1": TaskState.SUCCEEDED} == states(db)


def test_hint__of_a_success_outlives_a_signed_failure(db: Database) -> None:
    """Who was promised that the provider is asked about a success keeps that, whatever fails meanwhile. F25"""
    put(db, received(statement(event(), decision=Decision.CONFIRM, verdict=Verdict.SIGNED_ID)))
    put(db, received(statement(event(progress=Progress.FAILED), verdict=Verdict.SIGNED_BODY)))
    assert {"t1": TaskState.FAILED} == states(db)
    look = take_look(db)
    assert look is not None
    assert 1 == looks.record(db, look, statement(event()), START + timedelta(minutes=1))
    assert {"t1": TaskState.SUCCEEDED} == states(db)


def test_hint__of_a_success_outlives_an_api_that_lags(db: Database, clock: FakeClock) -> None:
    """A failed task hinted to have succeeded is looked at again, though the first answer after the hint says failed."""
    put(db, received(statement(event(progress=Progress.FAILED))))
    put(db, received(statement(decision=Decision.CONFIRM, verdict=Verdict.SIGNED_ID)))
    for answer in (Progress.FAILED, Progress.RUNNING, Progress.SUCCEEDED):
        look = take_look(db)
        assert look is not None
        looks.record(db, look, statement(event(progress=answer)), clock.now)
    assert {"t1": TaskState.SUCCEEDED} == states(db)


def test_lease__of_a_claim_given_up_runs_out(db: Database, clock: FakeClock) -> None:
    """A heartbeat renews only what is still held: a claim its worker could not settle is free after its lease."""
    put(db, *(received(statement(event(f"t{n}"))) for n in range(2)))
    held, given_up = must_take(db, "w1"), must_take(db, "w1")
    for _ in range(3):
        clock.advance(seconds=6)
        claims.heartbeat(db, "w1", [held.asset_id], LEASE)
    assert given_up.asset_id == must_take(db, "w2").asset_id
    assert take(db, "w2") is None


def test_assets__what_proves_little_replaces_no_good_link(db: Database, clock: FakeClock) -> None:
    """Below a signed body a repeat with another query changes nothing while the link may still work."""
    put(db, received(statement(verdict=Verdict.SIGNED_ID)))
    old = event(outputs=[output("/t1.mp4", query="sig=forged", at=START - timedelta(days=1))])
    put(db, received(statement(old, verdict=Verdict.SIGNED_ID)))
    assert ("https://files.example/t1.mp4?sig=1", START + LINK_LIFE) == (
        the_asset(db)["link"],
        the_asset(db)["must_by"],
    )
    clock.advance(minutes=30)
    put(
        db,
        received(statement(event(outputs=[output("/t1.mp4", query="sig=2", at=clock.now)]), verdict=Verdict.SIGNED_ID)),
    )
    assert "https://files.example/t1.mp4?sig=2" == the_asset(db)["link"]


def test_must_by__a_late_callback_still_has_one_link_life(db: Database) -> None:
    """An unproved instant of completion long ago does not make a new asset overdue at birth."""
    late = event(outputs=[output("/t1.mp4", at=START - timedelta(days=1))])
    put(db, received(statement(late, verdict=Verdict.TOKEN)))
    assert START + LINK_LIFE == the_asset(db)["must_by"]


def test_assets__a_doubted_file_does_not_stand_in_the_way(db: Database) -> None:
    """After a success nobody vouched for, the believed one at the same place has an asset of its own."""
    forged = event(outputs=[output("/evil.mp4")])
    put(db, received(statement(forged, decision=Decision.DOUBT, verdict=Verdict.TOKEN)))
    assert {"t1": TaskState.OPEN} == states(db)
    put(db, received(statement(verdict=Verdict.TOKEN)))
    assert "https://files.example/t1.mp4?sig=1" == must_take(db).link.url
    assert {"t1": TaskState.SUCCEEDED} == states(db)


def test_hint__other_files_than_the_provider_names_are_recorded(db: Database) -> None:
    """F32: when the poll names another path than the callback, the asset is the poll's and the audit log says so."""
    forged = event(outputs=[output("/forged.mp4")])
    put(db, received(statement(forged, decision=Decision.CONFIRM, verdict=Verdict.SIGNED_ID)))
    look = take_look(db)
    assert look is not None
    looks.record(db, look, statement(), START)
    assert "https://files.example/t1.mp4?sig=1" == the_asset(db)["link"]
    with db.read() as conn:
        reasons = conn.scalars(select(audit.c.reason)).all()
    assert "callback_claimed_other_files" in reasons


def test_assets__a_link_signed_anew_is_the_same_asset(db: Database) -> None:
    """Another query on the same path refreshes the one asset's link, and one that waited is due at once."""
    put(db, received())
    claim = must_take(db)
    results.retry(db, claim, "http_403", START + timedelta(minutes=5))
    put(db, received(statement(event(outputs=[output("/t1.mp4", query="sig=2")]))))
    asset = the_asset(db)
    assert ("https://files.example/t1.mp4?sig=2", START) == (asset["link"], asset["due_at"])


def test_assets__the_same_place_under_another_path(db: Database) -> None:
    """F29: another path at the same place is the same asset if the provider says so, else a recorded conflict."""
    put(db, received(statement(verdict=Verdict.TOKEN)))
    doubtful = statement(event(outputs=[output("/other.mp4")]), verdict=Verdict.TOKEN)
    put(db, received(doubtful))
    assert "https://files.example/t1.mp4?sig=1" == the_asset(db)["link"]
    put(db, received(statement(event(outputs=[output("/moved.mp4")]), verdict=Verdict.POLLED)))
    assert "https://files.example/moved.mp4?sig=1" == the_asset(db)["link"]
    with db.read() as conn:
        assert "link_conflict" in conn.scalars(select(audit.c.reason)).all()


def test_assets__doubted_links_are_quarantined(db: Database) -> None:
    """A success nobody can confirm keeps its link, quarantined and not due."""
    put(db, received(statement(decision=Decision.DOUBT, verdict=Verdict.TOKEN)))
    assert (AssetState.QUARANTINED, "not_trusted", None) == tuple(
        the_asset(db)[k] for k in ("state", "reason", "due_at")
    )
    assert take(db) is None


def test_must_by__is_storage_only_where_a_link_can_be_had_anew(db: Database) -> None:
    """With fresh links the deadline is the storage's, without it is the link's."""
    storage = START + timedelta(days=14)
    said = replace(event("a"), storage_expires_at=storage)
    put(db, received(statement(said, can_refresh=True)))
    put(db, received(statement(replace(said, task_id="b", outputs=(output("/b.mp4"),)), can_refresh=False)))
    with db.read() as conn:
        found = {row.task_id: row.must_by for row in conn.execute(select(assets.c.task_id, assets.c.must_by))}
    assert {"a": storage, "b": START + LINK_LIFE} == found


def test_take__most_urgent_first(db: Database) -> None:
    """Claims come in the order of must_by, over all sources."""
    for hours, (source, name) in enumerate([("kie", "late"), ("other", "middle"), ("kie", "soon")]):
        at = START + timedelta(hours=3 - hours)
        put(db, received(statement(event(name, outputs=[output(f"/{name}", at=at)]), source=source)))
    caps = {"kie": 8, "other": 8}
    order = [claim.task_id for claim in (take(db, caps=caps) for _ in range(3)) if claim]
    assert ["soon", "middle", "late"] == order
    assert take(db, caps=caps) is None


def test_take__caps_and_pause_hold(db: Database) -> None:
    """No more transfers than the cap at a time, none of a paused source; the others go on."""
    put(db, *(received(statement(event(f"k{n}"))) for n in range(3)))
    put(db, received(statement(event("o"), source="other")))
    caps = {"kie": 2, "other": 8}
    operator.pause(db, "other", paused=True, actor="operator")
    taken = [take(db, caps=caps) for _ in range(3)]
    assert ["kie", "kie", None] == [claim and claim.source for claim in taken]
    operator.pause(db, "other", paused=False, actor="operator")
    claim = take(db, caps=caps)
    assert claim is not None
    assert "other" == claim.source


def test_take__concurrent_claims_never_share_nor_exceed_the_cap(ledger_url: str) -> None:
    """Eight workers racing for 24 assets under a cap of 20 take 20 different ones."""
    first = Database(ledger_url, patience=20)
    migrate.upgrade(first)
    put(first, *(received(statement(event(f"t{n}"))) for n in range(24)))
    barrier, taken, failures = threading.Barrier(8), [], []

    def work(name: str) -> None:
        database = Database(ledger_url, patience=20)
        barrier.wait()
        try:
            while claim := claims.take(database, name, {"kie": 20}, timedelta(minutes=5)):
                taken.append(claim.asset_id)
        except Exception as exc:
            failures.append(exc)
        database.close()

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures
    assert (20, 20) == (len(taken), len(set(taken)))
    first.close()


def test_lease__expires_by_itself_and_fences_the_old_owner(db: Database, clock: FakeClock) -> None:
    """After the lease another worker takes the asset; whatever the first one writes then is refused."""
    put(db, received())
    old = must_take(db, "w1")
    clock.advance(seconds=11)
    assert take(db, "w2") is None
    clock.advance(seconds=2)
    new = must_take(db, "w2")
    assert (1, 2) == (old.fence, new.fence)
    for write in (
        lambda: results.intend(db, old, INTENT),
        lambda: results.relink(db, old, output().link),
        lambda: results.archived(db, old, None, {}),
        lambda: results.retry(db, old, "x", START),
        lambda: results.hand_back(db, old),
        lambda: results.end(db, old, AssetState.LOST, "x"),
    ):
        with pytest.raises(ClaimLostError):
            write()
    assert ("w2", None) == (the_asset(db)["owner"], the_asset(db)["key"])


def test_lease__heartbeat_keeps_it(db: Database, clock: FakeClock) -> None:
    """One heartbeat extends all claims of a process and nobody else's."""
    put(db, *(received(statement(event(f"t{n}"))) for n in range(3)))
    held = [must_take(db, "w1").asset_id, must_take(db, "w1").asset_id, must_take(db, "w2").asset_id]
    clock.advance(seconds=10)
    assert 2 == claims.heartbeat(db, "w1", held, LEASE)
    clock.advance(seconds=5)
    assert must_take(db, "w3").fence == 2
    assert take(db, "w3") is None


def test_release__frees_a_dead_process_at_once(db: Database) -> None:
    """The supervisor's release makes the dead worker's assets due without waiting for the lease."""
    put(db, received())
    must_take(db, "w1")
    assert 1 == claims.release(db, "w1")
    assert must_take(db, "w2").fence == 2
    with db.read() as conn:
        assert "handed_back" == conn.scalars(select(attempts.c.outcome).where(attempts.c.fence == 1)).one()


def test_archived__is_one_transition_with_its_errand(db: Database) -> None:
    """Intent, then archived: the object's facts, one audit entry, a closed attempt and an owed poster."""
    put(db, received())
    claim = must_take(db)
    results.intend(db, claim, INTENT)
    results.archived(db, claim, "v1", {"size": 5})
    asset = the_asset(db)
    assert (AssetState.ARCHIVED, None, "v1", INTENT.key) == tuple(
        asset[k] for k in ("state", "due_at", "version_id", "key")
    )
    errand = outbox.take(db)
    assert isinstance(errand, outbox.PosterErrand)
    assert claim.asset_id == errand.asset_id
    outbox.done(db, errand, "posters/x.jpg")
    assert outbox.take(db) is None
    with pytest.raises(ClaimLostError):
        results.archived(db, claim, "v1", {})
    seen = queries.asset(db, claim.asset_id)
    assert seen is not None
    assert ["waiting", "archived"] == [entry["now"] for entry in seen["history"]]
    assert ["archived"] == [attempt["outcome"] for attempt in seen["tries"]]


def test_claim__carries_the_intent_of_the_one_before(db: Database, clock: FakeClock) -> None:
    """A worker that takes over after a crash learns what was about to be put."""
    put(db, received())
    results.intend(db, must_take(db), INTENT)
    clock.advance(seconds=13)
    assert INTENT == must_take(db, "w2").intent


def test_intend__other_bytes_than_before_leave_both_digests(db: Database, clock: FakeClock) -> None:
    """F51: a link that serves another file on the next attempt is in the asset's history, with both digests; once."""
    put(db, received())
    claim = must_take(db)
    results.intend(db, claim, INTENT)
    other = replace(INTENT, sha256="cd" * 32, size=6)
    for intent in (other, other):
        clock.advance(seconds=13)
        again = must_take(db, "w2")
        results.intend(db, again, intent)
        results.hand_back(db, again)
    asset = the_asset(db)
    assert ("cd" * 32, 6) == (asset["sha256"], asset["size"])
    seen = queries.asset(db, claim.asset_id)
    assert seen is not None
    assert [("waiting", None), ("waiting", "other_bytes_served")] == [(e["now"], e["reason"]) for e in seen["history"]]
    facts = {"sha256": "cd" * 32, "size": 6, "before": "ab" * 32, "size_before": 5}
    assert facts == json.loads(seen["history"][-1]["facts"])


def test_postpone__is_as_if_it_had_not_been_claimed(db: Database, clock: FakeClock) -> None:
    """F45: what could not be tried comes back when it said, with its reason, its tries and its place as they were."""
    put(db, received())
    results.retry(db, must_take(db), "short_body", START + timedelta(seconds=1))
    clock.advance(seconds=1)
    claim = must_take(db)
    before = the_asset(db)
    results.postpone(db, claim, clock() + timedelta(seconds=30))
    after = the_asset(db)
    assert {"due_at", "owner"} == {name for name in after if after[name] != before[name]}
    assert (None, 1, "short_body") == (after["owner"], after["attempts"], after["reason"])
    assert take(db) is None
    seen = queries.asset(db, claim.asset_id)
    assert seen is not None
    assert ["transient"] == [attempt["outcome"] for attempt in seen["tries"]]
    clock.advance(seconds=30)
    assert must_take(db).fence > claim.fence
    with pytest.raises(ClaimLostError):
        results.postpone(db, claim, clock())


def test_retry__comes_back_when_it_said_and_operator_brings_it_forward(db: Database, clock: FakeClock) -> None:
    """A transient failure waits until its instant; an operator's retry makes it due now; a lost one waits again."""
    put(db, received())
    claim = must_take(db)
    results.retry(db, claim, "short_body", START + timedelta(seconds=30))
    assert take(db) is None
    assert AssetState.WAITING is operator.retry(db, claim.asset_id, "operator")
    claim = must_take(db)
    results.end(db, claim, AssetState.LOST, "link_expired")
    assert take(db) is None
    assert AssetState.LOST is operator.retry(db, claim.asset_id, "operator")
    assert 0 == must_take(db).attempts
    assert operator.retry(db, "unknown", "operator") is None


def test_constraints__an_asset_cannot_be_archived_without_an_object(db: Database) -> None:
    """The database itself refuses an archived row without key and digest, and a waiting row that is never due."""
    put(db, received())
    for values in ({"state": "archived", "due_at": None}, {"due_at": None}):
        with pytest.raises(IntegrityError), db.write() as conn:
            conn.execute(update(assets).values(**values))


def test_looks__planned_leased_and_fenced(db: Database, clock: FakeClock) -> None:
    """A registered task is due at its expected time, asked about by one at a time, and postponed by its owner only."""
    claims.register_sources(db, CAPS)
    expected = START + timedelta(seconds=30)
    one = tasks.Registration(
        "kie", "t1", "order-7", {"prompt": "p\x00\ud800"}, expected, timedelta(55), LINK_LIFE, True
    )
    first, again = tasks.register(db, [one, one], "operator")
    assert first == again == task_key("kie", "t1")
    assert take_look(db) is None
    clock.advance(seconds=31)
    look = take_look(db)
    assert look is not None
    assert take_look(db) is None
    looks.postpone(db, look, clock.now + timedelta(seconds=5), "unreachable")
    clock.advance(seconds=6)
    second = take_look(db)
    assert second is not None
    with pytest.raises(ClaimLostError):
        looks.postpone(db, look, clock.now, "unreachable")
    looks.gone(db, second, "task_not_found")
    assert {"t1": TaskState.GONE} == states(db)
    assert take_look(db) is None
    seen = queries.task(db, first)
    assert seen is not None
    assert ["open", "gone"] == [entry["now"] for entry in seen["history"]]


def test_looks__a_hint_during_a_look_is_not_forgotten(db: Database, clock: FakeClock) -> None:
    """A callback that arrives while the task is being asked about still gets its own look, at once."""
    claims.register_sources(db, CAPS)
    registration = tasks.Registration("kie", "t1", None, None, START, timedelta(0), LINK_LIFE, True)
    tasks.register(db, [registration], "operator")
    look = take_look(db)
    assert look is not None
    clock.advance(seconds=1)
    put(db, received(statement(decision=Decision.CONFIRM, verdict=Verdict.SIGNED_ID)))
    running = statement(event(progress=Progress.RUNNING))
    looks.record(db, look, running, clock.now + timedelta(minutes=10))
    assert take_look(db) is not None


def test_looks__most_urgent_first_and_not_while_paused(db: Database) -> None:
    """Looks come in the order of must_by; a paused source is not asked."""
    claims.register_sources(db, CAPS)
    for name, minutes in (("late", 9), ("soon", 1)):
        by = START - timedelta(hours=1) + timedelta(minutes=minutes)
        tasks.register(db, [tasks.Registration("kie", name, None, None, by, timedelta(0), LINK_LIFE, True)], "operator")
    with db.write() as conn:
        conn.execute(update(tasks_table).where(tasks_table.c.task_id == "soon").values(must_by=START))
    operator.pause(db, "kie", paused=True, actor="operator")
    assert take_look(db) is None
    operator.pause(db, "kie", paused=False, actor="operator")
    order = [look.task_id for look in (take_look(db) for _ in range(2)) if look]
    assert ["soon", "late"] == order


def register(db: Database, source: str, *task_ids: str, by: datetime = START) -> None:
    wanted = [tasks.Registration(source, i, None, None, by, timedelta(0), LINK_LIFE, True) for i in task_ids]
    tasks.register(db, wanted, "operator")
    with db.write() as conn:
        conn.execute(update(tasks_table).values(vouched=True))


def test_looks__are_paid_from_the_accounts_bucket(db: Database, clock: FakeClock) -> None:
    """Of an account of 30 requests in 60 s no more than 15 go out in any 60 s, however many tasks are due."""
    claims.register_sources(db, CAPS)
    register(db, "kie", *(f"t{n:03}" for n in range(200)))
    budgets = {"kie": split(Pace(timedelta(55), timedelta(5), 30, timedelta(seconds=60)), hinted=False)}
    sent = []
    for _ in range(600):
        while taken := looks.take(db, budgets, {}):
            sent += [clock.now] * len(taken)
        clock.advance(seconds=0.5)
    assert 15 >= max(sum(start <= at < start + timedelta(seconds=60) for at in sent) for start in sent)
    assert 60 <= len(sent) <= 75


def test_looks__processes_share_one_bucket(ledger_url: str) -> None:
    """Eight processes that look at the same moment send what one account may send at once, and no more."""
    first = Database(ledger_url, patience=20)
    migrate.upgrade(first)
    claims.register_sources(first, CAPS)
    register(first, "kie", *(f"t{n}" for n in range(40)), by=START - timedelta(days=9000))
    budgets = {"kie": split(Pace(timedelta(55), timedelta(5), 40, timedelta(hours=1)), hinted=False)}
    barrier, taken = threading.Barrier(8), []

    def ask() -> None:
        database = Database(ledger_url, patience=20)
        barrier.wait()
        taken.extend([look.task for _ in range(4) for look in looks.take(database, budgets, {})])
        database.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first.close()
    assert (5, 5) == (len(taken), len(set(taken)))


def test_looks__a_flood_of_invented_tasks_keeps_no_true_one_waiting(db: Database, clock: FakeClock) -> None:
    """What nobody vouches for has its own small bucket, and the large one only while nothing vouched for is due."""
    claims.register_sources(db, CAPS)
    hint = {"decision": Decision.CONFIRM, "verdict": Verdict.TOKEN}
    put(db, *(received(statement(event(f"forged{n:03}"), **hint)) for n in range(100)))  # type: ignore[arg-type]
    clock.advance(seconds=1)
    wanted = [
        tasks.Registration("kie", f"true{n}", None, None, clock.now, timedelta(0), LINK_LIFE, True) for n in (1, 2)
    ]
    tasks.register(db, wanted, "operator")
    with db.write() as conn:
        conn.execute(update(tasks_table).where(tasks_table.c.task_id.startswith("true")).values(vouched=True))
    budgets = {"kie": split(Pace(timedelta(55), timedelta(5), 40, timedelta(minutes=1)), hinted=True)}
    asked = [look.task_id for _ in range(20) for look in looks.take(db, budgets, {})]
    assert ["true1", "true2"] == asked[:2]
    assert (4, 1) == (budgets["kie"].asks.burst, budgets["kie"].hints.burst if budgets["kie"].hints else 0)
    assert 2 + 2 + 1 == len(asked)  # what was left of the large bucket, and the small one


def test_looks__several_tasks_in_one_request(db: Database) -> None:
    """Where one request can ask about several tasks it takes the most urgent of one source, and is paid for once."""
    claims.register_sources(db, {"kie": 8, "other": 8})
    register(db, "kie", *(f"t{n}" for n in range(5)), by=START - timedelta(seconds=5))
    register(db, "other", "else", by=START - timedelta(seconds=1))
    pace = Pace(timedelta(55), timedelta(5), 2, timedelta(minutes=1), batch=4)
    budgets = {"kie": split(pace, hinted=False), "other": split(pace, hinted=False)}
    found = [[look.task_id for look in looks.take(db, budgets, {"kie": 4})] for _ in range(3)]
    assert [4, 1, 0] == [len(batch) for batch in found]
    assert ["else"] == found[1]


def test_polling__tells_how_late_looks_are(db: Database, clock: FakeClock) -> None:
    """A task not asked about for longer than a link lives is late; the lag counts from when its result was likely."""
    claims.register_sources(db, {"kie": 8, "other": 8})
    register(db, "kie", "t1", "t2", by=START)
    register(db, "kie", "t3", by=START + timedelta(hours=2))
    lives = {"kie": LINK_LIFE, "other": LINK_LIFE}
    assert queries.Polling(3, 2, 0, timedelta(0)) == queries.polling(db, lives)["kie"]
    clock.advance(minutes=21)
    assert queries.Polling(3, 2, 2, timedelta(minutes=21)) == queries.polling(db, lives)["kie"]
    look = take_look(db)
    assert look is not None
    looks.record(db, look, statement(event(look.task_id, Progress.RUNNING)), clock.now + timedelta(minutes=1))
    heard = queries.Polling(3, 1, 1, timedelta(minutes=21), asked=1)
    assert heard == queries.polling(db, lives)["kie"]
    look = take_look(db)
    assert look is not None
    looks.postpone(db, look, clock.now + timedelta(minutes=1), "code_401")
    assert replace(heard, due=0, asked=2, failing=1, trouble="code_401") == queries.polling(db, lives)["kie"]
    clock.advance(minutes=2)
    for _ in range(2):
        look = take_look(db)
        assert look is not None
        looks.postpone(db, look, clock.now + timedelta(minutes=1), "task_not_found", lives=LINK_LIFE)
    assert 0 == queries.polling(db, lives)["kie"].failing
    assert queries.Polling(0, 0, 0, timedelta(0)) == queries.polling(db, lives)["other"]


def test_polling__a_failure_that_is_looked_at_again_is_no_silence(db: Database, clock: FakeClock) -> None:
    """A task that failed, and that a callback now calls a success, is not among those nothing was heard of."""
    claims.register_sources(db, CAPS)
    register(db, "kie", "t1", by=START)
    look = take_look(db)
    assert look is not None
    looks.record(db, look, statement(replace(event("t1", Progress.FAILED), reason="provider_failed")), START)
    put(db, received(statement(event("t1"), decision=Decision.CONFIRM, verdict=Verdict.TOKEN)))
    found = queries.polling(db, {"kie": LINK_LIFE})["kie"]
    assert (1, 1, 0, None) == (found.open, found.asked, found.failing, found.trouble)


def test_polling__invented_tasks_hide_no_late_one(db: Database, clock: FakeClock) -> None:
    """However many unvouched tasks there are, vouched ones that are late are counted."""
    claims.register_sources(db, CAPS)
    register(db, "kie", "true", by=START)
    hint = {"decision": Decision.CONFIRM, "verdict": Verdict.TOKEN}
    clock.advance(hours=2)
    put(db, *(received(statement(event(f"forged{n}"), **hint)) for n in range(9)))  # type: ignore[arg-type]
    assert 1 == queries.polling(db, {"kie": LINK_LIFE}, at_most=3)["kie"].late


def test_unwatched__are_open_tasks_nobody_can_ask_about(db: Database, clock: FakeClock) -> None:
    """Planned looks of a source that cannot be asked any more are counted once they are due."""
    claims.register_sources(db, CAPS)
    register(db, "kie", "t1", by=START + timedelta(hours=1))
    assert {} == queries.unwatched(db, ["other"])
    clock.advance(hours=2)
    assert {"kie": 1} == queries.unwatched(db, ["other"])
    assert {} == queries.unwatched(db, ["kie"])


def test_second_link__is_kept_with_the_first(db: Database, clock: FakeClock) -> None:
    """An output's second link comes with the claim, and is renewed with the first."""
    said = event(outputs=[replace(output(), second=output("/copy.mp4").link)])
    put(db, received(statement(said)))
    claim = must_take(db)
    assert claim.second is not None
    assert claim.second.path == "/copy.mp4"
    put(db, received(statement(event(outputs=[output(query="sig=2")]))))
    clock.advance(seconds=13)
    assert must_take(db).second is None


def test_leases__one_holder_at_a_time(db: Database, clock: FakeClock) -> None:
    """The clock's lease is renewed by its holder, refused to others, and theirs once dropped or run out."""
    life = timedelta(seconds=15)
    assert leases.hold(db, "clock", "a", life)
    assert leases.hold(db, "clock", "a", life)
    assert not leases.hold(db, "clock", "b", life)
    leases.drop(db, "clock", "a")
    assert leases.hold(db, "clock", "b", life)
    clock.advance(seconds=16)
    assert leases.hold(db, "clock", "a", life)


def test_lists__keyset_pages_meet_every_row_once(db: Database, clock: FakeClock) -> None:
    """Paging with `after` over rows of the same instant and of others shows each exactly once, newest first."""
    for n in range(7):
        put(db, received(statement(event(f"t{n}"))))
        if n % 3 == 0:
            clock.advance(seconds=1)
    seen, after = [], None
    while True:
        page = queries.list_assets(db, queries.Filter(limit=2, after=after))
        seen += [row["id"] for row in page[:2]]
        if len(page) <= 2:
            break
        after = (page[1]["created_at"], page[1]["id"])
    assert 7 == len(seen) == len(set(seen))
    assert "link" not in page[0]


def test_lists__filters(db: Database) -> None:
    """Lists can be narrowed by source, state, task, external id, time and the start of an id."""
    claims.register_sources(db, CAPS)
    tasks.register(
        db, [tasks.Registration("kie", "ta", "order-1", None, None, LINK_LIFE, LINK_LIFE, False)], "operator"
    )
    put(db, received(statement(event("ta"))), received(statement(event("tb"), source="other")))

    def found(**wanted: object) -> list[str]:
        return sorted(row["task_id"] for row in queries.list_assets(db, queries.Filter(**wanted)))  # type: ignore[arg-type]

    assert ["ta", "tb"] == found()
    assert ["tb"] == found(source="other")
    assert [] == found(state="archived")
    assert ["ta"] == found(task_id="ta")
    assert ["ta"] == found(external_id="order-1")
    assert [] == found(since=START + timedelta(seconds=1))
    assert ["tb"] == found(q="tb")
    assert [] == found(q="%")


@pytest.mark.parametrize("value", ["nul\x00", "lone\ud800"])
def test_record__a_value_the_database_refuses_commits_nothing(db: Database, value: str) -> None:
    """A batch with an unstorable value is refused as a whole, so that it can be replayed one by one."""
    bad = replace(received(), id="bad", reason=value)
    if db.is_sqlite and value == "nul\x00":
        put(db, bad)  # SQLite stores NUL
        return
    with pytest.raises(Exception, match=r"NUL|surrogate"):
        put(db, received(statement(event("good"))), bad)
    assert 0 == count(db, deliveries_table)


def test_relink__keeps_the_claim(db: Database) -> None:
    """A fresh link is kept under the claim's fence, with its own expiry."""
    put(db, received())
    claim = must_take(db)
    fresh = output("/fresh.mp4").link
    results.relink(db, claim, fresh)
    asset = the_asset(db)
    assert (fresh.url, fresh.expires_at, "polled") == (asset["link"], asset["link_expires_at"], asset["verdict"])
    assert isinstance(claim.link, Link)
    assert "sig=" not in repr(claim)
