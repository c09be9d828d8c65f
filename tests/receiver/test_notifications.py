"""Notifications and their targets, as people and programs see them and act on them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from archive.ledger.schema import notifications, targets
from tests.doubles import START, wait_for
from tests.receiver.house import HOOK, VIEWER, WEBHOOK_SECRET, House, archive_one, assert_problem


def add(house: House, n: int, **more: Any) -> str:
    """A notification, dead where nothing else is said, one minute older than now by *n*."""
    at = START - timedelta(minutes=n)
    row = {
        "id": f"{n:032x}", "target": "app", "type": "asset.archived", "source": "signed", "subject": "asset",
        "subject_id": "a" * 32, "facts": '{"sha256":"ab"}', "state": "dead", "reason": "http_500", "attempts": 9,
        "created_at": at, "ended_at": at,
    } | more  # fmt: skip
    with house.db.write() as conn:
        conn.execute(insert(notifications).values(row))
    return str(row["id"])


def ids(page: Any) -> list[int]:
    return [int(item["id"], 16) for item in page["items"]]


def test_list__filters_and_pages(house: House) -> None:
    """Every filter narrows the list, newest first; a cursor goes on where the page before ended."""
    add(house, 1)
    add(house, 2, target="other", subject_id="b" * 32)
    add(house, 3, state="pending", ended_at=None, due_at=START, type="task.failed", source="asked")
    add(house, 4, state="delivered", target="", reason=None)
    assert [1, 2, 3, 4] == ids(house.get("/api/notifications"))
    for wanted, expected in (
        ({"target": "app"}, [1, 3]), ({"target": ""}, [4]), ({"state": "dead"}, [1, 2]), ({"type": "task.failed"}, [3]),
        ({"source": "asked"}, [3]), ({"q": "bbbb"}, [2]), ({"q": f"{4:032x}"}, [4]),
        ({"state": "dead", "target": "x"}, []),
        ({"since": "2026-11-21T11:58:00Z"}, [1, 2]), ({"until": "2026-11-21T11:58:00"}, [3, 4]),
    ):  # fmt: skip
        assert expected == ids(house.get("/api/notifications", **wanted)), wanted
    first = house.get("/api/notifications", limit=3)
    assert [4] == ids(house.get("/api/notifications", limit=3, cursor=first["next_cursor"]))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("state=archived", "bad_query"), ("task_id=t1", "bad_query"), ("limit=0", "bad_query"),
        ("since=x", "bad_query"),
        ("target=%00", "bad_query"), ("type=%00", "bad_query"), ("cursor=x", "bad_cursor"),
    ],
)  # fmt: skip
def test_list__refuses_what_it_does_not_know(house: House, query: str, reason: str) -> None:
    """A filter that cannot be meant is refused, not passed over."""
    assert_problem(house.ask("GET", f"/api/notifications?{query}"), 400, reason)


def test_one__with_what_to_do_about_it(house: House) -> None:
    """A notification shows what it told, how often it was tried, and what to do where it was given up."""
    key = add(house, 1)
    shown = house.get(f"/api/notifications/{key}")
    expected = {
        "id": key, "target": "app", "type": "asset.archived", "source": "signed", "subject": "asset",
        "subject_id": "a" * 32, "facts": {"sha256": "ab"}, "state": "dead", "reason": "http_500", "attempts": 9,
        "created_at": "2026-11-21T11:59:00.000Z", "ended_at": "2026-11-21T11:59:00.000Z", "due_at": None,
        "callback": None, "advice": "The target has trouble: its own log says why.",
    }  # fmt: skip
    assert expected == shown
    for absent in ("x", "f" * 32):
        assert_problem(house.ask("GET", f"/api/notifications/{absent}"), 404, "not_found")
        assert_problem(house.ask("POST", f"/api/notifications/{absent}/redrive"), 404, "not_found")


def test_redrive__one(house: House) -> None:
    """A dead notification is due again at once and the workers hear of it; one that is on its way is a conflict."""
    key = add(house, 1)
    rung = house.bell.rung
    answer = house.ask("POST", f"/api/notifications/{key}/redrive")
    assert {"id": key, "was": "dead", "state": "pending"} == answer.json()
    shown = house.get(f"/api/notifications/{key}")
    assert ("pending", 0, None, "2026-11-21T12:00:00.000Z") == tuple(
        shown[name] for name in ("state", "attempts", "reason", "due_at")
    )
    wait_for(lambda: house.bell.rung > rung)
    assert_problem(house.ask("POST", f"/api/notifications/{key}/redrive"), 409, "already_pending")


def test_redrive__to_a_target_that_is_gone(house: House) -> None:
    """What nobody would send stays dead, and it is said why."""
    key = add(house, 1, target="removed")
    assert_problem(house.ask("POST", f"/api/notifications/{key}/redrive"), 409, "unknown_target")
    assert {"redriven": 0} == house.ask("POST", "/api/notifications/redrive", json={}).json()


def test_redrive__many(house: House) -> None:
    """A filter says which of the dead are sent again; none at all means all of them; nothing else changes."""
    for n in range(1, 6):
        add(house, n, type="task.failed" if n == 5 else "asset.archived", target="" if n == 4 else "app")
    delivered = add(house, 6, state="delivered")
    said = {"target": "app", "type": "asset.archived", "source": "signed", "since": "2026-11-21T11:57:00Z"}
    rung = house.bell.rung
    answer = house.ask("POST", "/api/notifications/redrive", json=said | {"until": "2026-11-21T11:59:00Z"})
    assert (200, {"redriven": 2}) == (answer.status_code, answer.json())
    assert [2, 3] == ids(house.get("/api/notifications", state="pending"))
    wait_for(lambda: house.bell.rung > rung)
    assert {"redriven": 3} == house.ask("POST", "/api/notifications/redrive", json={}).json()
    assert {"redriven": 0} == house.ask("POST", "/api/notifications/redrive", json={}).json()
    assert "delivered" == house.get(f"/api/notifications/{delivered}")["state"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "not_json"), (b"[]", 422, "bad_redrive"), (b'{"state": "dead"}', 422, "bad_redrive"),
        (b'{"since": "soon"}', 422, "bad_redrive"), (b'{"target": "\\u0000"}', 422, "bad_redrive"),
        (b'{"source": "\\ud800"}', 422, "bad_redrive"),
    ],
)  # fmt: skip
def test_redrive__of_what_cannot_be_meant(house: House, body: bytes, status: int, reason: str) -> None:
    """A filter that is not understood redrives nothing: it might have been meant to leave most of them alone."""
    key = add(house, 1)
    assert_problem(house.ask("POST", "/api/notifications/redrive", content=body), status, reason)
    assert "dead" == house.get(f"/api/notifications/{key}")["state"]


def test_targets__how_they_are(house: House) -> None:
    """A target shows where it leads, what it wants and how it is; status says the same; once it is well, no advice."""
    add(house, 1)
    add(house, 2, state="delivered")
    failing = {
        "failures": 3,
        "failing_since": START,
        "rests_until": START + timedelta(minutes=2),
        "failed_at": START,
        "reason": "http_404",
    }
    with house.db.write() as conn:
        conn.execute(update(targets).values(**failing))
    [shown] = house.get("/api/targets")["items"]
    expected = {
        "name": "app", "url": "https://app.example:8443", "format": "reelkeep", "types": [], "sources": [],
        "failures": 3, "failing_since": "2026-11-21T12:00:00.000Z",
        "rests_until": "2026-11-21T12:02:00.000Z", "succeeded_at": None, "pending": 0, "delivered": 1,
        "failed_at": "2026-11-21T12:00:00.000Z", "dead": 1, "reason": "http_404",
        "advice": "There is nothing at that path: correct the target's url.",
    }  # fmt: skip
    assert expected == shown
    assert [shown] == house.get("/api/status")["targets"]
    with house.db.write() as conn:
        conn.execute(update(targets).values(failures=0, failing_since=None))
    [shown] = house.get("/api/targets")["items"]
    assert (0, None, None) == (shown["failures"], shown["reason"], shown["advice"])


def test_targets__nothing_secret_is_shown(house: House) -> None:
    """Of a target's URL only scheme and host are shown, its secrets nowhere."""
    house.ask("POST", "/api/targets/app/test")
    paths = ("/api/targets", "/api/status", "/api/notifications", "/metrics")
    said = "".join(house.ask("GET", path).text for path in paths)
    assert "https://app.example:8443" in said
    assert not [secret for secret in (HOOK, WEBHOOK_SECRET, WEBHOOK_SECRET[6:]) if secret in said]


