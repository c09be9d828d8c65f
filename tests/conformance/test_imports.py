"""Many tasks from the past: registered together, behind fresh ones, and with their metadata owed, on both databases."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlalchemy import func, select, text, update

from archive.alerts import alerts
from archive.budget import split
from archive.identity import task_key
from archive.ledger import callback_urls, claims, deliveries, looks, lookup, outbox, queries, tasks
from archive.ledger.database import Database
from archive.ledger.outbox import MAX_ATTEMPTS, MetadataErrand, PosterErrand
from archive.ledger.schema import assets, audit
from archive.ledger.schema import outbox as outbox_table
from archive.ledger.schema import tasks as tasks_table
from archive.ledger.tasks import Registered, Registration
from archive.model import Pace, TaskState
from tests.builders import LINK_LIFE, event, output, received, source, statement
from tests.doubles import START, FakeClock

DAY = timedelta(days=1)
OLD = Registration("kie", "t1", None, None, None, timedelta(seconds=55), LINK_LIFE, True, None, DAY)
FRESH = replace(OLD, task_id="fresh", age=None)
BUDGETS = {"kie": split(Pace(timedelta(55), timedelta(5), 1000, timedelta(seconds=1)), hinted=True)}


@contextmanager
def counting(db: Database) -> Iterator[Callable[[], int]]:
    """How many statements went to the database meanwhile; many rows of one statement are one."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    sql_event.listen(db.engine, "before_cursor_execute", note)
    yield lambda: len(seen)
    sql_event.remove(db.engine, "before_cursor_execute", note)


def rows(db: Database) -> dict[str, Any]:
    with db.read() as conn:
        return {row["task_id"]: row for row in conn.execute(select(tasks_table)).mappings()}


def owed(db: Database) -> int:
    with db.read() as conn:
        return conn.execute(select(func.count()).select_from(outbox_table)).scalar_one()


def take(db: Database) -> MetadataErrand:
    errand = outbox.take(db)
    assert isinstance(errand, MetadataErrand)
    return errand


def test_register__a_thousand_in_few_statements(db: Database) -> None:
    """A thousand tasks, and the same thousand told otherwise, take a handful of statements each."""
    wanted = [replace(OLD, task_id=f"t{n}", external_id=f"o{n}", metadata={"n": n}) for n in range(1000)]
    with counting(db) as statements:
        first = tasks.register_all(db, wanted, "operator")
        assert statements() <= 12
    assert [task_key("kie", f"t{n}") for n in range(1000)] == [one.id for one in first]
    assert {(True, TaskState.OPEN)} == {(one.is_new, one.state) for one in first}
    assert (1000, 1000) == (len(rows(db)), owed(db))
    told = [replace(one, external_id=f"other-{one.external_id}") for one in wanted]
    with counting(db) as statements:
        again = tasks.register_all(db, told, "operator")
        assert statements() <= 12
    assert [replace(one, is_new=False) for one in first] == again
    assert {f"other-o{n}" for n in range(1000)} == {row["external_id"] for row in rows(db).values()}
    assert 1000 == owed(db)


def test_register__the_same_again_changes_nothing(db: Database) -> None:
    """Who imports a list twice owes no second object, moves no look and writes no second audit entry."""
    one = replace(OLD, metadata={"a": 1}, external_id="o1")
    tasks.register(db, [one, one], "operator")
    outbox.done(db, take(db), "metadata/1.json")
    before = rows(db)
    assert [Registered(before["t1"]["id"], TaskState.OPEN, False)] == tasks.register_all(db, [one], "operator")
    assert (before, 0) == (rows(db), owed(db))
    with db.read() as conn:
        assert 1 == conn.execute(select(func.count()).select_from(audit)).scalar_one()


