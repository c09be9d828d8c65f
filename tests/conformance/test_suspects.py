"""Claims that nobody ended, on SQLite and on a real PostgreSQL server."""

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from archive.budget import split
from archive.identity import task_key
from archive.ledger import (
    claims,
    deliveries,
    looks,
    notification_queries,
    notifications,
    operator,
    outbox,
    queries,
    results,
    suspects,
)
from archive.ledger.claims import Claim
from archive.ledger.database import Database
from archive.ledger.schema import assets, audit
from archive.ledger.schema import notifications as notifications_table
from archive.ledger.schema import tasks as tasks_table
from archive.model import AssetState, Pace, Progress, TaskState
from archive.trust import Decision
from tests.builders import event, received, statement
from tests.doubles import FakeClock

LEASE = timedelta(seconds=12)
CAPS = {"kie": 64}
BUDGETS = {"kie": split(Pace(timedelta(55), timedelta(5), 1000, timedelta(seconds=1)), hinted=True)}


def put(db: Database, *tasks: str) -> None:
    claims.register_sources(db, CAPS)
    deliveries.record(db, [received(statement(event(task))) for task in tasks])


def take(db: Database, owner: str) -> Claim | None:
    return claims.take(db, owner, CAPS, LEASE)


def must_take(db: Database, owner: str) -> Claim:
    claim = take(db, owner)
    assert claim is not None
    return claim


def the(db: Database, claim: Claim) -> dict[str, Any]:
    found = queries.asset(db, claim.asset_id)
    assert found is not None
    return dict(found)


def test_bury__a_lease_that_ran_out_is_a_crash(db: Database, clock: FakeClock) -> None:
    """F02, F06: who finds a claim that nobody ended closes its attempt, counts it, and has the asset at once."""
    put(db, "t1")
    first = must_take(db, "w1")
    clock.advance(seconds=13)
    again = must_take(db, "w2")
    found = the(db, again)
    assert (first.asset_id, 1, AssetState.WAITING) == (again.asset_id, found["crashes"], found["state"])
    assert [("crashed", "lease_over"), (None, None)] == [(t["outcome"], t["reason"]) for t in found["tries"]]


def test_died__names_the_cause(db: Database) -> None:
    """F06: a supervisor that saw a worker die says how, and what it held is due at once."""
    put(db, "t1")
    must_take(db, "w1")
    assert 1 == suspects.died(db, "w1", "killed_by_sigsegv")
    found = the(db, must_take(db, "w2"))
    assert 1 == found["crashes"]
    assert [("crashed", "killed_by_sigsegv"), (None, None)] == [(t["outcome"], t["reason"]) for t in found["tries"]]


def test_release__is_no_crash(db: Database, clock: FakeClock) -> None:
    """F04: a worker that stops as it was told blames nobody, however often; nor is a suspect cleared by it."""
    put(db, "t1")
    for _ in range(9):
        must_take(db, "w1")
        assert 1 == claims.release(db, "w1")
    claim = must_take(db, "w1")
    assert 0 == the(db, claim)["crashes"]
    clock.advance(seconds=13)
    results.hand_back(db, must_take(db, "w2"))
    assert 1 == the(db, claim)["crashes"]


@pytest.mark.parametrize("ends", ["retry", "archived", "end", "operator"])
def test_crashes__are_over_with_any_outcome(db: Database, clock: FakeClock, ends: str) -> None:
    """Only crashes in a row count: what a process lived to write down ends the row, and so does an operator's retry."""
    put(db, "t1")
    must_take(db, "w1")
    clock.advance(seconds=13)
    claim = must_take(db, "w2")
    assert 1 == the(db, claim)["crashes"]
    if ends == "retry":
        results.retry(db, claim, "short_body", clock())
    elif ends == "archived":
        results.intend(db, claim, claims.Intent("videos", "k", 5, "ab" * 32, "video/mp4", None))
        results.archived(db, claim, None, {})
    elif ends == "end":
        results.end(db, claim, AssetState.LOST, "http_403")
    else:
        results.hand_back(db, claim)
        operator.retry(db, claim.asset_id, "operator")
    assert 0 == the(db, claim)["crashes"]


