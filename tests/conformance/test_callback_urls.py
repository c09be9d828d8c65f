"""What the ledger promises about minted callback URLs while many write at once, on both databases."""

import random
import threading
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select, text

from archive.ledger import callback_urls, claims, deliveries, migrate, notifications, tasks
from archive.ledger.database import Database
from archive.ledger.schema import callback_urls as urls_table
from archive.ledger.schema import notifications as notifications_table
from archive.ledger.schema import tasks as tasks_table
from archive.model import Verdict
from tests.builders import LINK_LIFE, event, received, statement
from tests.doubles import START, wait_for


def test_follow__many_receivers_and_registrations_at_once(ledger_url: str) -> None:
    """Each URL ends up bound to one task that is vouched for, every task has metadata, nobody waits in a circle."""
    first = Database(ledger_url, patience=20)
    migrate.upgrade(first)
    claims.register_sources(first, {"kie": 8})
    made = [callback_urls.create(first, "kie", f"order-{n}", {"n": n}, timedelta(days=1)).id for n in range(6)]
    barrier, failures = threading.Barrier(6), []

    def write(number: int) -> None:
        database = Database(ledger_url, patience=20)
        chance = random.Random(number)
        barrier.wait()
        try:
            for turn in range(6):
                items = []
                for n in chance.sample(range(6), 6):
                    said = statement(event(f"t{chance.randrange(12)}"), verdict=Verdict.TOKEN)
                    body = f"{number}-{turn}-{n}".encode()
                    items.append(received(said, body=body, callback=made[n]))
                deliveries.record(database, items)
                name = f"t{chance.randrange(12)}"
                one = tasks.Registration("kie", name, None, None, None, LINK_LIFE, LINK_LIFE, False, made[turn])
                tasks.register(database, [one], "operator")
        except Exception as exc:
            failures.append(exc)
        database.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures
    with first.read() as conn:
        bound = {row.id: row.task for row in conn.execute(select(urls_table))}
        known = conn.execute(select(tasks_table.c.id, tasks_table.c.vouched, tasks_table.c.metadata)).all()
    assert 6 == len([task for task in bound.values() if task])
    assert set(bound.values()) <= {row.id for row in known if row.vouched}
    assert all(row.metadata for row in known)
    first.close()


def test_pass_on__many_receivers_of_what_says_nothing_of_a_task(ledger_url: str) -> None:
    """Callbacks that are only passed on hold their URLs too, in the order of those that bring tasks."""
    first = Database(ledger_url, patience=20)
    migrate.upgrade(first)
    claims.register_sources(first, {"kie": 8})
    theirs = "https://caller.example/hook"
    made = [callback_urls.create(first, "kie", None, None, timedelta(days=1), theirs).id for _ in range(6)]
    barrier, failures = threading.Barrier(4), []

    def write(number: int) -> None:
        database = Database(ledger_url, patience=20)
        chance = random.Random(number)
        barrier.wait()
        try:
            for turn in range(8):
                said = statement(event(f"t{number}"), verdict=Verdict.TOKEN)
                items = [received(said, body=f"{number}-{turn}-{n}".encode(), callback=made[n]) for n in range(6)]
                chance.shuffle(items)
                deliveries.record(database, [*items[:2], *(replace(item, statement=None) for item in items[2:])])
        except Exception as exc:
            failures.append(exc)
        database.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures
    with first.read() as conn:
        assert 4 * 8 * 6 == conn.scalar(select(func.count()).select_from(notifications_table))
    first.close()


