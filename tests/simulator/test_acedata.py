"""AceData speaks as its documentation shows, key by key and in its order, in all the shapes it has."""

import json
import time
from typing import Any

import pytest

from tests.simulator.customers import ACE_TASKS, Customer, form, inside, links_in
from tests.simulator.helpers import Receiver, Simulator, eventually

CALLED_BACK = """
{"success": true, "task_id": "f7096c6c-0001", "trace_id": "4a4a3721-0001",
 "data": {"task_id": "cgt-20251222073134-54qcw", "status": "succeeded",
  "video_url": "https://platform.cdn.acedata.cloud/seedance/95f9f5f0.mp4", "last_frame_url": null,
  "model": "doubao-seedance-1-0-pro-250528", "duration": 5, "resolution": "720p", "ratio": "16:9"}}
"""
ARK = """
{"id": "cgt-1", "model": "m", "status": "succeeded", "content": {"video_url": "https://h.example/x.mp4"}, "seed": 655,
 "resolution": "720p", "ratio": "16:9", "duration": 5, "framespersecond": 24,
 "usage": {"completion_tokens": 108900, "total_tokens": 108900}, "created_at": 1779348818, "updated_at": 1779348874}
"""
FAILED = """
{"success": false, "task_id": "f7096c6c-0001", "trace_id": "4a4a3721-0001",
 "error": {"code": "api_error", "message": "reason"}}
"""
RECORD = """
{"_id": "69480c5c", "id": "9462ca25-0001", "type": "videos", "trace_id": "24b1b09c-0001",
 "created_at": 1766329436.091, "request": {}, "response": {}, "started_at": 1766329437.0,
 "finished_at": 1766329500.0, "elapsed": 63.0}
"""


def called(receiver: Receiver) -> dict[str, Any]:
    eventually(lambda: receiver.requests)
    body: dict[str, Any] = receiver.bodies()[0]
    return body


def test_created__async(customer: Customer, receiver: Receiver) -> None:
    """With `async` or `callback_url` the answer is the task id, at once."""
    for answer in (customer.order("ace", ready_after=60), customer.order("ace", receiver.url, ready_after=60)):
        assert ["task_id"] == list(answer.json())


def test_created__waits(customer: Customer) -> None:
    """Without either the request blocks, and its answer is the final document."""
    answer = customer.order("ace", body={}, ready_after=0.3)
    assert (200, form(json.loads(CALLED_BACK))) == (answer.status_code, form(answer.json()))


def test_created__waits_for_failure(customer: Customer) -> None:
    """A failure of a request that blocked is an error without `success`."""
    answer = customer.order("ace", body={}, outcome="fail")
    assert (500, ["error", "trace_id"]) == (answer.status_code, list(answer.json()))


def test_called_back__flat(customer: Customer, receiver: Receiver) -> None:
    """A callback is the documented one: two ids, the outer of them AceData's; unsigned."""
    task_id = customer.create("ace", receiver.url)
    actual = called(receiver)
    assert form(json.loads(CALLED_BACK)) == form(actual)
    assert task_id == actual["task_id"] != actual["data"]["task_id"]
    assert not [name for name in receiver.requests[0][0] if name.startswith("x-webhook")]


def test_called_back__last_frame(sim: Simulator, customer: Customer, receiver: Receiver) -> None:
    """With a last frame the callback names an image too."""
    task_id = customer.create("ace", receiver.url, last_frame=True)
    assert ".png?" in called(receiver)["data"]["last_frame_url"]
    assert sim.log("film", task_id=task_id, role="last_frame", media="png")


@pytest.mark.parametrize("shape", ["ark", "ark_list"])
def test_called_back__ark(customer: Customer, receiver: Receiver, shape: str) -> None:
    """The other shapes of `data` are Ark's object, and a list of such; links stand in `content`."""
    customer.create("ace", receiver.url, shape=shape)
    data = called(receiver)["data"]
    expected = json.loads(ARK)
    assert form(expected if shape == "ark" else [expected]) == form(data)


@pytest.mark.parametrize("missing", [False, True])
def test_called_back__fail(customer: Customer, receiver: Receiver, missing: bool) -> None:
    """A failure has an error and, unless planned otherwise, the task id; a poll has it always."""
    task_id = customer.create("ace", receiver.url, outcome="fail", missing_task_id=missing)
    expected = json.loads(FAILED)
    if missing:
        del expected["task_id"]
    assert form(expected) == form(called(receiver))
    assert task_id == customer.ended("ace", task_id)["response"]["task_id"]
    older = customer.create("ace", outcome="fail", missing_task_id=missing, poll_shape="callback")
    assert older == eventually(lambda: "error" in (said := customer.ask("ace", older).json()) and said)["task_id"]


def test_polled__record(customer: Customer) -> None:
    """A poll of a finished task is a record with the callback in `response`, its times seconds as floats."""
    answer = customer.ended("ace", customer.create("ace"))
    assert list(json.loads(RECORD)) == list(answer)
    assert form(json.loads(CALLED_BACK)) == form(answer["response"])
    for key in ("created_at", "started_at", "finished_at", "elapsed"):
        assert isinstance(answer[key], float), key
    assert answer["created_at"] == pytest.approx(time.time(), abs=10)


def test_polled__running(customer: Customer) -> None:
    """A running task's record has no response and has not finished."""
    answer = customer.ask("ace", customer.create("ace", ready_after=60)).json()
    assert ["_id", "id", "type", "trace_id", "created_at", "request"] == list(answer)


def test_polled__as_callback(customer: Customer) -> None:
    """The older guide's poll is the callback itself, `processing` while it runs."""
    running = customer.ask("ace", customer.create("ace", poll_shape="callback", ready_after=60)).json()
    assert (True, "processing") == (running["success"], inside(running, ("data", "status")))
    task_id = customer.create("ace", poll_shape="callback")
    answer = eventually(lambda: links_in(said := customer.ask("ace", task_id).json()) and said)
    assert form(json.loads(CALLED_BACK)) == form(answer)


def test_polled__batch(sim: Simulator, customer: Customer) -> None:
    """Many are asked after at once: in the order asked, those of nobody left out, each id in the journal."""
    one, other = customer.create("ace"), customer.create("ace", ready_after=60)
    ids = [other, "nobody", one]
    answer = sim.customer.post(ACE_TASKS, json={"ids": ids, "action": "retrieve_batch"}).json()
    assert (["items", "count"], 2) == (list(answer), answer["count"])
    assert [other, one] == [item["id"] for item in answer["items"]]
    assert all(sim.log("poll", task_id=each, source="acedata", task_ids=ids) for each in ids)


def test_not_found(customer: Customer) -> None:
    """A task of nobody is an empty object under HTTP 200; a young one may be a 404 in its place."""
    answer = customer.ask("ace", "9462ca25-0001")
    assert (200, {}) == (answer.status_code, answer.json())
    answer = customer.ask("ace", customer.create("ace", unseen_for=60, not_found_as="error"))
    assert (404, "not_found", True) == (
        answer.status_code,
        inside(answer.json(), ("error", "code")),
        "trace_id" in answer.json(),
    )


def test_refused(sim: Simulator, customer: Customer) -> None:
    """Bad requests are bad_request with a trace id and without `success`."""
    for answer in (customer.order("ace", body={"content": None}), sim.customer.post(ACE_TASKS, json={"action": "x"})):
        assert (400, "bad_request") == (answer.status_code, inside(answer.json(), ("error", "code")))
        assert ["error", "trace_id"] == list(answer.json())