def test_quarantine__after_four_in_a_row(db: Database, clock: FakeClock) -> None:
    """F08: the fourth death in a row sets the asset aside, with one audit entry that holds the evidence."""
    put(db, "t1")
    for number in range(4):
        claim = must_take(db, f"w{number}")
        if number == 2:
            clock.advance(seconds=13)
            assert take(db, "finder") is None
        else:
            assert 1 == suspects.died(db, f"w{number}", "killed_by_sigkill")
        clock.advance(seconds=5)
    assert take(db, "w9") is None
    found = the(db, claim)
    assert ("quarantined", "crashes_worker", 4) == (found["state"], found["reason"], found["crashes"])
    [entry] = [e for e in found["history"] if e["now"] == "quarantined"]
    assert ("waiting", "crashes_worker", "worker:w3") == (entry["was"], entry["reason"], entry["actor"])
    facts = json.loads(entry["facts"])
    assert 4 == facts["crashes"]
    assert ["w0", "w1", "w2", "w3"] == [each["owner"] for each in facts["attempts"]]
    causes = ["killed_by_sigkill", "killed_by_sigkill", "lease_over", "killed_by_sigkill"]
    assert causes == [each["cause"] for each in facts["attempts"]]
    assert all(each["from"] <= each["until"] for each in facts["attempts"])
    assert AssetState.QUARANTINED is operator.retry(db, claim.asset_id, "operator")
    again = must_take(db, "w9")
    assert 0 == the(db, again)["crashes"]


def test_company__all_that_died_together_go_on_together(db: Database) -> None:
    """F06: one process with 16 transfers that is killed once has all of them taken up again side by side."""
    put(db, *(f"t{n}" for n in range(16)))
    assert all(take(db, "w1") for _ in range(16))
    assert 16 == suspects.died(db, "w1", "killed_by_sigkill")
    assert all(take(db, "w2") for _ in range(16))


def _suspect(db: Database, clock: FakeClock) -> Claim:
    """A suspect that is due, and more urgent than what comes later."""
    put(db, "poison")
    for owner in ("d1", "d2"):
        claim = must_take(db, owner)
        suspects.died(db, owner, "killed_by_sigkill")
    clock.advance(seconds=2)
    return claim


def test_company__a_suspect_is_worked_on_alone(db: Database, clock: FakeClock) -> None:
    """F08: who holds a suspect takes nothing else; others go on, and so does it when the suspect is done."""
    suspect = _suspect(db, clock)
    put(db, "t1", "t2")
    alone = must_take(db, "w1")
    assert suspect.asset_id == alone.asset_id
    assert take(db, "w1") is None
    assert must_take(db, "w2").asset_id != suspect.asset_id
    results.retry(db, alone, "short_body", clock() + timedelta(hours=1))
    assert take(db, "w1") is not None


def test_company__one_busy_process_makes_room(db: Database, clock: FakeClock) -> None:
    """F08: while a suspect is the most urgent one busy process takes no more until it is free, the others go on."""
    put(db, "a1", "b1")
    mine, _theirs = must_take(db, "w1"), must_take(db, "w2")
    suspect = _suspect(db, clock)
    clock.advance(seconds=1)
    claims.heartbeat(db, "w1", [mine.asset_id], LEASE)
    put(db, "c1", "c2")
    assert take(db, "w1") is None
    passed = must_take(db, "w2")
    assert passed.asset_id != suspect.asset_id
    results.retry(db, mine, "short_body", clock() + timedelta(hours=1))
    assert suspect.asset_id == must_take(db, "w1").asset_id


def test_survived__takes_back_what_was_counted(db: Database, clock: FakeClock) -> None:
    """F05: a worker that was stopped beyond its lease says so when it finds its claim gone, and no file is blamed."""
    put(db, "t1")
    stopped = must_take(db, "w1")
    clock.advance(seconds=13)
    again = must_take(db, "w2")
    assert 1 == the(db, again)["crashes"]
    suspects.survived(db, "w1", stopped.asset_id, stopped.fence)
    found = the(db, again)
    assert (0, "overtaken") == (found["crashes"], found["tries"][0]["outcome"])
    suspects.survived(db, "w1", stopped.asset_id, stopped.fence)
    results.retry(db, again, "short_body", clock())
    assert 0 == the(db, again)["crashes"]


def test_survived__hands_back_what_nobody_found(db: Database) -> None:
    """A claim that could not be settled for want of a ledger is handed back by its own process, without a crash."""
    put(db, "t1")
    claim = must_take(db, "w1")
    suspects.survived(db, "w1", claim.asset_id, claim.fence)
    found = the(db, must_take(db, "w2"))
    assert (0, "handed_back") == (found["crashes"], found["tries"][0]["outcome"])


def test_bury__own_claims_are_no_crash(db: Database, clock: FakeClock) -> None:
    """A process that finds a lapsed claim of its own is alive: the asset is due, and nobody is blamed."""
    put(db, "t1")
    must_take(db, "w1")
    clock.advance(seconds=13)
    assert 0 == the(db, must_take(db, "w1"))["crashes"]


