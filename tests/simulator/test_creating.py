"""What can go wrong with an answer to a create request, told by the plan."""

import json
from typing import Any

import httpx
import pytest

from simulator.routes import ROUTES
from simulator.world import Route
from tests.simulator.customers import PRODUCTS, Customer, inside
from tests.simulator.helpers import Receiver, Simulator, eventually

ERRORS = [
    ("seed", "1003", 402, 1003),
    ("seed", "1006", 400, 1006),
    ("market", "402", 200, 402),
    ("veo", "500", 200, 500),
    ("v2", "INSUFFICIENT_CREDITS", 402, "INSUFFICIENT_CREDITS"),
    ("v2", "INTERNAL_ERROR", 500, "INTERNAL_ERROR"),
    ("gpt-image-2", "insufficient_credits", 402, "insufficient_credits"),
    ("seedance2", "service_busy", 503, "service_busy"),
    ("ace", "used_up", 403, "used_up"),
    ("kyy", "500", 500, None),
]


@pytest.mark.parametrize(("name", "code", "status", "said"), ERRORS)
def test_create_error(sim: Simulator, customer: Customer, name: str, code: str, status: int, said: object) -> None:
    """A documented error is answered as the provider words it, and no task is made."""
    before = len(sim.log("task"))
    answer = customer.order(name, create_error={"code": code})
    body = answer.json()
    assert (status, said) == (answer.status_code, body.get("code", inside(body, ("error", "code"))))
    assert before == len(sim.log("task"))


@pytest.mark.parametrize("name", ROUTES)
def test_create_error__every_route_has_some(customer: Customer, name: Route) -> None:
    """Every error that a route lists can be asked for, with a Retry-After or another status; others are no plan."""
    codes = [*ROUTES[name].voice.refusals(), "429", "503"]
    for code in codes:
        answer = customer.order(name, create_error={"code": code, "retry_after": 7, "status": 418})
        assert (418, "7") == (answer.status_code, answer.headers["Retry-After"])
    assert 400 == customer.order(name, create_error={"code": "no such"}).status_code


@pytest.mark.parametrize("how", ["before", "middle"])
def test_lose_answer(sim: Simulator, customer: Customer, how: str) -> None:
    """The task is made, and its caller hears nothing, or half of it."""
    before = len(sim.log("task", route="v2"))
    reason = "without sending a response" if how == "before" else "without sending complete"
    with pytest.raises(httpx.RemoteProtocolError, match=reason):
        customer.order("v2", lose_answer=how)
    assert before + 1 == len(sim.log("task", route="v2"))
    assert sim.log("answer_lost", how=how)


def test_lose_answer__asked_again(sim: Simulator) -> None:
    """The same Idempotency-Key after a lost answer is told of the task that was made, and no second one is made."""
    customer = Customer(sim, {"Idempotency-Key": "lost-1"})
    before = len(sim.log("task"))
    with pytest.raises(httpx.RemoteProtocolError):
        customer.order("seedance2", lose_answer="before")
    again = customer.order("seedance2", lose_answer="before")
    [made] = sim.log("task")[before:]
    assert (200, made["task_id"]) == (again.status_code, again.json()["id"])


def test_slow_answer(sim: Simulator) -> None:
    """Who repeats a request that still runs meets a conflict; afterwards it is told of the one task."""
    customer = Customer(sim, {"Idempotency-Key": "slow-1"})
    before = len(sim.log("task"))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            sim.api + PRODUCTS["seedance2"].create,
            json=PRODUCTS["seedance2"].body,
            headers={**sim.customer.headers, **customer.headers, "X-Sim-Plan": json.dumps({"slow_answer": 1})},
            timeout=0.3,
            trust_env=False,
        )
    assert 409 == customer.order("seedance2").status_code

    def told() -> Any:
        answer = customer.order("seedance2")
        return answer.json()["id"] if answer.status_code == 200 else None

    assert [eventually(told)] == [made["task_id"] for made in sim.log("task")[before:]]


def test_batch(customer: Customer) -> None:
    """A batch is as many tasks as were ordered, less those that failed, and each can be asked after."""
    said = customer.order("gpt-image-2", body={"batch_count": 4}, batch_failed=1).json()
    assert (3, 1, 24) == (said["batch_success"], said["batch_failed"], said["credits_used"])
    assert said["id"] == said["batch_task_ids"][0]
    links = {customer.ended("gpt-image-2", task_id)["output"][0] for task_id in said["batch_task_ids"]}
    assert 3 == len(links)
    assert "batch_task_ids" not in customer.order("gpt-image-2", body={"batch_count": 1}).json()
    assert 400 == customer.order("gpt-image-2", batch_failed=1).status_code


def test_standing_plans(sim: Simulator, customer: Customer) -> None:
    """A client that brings no plan gets those that wait for it, one after the other, then the one that stands."""

    def put(**order: Any) -> int:
        return sim.customer.post("/_sim/plans", json={"route": "kyy", **order}).status_code

    def order() -> int:
        return sim.customer.post(PRODUCTS["kyy"].create, json=PRODUCTS["kyy"].body).status_code

    quick = {"size": 60_000, "ready_after": 0}
    assert [204, 204] == [put(plan={"create_error": {"code": "503"}}, times=1), put(plan=quick)]
    assert [503, 200, 200] == [order() for _ in range(3)]
    assert [400, 400] == [put(plan={"colour": "red"}), put(plan={}, route="nowhere")]


def test_tasks__tell_their_request(sim: Simulator, customer: Customer, receiver: Receiver) -> None:
    """The request of a task can be read back without its callback URL, and the journal has each callback's digest."""
    task_id = customer.create("v2", receiver.url)
    [told] = [task for task in sim.customer.get("/_sim/tasks").json() if task["task_id"] == task_id]
    assert PRODUCTS["v2"].body == told["request"]
    assert 64 == len(eventually(lambda: sim.log("callback", task_id=task_id))[0]["sha256"])
