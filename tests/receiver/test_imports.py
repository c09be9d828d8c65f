"""Many tasks at once: registered together or not at all, and asked about together."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from archive.identity import task_key
from archive.ledger.schema import outbox, tasks
from archive.providers.kie import GONE_AFTER
from receiver.imports import MAX_BODY, MAX_TASKS
from tests.receiver.house import OPERATOR, VIEWER, House, assert_problem

LIST, LOOKUP = "/api/tasks/import", "/api/tasks/lookup"


def task(task_id: str = "t1", **more: Any) -> dict[str, Any]:
    return {"source": "asked", "task_id": task_id, **more}


def send(house: House, *rows: dict[str, Any], token: str | None = OPERATOR) -> Any:
    return house.ask("POST", LIST, token, json={"tasks": list(rows)})


def test_import__registers_all_in_order(house: House) -> None:
    """Each row is registered and told back where it stood, with its state, and whether it was known; workers ring."""
    house.ask("POST", "/api/tasks", json=task("t2"))
    answer = send(
        house, task("t3", external_id="o3", metadata={"a": [1]}), task("t2"), {**task("t3"), "source": "token"}
    )
    assert 200 == answer.status_code
    assert [("asked", "t3", True), ("asked", "t2", False), ("token", "t3", True)] == [
        (row["source"], row["task_id"], row["is_new"]) for row in answer.json()["tasks"]
    ]
    assert [task_key("asked", "t3"), task_key("asked", "t2"), task_key("token", "t3")] == [
        row["id"] for row in answer.json()["tasks"]
    ]
    [found] = house.get("/api/tasks", external_id="o3")["items"]
    assert ("t3", {"a": [1]}, "open") == (found["task_id"], found["metadata"], found["state"])
    assert 1 == house.count(outbox)


def test_import__is_from_the_past_where_nobody_says_otherwise(house: House) -> None:
    """A row without `expected_by` was expected so long ago that it is asked about now and is gone if denied twice."""
    soon = house.clock() + timedelta(minutes=1)
    send(house, task("old"), task("new", expected_by=soon.isoformat()))
    with house.db.read() as conn:
        found = {row.task_id: row for row in conn.execute(select(tasks))}
    assert house.clock() - GONE_AFTER == found["old"].expected_at == found["old"].look_at
    assert soon == found["new"].expected_at == found["new"].look_at
    assert found["new"].must_by < found["old"].must_by


def test_import__twice_is_once(house: House) -> None:
    """The same list again registers nothing, and says so."""
    first = send(house, task("t1"), task("t2")).json()["tasks"]
    again = send(house, task("t1"), task("t2")).json()["tasks"]
    assert [{**row, "is_new": False} for row in first] == again
    assert 2 == house.count(tasks)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"source": "asked"}, "task_id"),
        ({"task_id": "t2"}, "source"),
        (task("t2", source="nobody"), "source"),
        (task("t 2"), "task_id"),
        (task(""), "task_id"),
        (task("t2", external_id="a\x00b"), "external_id"),
        (task("t2", external_id=""), "external_id"),
        (task("t2", expected_by="2026-11-21T12:00:00"), "expected_by"),
        (task("t2", expected_by="1999-11-21T12:00:00Z"), "expected_by"),
        (task("t2", metadata=[1]), "metadata"),
        (task("t2", colour="red"), "colour"),
        (task("t1", external_id="other"), "task_id"),
    ],
)
def test_import__one_bad_row_registers_nothing(house: House, row: dict[str, Any], field: str) -> None:
    """The problem names the row by its index and the field, never the value, and no other row was registered."""
    document = assert_problem(send(house, task("t1"), row), 422, "bad_tasks")
    assert f"tasks.1.{field}" in document["detail"]
    assert "tasks.0" not in document["detail"].replace("otherwise in tasks.0", "")
    assert (0, 0, 0) == house.rows


def test_import__every_bad_row_is_named(house: House) -> None:
    """All rows that are wrong are told at once."""
    detail = assert_problem(send(house, task("t 1"), task(), task(source="x")), 422, "bad_tasks")["detail"]
    assert ("tasks.0.task_id" in detail, "tasks.1" in detail, "tasks.2.source" in detail) == (True, False, True)


def test_import__bounds(house: House) -> None:
    """A thousand rows are taken and one more is not; a body has its end too; no rows are no mistake."""
    many = [task(f"t{n}") for n in range(MAX_TASKS)]
    assert MAX_TASKS == len(send(house, *many).json()["tasks"])
    assert_problem(send(house, *many, task("more")), 422, "bad_tasks")
    assert MAX_TASKS == house.count(tasks)
    assert_problem(send(house, task("big", metadata={"a": "x" * MAX_BODY})), 413, "body_too_large")
    assert [] == send(house).json()["tasks"]


def test_import__who_may(house: House) -> None:
    """An operator may; a viewer and a stranger may not, and their body is not read."""
    assert 403 == send(house, token=VIEWER).status_code
    assert 401 == send(house, token=None).status_code
    assert 403 == house.ask("POST", LIST, VIEWER, content=b"{").status_code


def test_lookup__what_became_of_them(house: House) -> None:
    """A viewer learns state and files of many tasks in one answer, in the order asked; unknown ids are not there."""
    house.deliver("token", token="token-in-the-path", task_id="t1")
    keys = [task_key("token", "t1"), "0" * 32, task_key("asked", "t2")]
    send(house, task("t2", external_id="o2"), {**task("t1", external_id="o1"), "source": "token"})
    answer = house.ask("POST", LOOKUP, VIEWER, json={"ids": keys})
    assert [
        {
            "id": keys[0], "source": "token", "task_id": "t1", "external_id": "o1", "state": "succeeded",
            "reason": None, "assets": {"waiting": 1}, "asset_reasons": [],
        },
        {
            "id": keys[2], "source": "asked", "task_id": "t2", "external_id": "o2", "state": "open",
            "reason": None, "assets": {}, "asset_reasons": [],
        },
    ] == answer.json()["tasks"]  # fmt: skip


@pytest.mark.parametrize("body", [{}, {"ids": "a"}, {"ids": ["../x"]}, {"ids": ["0" * 32] * (MAX_TASKS + 1)}, []])
def test_lookup__refused(house: House, body: Any) -> None:
    """What is no list of at most a thousand ids of ours is refused."""
    assert_problem(house.ask("POST", LOOKUP, VIEWER, json=body), 422, "bad_lookup")
    assert 401 == house.ask("POST", LOOKUP, None, json=body).status_code


def test_external_id__is_found_and_shown_everywhere(house: House) -> None:
    """Tasks, assets and deliveries are filtered and searched by the user's own id, and each shows it, alone too."""
    house.deliver("token", token="token-in-the-path", task_id="t1")
    house.deliver("token", token="token-in-the-path", task_id="t2", link="https://storage.kie.ai/v/2.mp4")
    send(house, {"source": "token", "task_id": "t1", "external_id": "order-7"})
    for what in ("tasks", "assets", "deliveries"):
        for asked in ({"external_id": "order-7"}, {"q": "order-"}):
            [found] = house.get(f"/api/{what}", **asked)["items"]
            assert ("t1", "order-7") == (found["task_id"], found["external_id"])
            assert "order-7" == house.get(f"/api/{what}/{found['id']}")["external_id"]
        assert {"order-7", None} == {row["external_id"] for row in house.get(f"/api/{what}")["items"]}