def test_test__makes_a_notification(house: House) -> None:
    """A test is answered with its row, by which its end can be awaited; the workers hear of it."""
    rung = house.bell.rung
    answer = house.ask("POST", "/api/targets/app/test")
    assert 200 == answer.status_code
    shown = answer.json()
    assert ("app", "notify.test", "pending", "2026-11-21T12:00:00.000Z") == tuple(
        shown[name] for name in ("target", "type", "state", "due_at")
    )
    assert shown == house.get(f"/api/notifications/{shown['id']}")
    wait_for(lambda: house.bell.rung > rung)
    assert_problem(house.ask("POST", "/api/targets/absent/test"), 404, "unknown_target")


def test_role__is_told(house: House) -> None:
    """Who asks learns what his token may, so that a page need not show what it cannot do."""
    assert "operator" == house.get("/api/status")["role"]
    assert "viewer" == house.ask("GET", "/api/status", VIEWER).json()["role"]


def test_asset_and_task__say_who_was_told(house: House) -> None:
    """An asset and a task show what was told of them, and whether it arrived."""
    asset = archive_one(house)
    [task] = house.get("/api/tasks")["items"]
    add(house, 1, subject_id=asset)
    add(house, 2, subject="task", type="task.failed", subject_id=task["id"])
    told = house.get(f"/api/assets/{asset}")["notifications"]
    expected = [("app", "asset.archived", "dead", "http_500"), ("app", "asset.archived", "pending", None)]
    assert expected == [(one["target"], one["type"], one["state"], one["reason"]) for one in told]
    assert ["task.failed"] == [one["type"] for one in house.get(f"/api/tasks/{task['id']}")["notifications"]]
