"""What people see of notifications and may do about them, on SQLite and on a real PostgreSQL server."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from archive.ledger import migrate, notification_operator, notification_queries
from archive.ledger import notifications as notifications_ledger
from archive.ledger.database import Database
from archive.ledger.notification_queries import Filter, Health, Listing
from archive.ledger.schema import audit, notifications, targets
from archive.model import NotificationState
from tests.doubles import START, FakeClock

PENDING, DELIVERED, DEAD = NotificationState


def add(db: Database, n: int, **more: Any) -> str:
    """A notification, dead where nothing else is said, one second younger than that of *n* - 1."""
    key = f"{n:032x}"
    at = START + timedelta(seconds=n)
    row = {
        "id": key, "target": "app", "type": "asset.archived", "source": "kie", "subject": "asset",
        "subject_id": f"a{n}", "state": DEAD, "reason": "http_500", "attempts": 9, "created_at": at, "ended_at": at,
    } | more  # fmt: skip
    if row["state"] == PENDING:
        row |= {"due_at": at, "ended_at": None}
    with db.write() as conn:
        conn.execute(insert(notifications).values(row))
    return key


def add_target(db: Database, name: str, **more: Any) -> None:
    with db.write() as conn:
        conn.execute(insert(targets).values(name=name, format="reelkeep", types="[]", sources="[]", **more))


def numbers(rows: Sequence[Any]) -> list[int]:
    return [int(row["id"], 16) for row in rows]


def listed(db: Database, **wanted: Any) -> list[int]:
    return numbers(notification_queries.list_notifications(db, Listing(**wanted)))


def all_rows(db: Database) -> dict[int, Any]:
    with db.read() as conn:
        return {int(row["id"], 16): dict(row) for row in conn.execute(select(notifications)).mappings()}


def entries(db: Database) -> list[tuple[Any, ...]]:
    columns = (
        audit.c.subject,
        audit.c.subject_id,
        audit.c.was,
        audit.c.now,
        audit.c.reason,
        audit.c.actor,
        audit.c.facts,
    )
    with db.read() as conn:
        return [tuple(row) for row in conn.execute(select(*columns).order_by(audit.c.id))]


def test_list__filters(db: Database) -> None:
    """Each filter narrows the list, newest first, also together; the target without a name is a target."""
    add(db, 1)
    add(db, 2, target="other", state=PENDING, subject_id="a1")
    add(db, 3, type="task.failed", source="ace", state=DELIVERED)
    add(db, 4, target="", type="delivery.forward", subject="delivery")
    assert [4, 3, 2, 1] == listed(db)
    assert [[3, 1], [2], [4], []] == [listed(db, target=name) for name in ("app", "other", "", "absent")]
    assert [[2], [3], [4, 1]] == [listed(db, state=state) for state in (PENDING, DELIVERED, DEAD)]
    assert [[1], []] == [listed(db, target="app", state=state) for state in (DEAD, PENDING)]
    assert [[3], [3]] == [listed(db, type="task.failed"), listed(db, source="ace")]
    since = START + timedelta(seconds=2)
    assert [[4, 3, 2], [1], [4]] == [
        listed(db, since=since),
        listed(db, until=since),
        listed(db, since=since, state=DEAD),
    ]
    assert [[2, 1], [1], [3], []] == [
        listed(db, q="a1"),
        listed(db, q="a1", state=DEAD),
        listed(db, q=f"{3:032x}"),
        listed(db, q="%"),
    ]


@pytest.mark.parametrize("wanted", [{}, {"state": DEAD}, {"target": "app"}, {"state": DEAD, "q": "a"}])
def test_list__pages(db: Database, wanted: dict[str, Any]) -> None:
    """Pages leave nothing out and repeat nothing, also among notifications of one instant and of several targets."""
    for n in range(12):
        add(db, n, target="app" if wanted.get("target") or n % 2 else "other", created_at=START)
    seen: list[int] = []
    after: tuple[datetime, str] | None = None
    while True:
        rows = notification_queries.list_notifications(db, Listing(**wanted, limit=5, after=after))
        seen += numbers(rows[:5])
        if len(rows) <= 5:
            break
        after = rows[4]["created_at"], rows[4]["id"]
    assert [*range(11, -1, -1)] == seen


def test_list__seeks(tmp_path: Path, clock: FakeClock) -> None:
    """What is dead, and what is about an asset, is found by the index among however many that were delivered."""
    db = Database(f"sqlite:///{tmp_path}/ledger.db", clock=clock)
    migrate.upgrade(db)
    add_target(db, "app")
    add(db, 1)
    steps: list[str] = []

    def explain(conn: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith("SELECT"):
            plan = conn.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps.extend(step[3] for step in plan)

    event.listen(db.engine, "after_cursor_execute", explain)
    assert [1] == listed(db, state=DEAD, since=START)
    assert 1 == len(notification_queries.about(db, "asset", "a1"))
    clock.advance(minutes=1)
    assert 1 == notification_operator.redrive_dead(db, Filter(source="kie"), "operator")
    event.remove(db.engine, "after_cursor_execute", explain)
    db.close()
    read = [step for step in steps if "notifications" in step]
    assert len(read) >= 5
    assert not [step for step in read if not step.startswith("SEARCH notifications USING")]


def test_about__an_asset(db: Database) -> None:
    """What was told of an asset, oldest first, and of nothing else that has the same id."""
    add(db, 1, subject_id="x")
    add(db, 2, subject_id="x", target="other", state=PENDING, reason=None)
    add(db, 3, subject_id="x", subject="task")
    add(db, 4, subject_id="xy")
    found = notification_queries.about(db, "asset", "x")
    assert [("app", "dead", "http_500"), ("other", "pending", None)] == [
        (row["target"], row["state"], row["reason"]) for row in found
    ]


@pytest.mark.parametrize("state", [DEAD, DELIVERED])
def test_redrive__one(db: Database, clock: FakeClock, state: NotificationState) -> None:
    """What has ended is pending and due at once, as if new, and the audit log tells who wanted it; a rest is over."""
    key = add(db, 1, state=state)
    other = add(db, 2)
    add_target(db, "app", failures=4, rests_until=START + timedelta(hours=1))
    clock.advance(minutes=5)
    before = all_rows(db)
    assert state is notification_operator.redrive(db, key, "operator")
    rows = all_rows(db)
    changed = {"state": "pending", "due_at": clock.now, "attempts": 0, "ended_at": None, "reason": None}
    assert {1: before[1] | changed, 2: before[2]} == rows
    facts = f'{{"notification":"{key}"}}'
    assert [("target", "app", state, "pending", "redrive", "operator", facts)] == entries(db)
    assert Health(failures=4, pending=1, dead=1) == notification_queries.health(db, ["app"])["app"]
    assert PENDING is notification_operator.redrive(db, key, "operator")
    assert None is notification_operator.redrive(db, "f" * 32, "operator")
    assert (rows, 1) == (all_rows(db), len(entries(db)))
    assert DEAD is notification_operator.redrive(db, other, "operator")


def test_redrive__many(db: Database, clock: FakeClock) -> None:
    """Exactly the dead ones that fit are due again, in as many transactions as it takes, each with its audit entry."""
    add_target(db, "app")
    add_target(db, "other", rests_until=START + timedelta(hours=1))
    for n in range(7):
        add(db, n, created_at=START + timedelta(seconds=n // 3), ended_at=START)
    add(db, 10, type="task.failed")
    add(db, 11, source="ace")
    add(db, 12, target="other")
    add(db, 13, state=DELIVERED)
    add(db, 14, state=PENDING, created_at=START)
    add(db, 15, target="removed")
    add(db, 16, target="")
    clock.advance(minutes=1)
    before = all_rows(db)
    wanted = Filter("app", "asset.archived", "kie", START, START + timedelta(seconds=9))
    assert 7 == notification_operator.redrive_dead(db, wanted, "operator", at_once=3)
    again = {"state": "pending", "due_at": clock.now, "attempts": 0, "ended_at": None, "reason": None}
    assert {n: row | (again if n < 7 else {}) for n, row in before.items()} == all_rows(db)
    assert ['{"redriven":3}', '{"redriven":3}', '{"redriven":1}'] == [entry[-1] for entry in entries(db)]
    assert {("target", "app", "dead", "pending", "redrive", "operator")} == {entry[:-1] for entry in entries(db)}
    assert 4 == notification_operator.redrive_dead(db, Filter(), "operator")
    assert "dead" == all_rows(db)[15]["state"]
    assert 0 == notification_operator.redrive_dead(db, Filter(), "operator")
    assert ["", "app", "other"] == [entry[1] for entry in entries(db)[3:]]
    assert None is notification_queries.health(db, ["other"])["other"].rests_until


def test_redrive__what_dies_again_meanwhile_is_left_alone(db: Database, clock: FakeClock) -> None:
    """Notifications that a target refuses at once do not keep a redrive of all of them from ending."""
    add_target(db, "app")
    for n in range(4):
        add(db, n, ended_at=START - timedelta(seconds=1))

    class Refusing(Database):
        def now(self, conn: Any) -> datetime:
            clock.advance(seconds=1)
            ended = {"state": DEAD, "ended_at": clock.now, "due_at": None}
            conn.execute(update(notifications).where(notifications.c.state == PENDING).values(**ended))
            return clock.now

    refusing = Refusing(str(db.engine.url.render_as_string(hide_password=False)), clock=clock)
    assert 4 == notification_operator.redrive_dead(refusing, Filter(), "operator", at_once=2)
    refusing.close()


def test_add_test__is_due_now(db: Database, clock: FakeClock) -> None:
    """A test is a notification about its target, due at once, also to one that rests or was never heard of."""
    add_target(db, "app", failures=2, rests_until=START + timedelta(hours=1))
    made = notification_operator.add_test(db, "app")
    assert ("app", "notify.test", "target", "app", "pending", clock.now, 0, None) == tuple(
        made[name] for name in ("target", "type", "subject", "subject_id", "state", "due_at", "attempts", "ended_at")
    )
    assert made == notification_queries.notification(db, made["id"])
    assert None is notification_queries.health(db, ["app"])["app"].rests_until


def test_add_test__goes_before_what_waits(db: Database, clock: FakeClock) -> None:
    """Whoever asks for a test of a target that has a backlog does not wait for the end of it."""
    add_target(db, "app")
    for n in range(3):
        add(db, n, state=PENDING)
    clock.advance(minutes=1)
    made = notification_operator.add_test(db, "app")
    claim = notifications_ledger.take(db, ["app"])
    assert claim is not None
    assert made["id"] == claim.id


def test_health__by_target(db: Database) -> None:
    """What the table says of each target that is asked about, and its notifications by state, counted to a bound."""
    told = {
        "failures": 3,
        "failing_since": START,
        "rests_until": START,
        "succeeded_at": START,
        "failed_at": START,
        "reason": "http_500",
    }
    add_target(db, "app", **told)
    add_target(db, "gone")
    for n in range(4):
        add(db, n)
    add(db, 5, state=DELIVERED)
    found = notification_queries.health(db, ["new", "app"], at_most=3)
    assert {"new": Health(), "app": Health(3, START, START, START, START, "http_500", 0, 1, 3)} == found
    assert ["new", "app"] == [*found]
    assert {} == notification_queries.health(db, [])