def test_take__asks_the_index_of_owners(db: Database) -> None:
    """Looking for claims that nobody ended costs the same with any backlog: it reads claims, not what waits."""
    put(db, "t1")
    with db.read() as conn:
        wanted = select(func.count()).select_from(assets).where(assets.c.owner > "", assets.c.due_at.is_not(None))
        text = str(wanted.compile(conn.engine, compile_kwargs={"literal_binds": True}))
        if conn.dialect.name == "sqlite":
            plan = str(conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())
        else:
            conn.exec_driver_sql("SET enable_seqscan = off")
            plan = str(conn.exec_driver_sql(f"EXPLAIN {text}").all())
    assert "ix_assets_owner" in plan


def test_audit__nothing_but_the_quarantine(db: Database, clock: FakeClock) -> None:
    """Claims are no transitions, nor are crashes: only the end is audited."""
    _suspect(db, clock)
    with db.read() as conn:
        assert (
            0
            == conn.execute(
                select(func.count()).select_from(audit).where(audit.c.actor.startswith("worker:"))
            ).scalar_one()
        )


def _task(db: Database) -> dict[str, Any]:
    return dict(queries.task(db, task_key("kie", "t1")) or {})


def test_looks__that_nobody_ends_come_ever_more_seldom(db: Database, clock: FakeClock) -> None:
    """F08: what kills whoever asks about a task does so five times, then hourly to daily, and is at last gone."""
    claims.register_sources(db, CAPS)
    running = statement(event("t1", Progress.RUNNING), decision=Decision.CONFIRM)
    deliveries.record(db, [received(running)])
    began, gaps = clock(), []
    while (found := _task(db))["state"] == TaskState.OPEN:
        clock.now = max(clock(), found["look_at"])
        if taken := looks.take(db, BUDGETS, {"kie": 20}):
            assert 1 == len(taken)
            gaps.append(clock())
    hours = [round((after - before) / timedelta(hours=1), 1) for before, after in pairwise(gaps)]
    assert [0, 0, 0, 0, 1, 2, 4, 8, 16, 24] == hours[:10]
    assert len(gaps) < 30
    assert timedelta(days=14) < clock() - began < timedelta(days=16)
    assert ("gone", "crashes_worker") == (found["state"], found["reason"])
    assert [(None, "open"), ("open", "gone")] == [(e["was"], e["now"]) for e in found["history"]]


def test_looks__an_end_ends_the_row(db: Database, clock: FakeClock) -> None:
    """A look that its process lives to write down makes the task one like any other."""
    claims.register_sources(db, CAPS)
    deliveries.record(db, [received(statement(event("t1", Progress.RUNNING), decision=Decision.CONFIRM))])
    clock.advance(minutes=2)
    for _ in range(3):
        assert looks.take(db, BUDGETS, {})
        clock.advance(seconds=91)
    [look] = looks.take(db, BUDGETS, {})
    looks.postpone(db, look, clock(), "timed_out")
    assert 0 == _task(db)["crashes"]


def test_notifications__that_nobody_ends_die_like_any_other(db: Database, clock: FakeClock) -> None:
    """F08: one that kills its sender is tried ever more seldom, and after a day it is dead."""
    row = {
        "id": "f" * 32, "target": "", "type": "asset.archived", "subject": "asset", "subject_id": "a" * 32,
        "state": "pending", "created_at": clock(), "due_at": clock(),
    }  # fmt: skip
    with db.write() as conn:
        conn.execute(insert(notifications_table).values(row))
    kills = 0
    while (found := dict(notification_queries.notification(db, "f" * 32) or {}))["state"] == "pending":
        clock.now = max(clock(), found["due_at"])
        kills += notifications.take(db, []) is not None
    assert ("dead", "crashes_worker") == (found["state"], found["reason"])
    assert 12 <= kills <= 14


def test_errands__that_nobody_ends_are_dropped(db: Database, clock: FakeClock) -> None:
    """F08: metadata whose writing kills the worker five times is given up, and the task's history says so."""
    claims.register_sources(db, CAPS)
    deliveries.record(db, [received(statement(event("t1", Progress.RUNNING), decision=Decision.CONFIRM))])
    with db.write() as conn:
        conn.execute(update(tasks_table).values(metadata="{}"))
        outbox.owe_metadata(conn, [task_key("kie", "t1")], clock())
    taken = 0
    while outbox.take(db):
        taken += 1
        clock.advance(minutes=3)
    assert outbox.MAX_ATTEMPTS == taken
    found = _task(db)
    assert ("open", "open", "crashes_worker") == tuple(found["history"][-1][name] for name in ("was", "now", "reason"))