def test_register__what_is_from_the_past(db: Database) -> None:
    """A task from the past is asked about at once; a known one that only a list names keeps its own expectation."""
    tasks.register(db, [OLD, FRESH], "operator")
    old, fresh = (rows(db)[name] for name in ("t1", "fresh"))
    assert (START - DAY, START - DAY, START + DAY) == (old["expected_at"], old["look_at"], old["must_by"])
    tasks.register(db, [replace(OLD, task_id="fresh", external_id="o1")], "operator")
    after = rows(db)["fresh"]
    assert {**fresh, "external_id": "o1"} == dict(after)
    tasks.register(db, [replace(OLD, task_id="fresh", expected_by=START - 2 * DAY)], "operator")
    assert START - 2 * DAY == rows(db)["fresh"]["expected_at"]


def test_register__reopens_what_was_gone(db: Database) -> None:
    """A list that names a task given up opens it again, with nothing it was told before counting any more."""
    tasks.register(db, [OLD], "operator")
    claims.register_sources(db, {"kie": 8})
    [look] = looks.take(db, BUDGETS, {})
    looks.gone(db, look, "task_not_found")
    assert (TaskState.GONE, None) == (rows(db)["t1"]["state"], rows(db)["t1"]["look_at"])
    [again] = tasks.register_all(db, [OLD], "operator")
    assert TaskState.OPEN == again.state
    row = rows(db)["t1"]
    assert (TaskState.OPEN, None, START - DAY) == (row["state"], row["reason"], row["expected_at"])
    assert "t1" == looks.take(db, BUDGETS, {})[0].task_id


def test_past__keeps_no_fresh_task_waiting(db: Database, clock: FakeClock) -> None:
    """However many old tasks are due, a fresh one that comes later is asked about before the next of them."""
    tasks.register(db, [replace(OLD, task_id=f"t{n}") for n in range(300)], "operator")
    claims.register_sources(db, {"kie": 8})
    assert "t" == looks.take(db, BUDGETS, {})[0].task_id[0]
    clock.advance(minutes=19)
    tasks.register(db, [FRESH], "operator")
    clock.advance(seconds=55)
    assert "fresh" == looks.take(db, BUDGETS, {})[0].task_id
    assert "fresh" != looks.take(db, BUDGETS, {})[0].task_id


def test_past__is_no_alarm(db: Database, clock: FakeClock) -> None:
    """A thousand old tasks that wait for their first look are neither late nor a lag for the first day."""
    tasks.register(db, [replace(OLD, task_id=f"t{n}") for n in range(1000)], "operator")
    clock.advance(hours=23)
    polling = queries.polling(db, {"kie": LINK_LIFE})
    assert (1000, 0, timedelta(0)) == (polling["kie"].due, polling["kie"].late, polling["kie"].lag)
    assert [] == alerts(queries.work(db), polling, {"kie": source("api.example")})
    clock.advance(hours=2)
    assert queries.polling(db, {"kie": LINK_LIFE})["kie"].late == 1000


def test_metadata__owed_in_the_transaction_that_sets_it(db: Database) -> None:
    """Metadata and its errand are committed together or not at all; without metadata nothing is owed."""
    tasks.register(db, [FRESH], "operator")
    assert 0 == owed(db)

    with db.write() as conn:
        conn.execute(text("ALTER TABLE outbox RENAME TO elsewhere"))
    with pytest.raises(Exception, match=r"outbox|ledger_unavailable"):
        tasks.register(db, [replace(OLD, metadata={"a": 1})], "operator")
    with db.write() as conn:
        conn.execute(text("ALTER TABLE elsewhere RENAME TO outbox"))
    assert (["fresh"], 0) == (sorted(rows(db)), owed(db))
    tasks.register(db, [replace(OLD, metadata={"a": 1}, external_id="o1")], "operator")
    errand = take(db)
    assert ("kie", "t1", "o1", '{"a":1}', START) == (
        errand.source, errand.task_id, errand.external_id, errand.metadata, errand.created_at,
    )  # fmt: skip
    outbox.done(db, errand, "metadata/1.json")
    assert ("metadata/1.json", 0) == (rows(db)["t1"]["metadata_key"], owed(db))