def test_follow__two_first_callers_at_once(fresh_postgres: str) -> None:
    """Who comes second waits for the first to commit, and finds the URL bound: its task gets no external id."""
    db = Database(fresh_postgres, patience=20)
    migrate.upgrade(db)
    claims.register_sources(db, {"kie": 8})
    made = callback_urls.create(db, "kie", "order-1", None, timedelta(days=1)).id
    first, second = (statement(event(name), verdict=Verdict.TOKEN) for name in ("t1", "t2"))
    deliveries.record(db, [received(first)])
    other = threading.Thread(target=deliveries.record, args=(db, [received(second, callback=made)]))

    def is_blocked() -> bool:
        with db.read() as conn:
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return bool(conn.execute(waiting).scalar_one())

    with db.write() as conn:
        callback_urls.follow(conn, [callback_urls.Call(made, first.task_key)], START)
        other.start()
        wait_for(is_blocked)
    other.join()
    with db.read() as conn:
        owners = {row.task_id: (row.external_id, row.vouched) for row in conn.execute(select(tasks_table))}
    assert {"t1": ("order-1", True), "t2": (None, False)} == owners
    assert "t1" == callback_urls.bound_task(db, made)
    db.close()


def test_follow__by_which_verdict_a_task_is_vouched_for(db: Database) -> None:
    """What signs the task's id or more vouches, at first sight or later; what proves less does not, nor undoes it."""
    claims.register_sources(db, {"kie": 8})
    for verdict in Verdict:
        deliveries.record(db, [received(statement(event(verdict.label), verdict=verdict))])
        later = statement(event(f"later-{verdict.label}"), verdict=Verdict.TOKEN)
        deliveries.record(db, [received(later)])
        again = statement(event(f"later-{verdict.label}"), verdict=verdict)
        deliveries.record(db, [received(again, body=verdict.label.encode())])
        deliveries.record(db, [received(later, body=b"weaker, after " + verdict.label.encode())])
    with db.read() as conn:
        found = {row.task_id: row.vouched for row in conn.execute(select(tasks_table))}
    assert {verdict.label: verdict >= Verdict.SIGNED_ID for verdict in Verdict} == {
        name: vouched for name, vouched in found.items() if not name.startswith("later-")
    }
    assert all(found[verdict.label] is found[f"later-{verdict.label}"] for verdict in Verdict)


def test_create__keeps_where_callbacks_are_passed_on_to(db: Database) -> None:
    """The URL of the proxy's caller stands with the reference that took its place."""
    theirs = "https://app.example/hook?secret=s"
    made = callback_urls.create(db, "kie", None, None, timedelta(days=1), theirs)
    other = callback_urls.create(db, "kie", None, None, timedelta(days=1))
    with db.read() as conn:
        found = {row.id: row.forward_url for row in conn.execute(select(urls_table))}
    assert {made.id: theirs, other.id: None} == found


def test_drop__only_what_nobody_came_by(db: Database) -> None:
    """A reference whose order was refused is forgotten; one that a task came by stays, whoever drops it."""
    claims.register_sources(db, {"kie": 8})
    used, unused = (callback_urls.create(db, "kie", None, {"n": n}, timedelta(days=1)).id for n in range(2))
    tasks.register(db, [tasks.Registration("kie", "t1", None, None, None, LINK_LIFE, LINK_LIFE, False, used)], "proxy")
    for callback in (used, unused, unused, "0" * 32):
        callback_urls.drop_unused(db, callback)
    with db.read() as conn:
        assert [used] == list(conn.scalars(select(urls_table.c.id)))


def test_known__which_of_them(db: Database) -> None:
    """Of a list of our ids those that the ledger has; of none none."""
    [key] = tasks.register(
        db, [tasks.Registration("kie", "t1", None, None, None, LINK_LIFE, LINK_LIFE, False)], "proxy"
    )
    assert {key} == tasks.known(db, {key, "0" * 32})
    assert set() == tasks.known(db, set())


def test_drop_unused__one_whose_callback_is_still_to_be_passed_on(db: Database) -> None:
    """A provider that calls about an order it refused has been heard: what is owed to the caller keeps its URL."""
    claims.register_sources(db, {"kie": 8})
    made = callback_urls.create(db, "kie", None, None, timedelta(days=1), "https://caller.example/hook").id
    deliveries.record(db, [replace(received(callback=made), statement=None)])
    callback_urls.drop_unused(db, made)
    claim = notifications.take(db, ())
    assert claim is not None
    assert "https://caller.example/hook" == claim.forward_url