def test_metadata__inherited_from_a_callback_url(db: Database) -> None:
    """A task that comes by a minted URL is owed an object for what it inherits, once."""
    made = callback_urls.create(db, "kie", "o1", {"prompt": "a cat"}, DAY)
    first = received(statement(event(outputs=[])), callback=made.id)
    deliveries.record(db, [first])
    outbox.done(db, take(db), "metadata/1.json")
    deliveries.record(db, [received(statement(event(outputs=[output()])), callback=made.id)])
    assert 0 == owed(db)


def test_metadata__changed_while_it_is_written(db: Database, clock: FakeClock) -> None:
    """Words that change while the old ones are being written are written too; the key is never that of the old."""
    tasks.register(db, [replace(OLD, metadata={"a": 1})], "operator")
    old = take(db)
    tasks.register(db, [replace(OLD, metadata={"a": 2})], "operator")
    outbox.done(db, old, "metadata/old.json")
    assert rows(db)["t1"]["metadata_key"] is None
    new = take(db)
    assert '{"a":2}' == new.metadata
    outbox.done(db, new, "metadata/new.json")
    assert ("metadata/new.json", 0) == (rows(db)["t1"]["metadata_key"], owed(db))


def test_outbox__a_poster_that_kills_its_worker_ends(db: Database, clock: FakeClock) -> None:
    """A poster, and metadata, whose worker dies each time is given up after its last attempt."""
    deliveries.record(db, [received(statement(event("t1")))])
    with db.write() as conn:
        [asset] = conn.scalars(select(assets.c.id)).all()
        outbox.owe_poster(conn, asset, clock())
    for _ in range(MAX_ATTEMPTS):
        assert isinstance(outbox.take(db), PosterErrand)
        clock.advance(seconds=121)
    tasks.register(db, [replace(OLD, metadata={"a": 1})], "operator")
    for _ in range(MAX_ATTEMPTS):
        assert "t1" == take(db).task_id
        clock.advance(seconds=121)
    assert outbox.take(db) is None
    assert 0 == owed(db)


def test_outbox__metadata_waits_for_the_store(db: Database, clock: FakeClock) -> None:
    """However long the store is away, metadata is tried again."""
    tasks.register(db, [replace(OLD, metadata={"a": 1})], "operator")
    for _ in range(3 * MAX_ATTEMPTS):
        outbox.later(db, take(db), timedelta(minutes=1))
        assert outbox.take(db) is None
        clock.advance(seconds=61)
    assert "t1" == take(db).task_id


def test_lookup__what_became_of_them(db: Database) -> None:
    """One question tells the states of many tasks and how many of their files are where; unknown ids are left out."""
    tasks.register(db, [replace(OLD, external_id="o1"), replace(OLD, task_id="t2")], "operator")
    deliveries.record(db, [received(statement(event("t1", outputs=[output("/1.mp4"), output("/2.mp4", ordinal=1)])))])
    keys = [task_key("kie", name) for name in ("t2", "nobody", "t1")]
    with counting(db) as statements:
        second, first = lookup.tasks_of(db, keys)
        assert 2 == statements()
    assert ("o1", "succeeded", {"waiting": 2}) == (first["external_id"], first["state"], first["assets"])
    assert ("t2", "open", {}) == (second["task_id"], second["state"], second["assets"])


def test_register__two_imports_of_the_same_at_once(db: Database) -> None:
    """Two lists with the same tasks in opposite orders wait for each other and both succeed."""
    wanted = [replace(OLD, task_id=f"t{n}", metadata={"n": n}) for n in range(200)]
    tasks.register(db, wanted[:100], "operator")
    with db.write() as conn:
        conn.execute(update(tasks_table).values(metadata=None))
    barrier, failures = threading.Barrier(2), list[Exception]()

    def register(mine: list[Registration]) -> None:
        barrier.wait()
        try:
            tasks.register(db, mine, "operator")
        except Exception as exc:
            failures.append(exc)

    threads = [threading.Thread(target=register, args=(mine,)) for mine in (wanted, wanted[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ([], 200) == (failures, len(rows(db)))
