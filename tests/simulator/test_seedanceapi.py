"""seedanceapi.org speaks as the seed file 001_7afcf58364257041.txt shows, key by key and in its order."""

import json
from typing import Any

import pytest

from tests.simulator.customers import Customer, form, inside, links_in
from tests.simulator.helpers import Receiver, Simulator, eventually

CREATED = """
{"code": 200, "message": "success",
 "data": {"task_id": "n90a1b2c3d4e5f6sd20", "status": "IN_PROGRESS", "consumed_credits": 480}}
"""
POLLED = """
{"code": 200, "message": "success",
 "data": {"task_id": "n90a1b2c3d4e5f6sd20", "status": "SUCCESS", "consumed_credits": 480,
  "created_at": "2026-04-03T10:30:00Z",
  "request": {"prompt": "A slow dolly shot…", "aspect_ratio": "16:9", "duration": 10},
  "response": ["https://cdn.example.com/videos/n90a1b2c3d4e5f6sd20.mp4"], "error_message": null}}
"""


def test_created(customer: Customer) -> None:
    """The create answer is the sample's, and ten seconds cost what they cost there."""
    answer = customer.order("v2").json()
    assert form(json.loads(CREATED)) == form(answer)
    assert ("IN_PROGRESS", 480) == (answer["data"]["status"], answer["data"]["consumed_credits"])
    assert answer["data"]["task_id"].endswith("sd20")


def test_polled__success(customer: Customer) -> None:
    """A poll of a finished task is the sample's."""
    answer = customer.ended("v2", customer.create("v2", outputs=2))
    assert form(json.loads(POLLED)) == form(answer)
    data = answer["data"]
    assert ("SUCCESS", 2, {"prompt": "p", "aspect_ratio": "16:9", "duration": 10}) == (
        data["status"],
        len(data["response"]),
        data["request"],
    )
    assert data["created_at"].endswith("Z")


@pytest.mark.parametrize(("plan", "said"), [({}, "absent"), ({"empty_as": "null"}, None), ({"empty_as": "list"}, [])])
def test_polled__no_result(customer: Customer, plan: dict[str, str], said: Any) -> None:
    """Without a result `response` is absent, null or empty, as planned; only a failure has an error_message."""
    running = customer.ask("v2", customer.create("v2", ready_after=60, **plan)).json()["data"]
    assert ("IN_PROGRESS", said, None) == (
        running["status"],
        running.get("response", "absent"),
        running["error_message"],
    )
    failed = customer.ended("v2", customer.create("v2", outcome="fail", **plan))["data"]
    assert ("FAILED", said) == (failed["status"], failed.get("response", "absent"))
    assert failed["error_message"]


@pytest.mark.parametrize("shape", ["envelope", "bare"])
def test_called_back(customer: Customer, receiver: Receiver, shape: str) -> None:
    """A callback is the status answer or its `data`, unsigned, to the URL in `callback_url`."""
    task_id = customer.create("v2", receiver.url, shape=shape)
    ((headers, _),) = eventually(lambda: receiver.requests)
    (actual,) = receiver.bodies()
    sample = json.loads(POLLED)
    assert form(sample if shape == "envelope" else sample["data"]) == form(actual)
    assert task_id == (actual["data"] if shape == "envelope" else actual)["task_id"]
    assert not [name for name in headers if name.startswith("x-webhook")]


def test_called_back__fail(customer: Customer, receiver: Receiver) -> None:
    """A failure is called back with its message and without a link."""
    customer.create("v2", receiver.url, outcome="fail")
    eventually(lambda: receiver.requests)
    (actual,) = receiver.bodies()
    assert ("FAILED", []) == (inside(actual, ("data", "status")), links_in(actual))
    assert inside(actual, ("data", "error_message"))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"prompt": ""}, "INVALID_PROMPT"),
        ({"aspect_ratio": "2:1"}, "INVALID_ASPECT_RATIO"),
        ({"duration": 60}, "INVALID_DURATION"),
    ],
)
def test_create__refused(customer: Customer, body: dict[str, Any], code: str) -> None:
    """A bad request gets HTTP 400 and its word from the seed's table."""
    answer = customer.order("v2", body=body)
    assert (400, code) == (answer.status_code, answer.json()["code"])


def test_not_found(sim: Simulator, customer: Customer) -> None:
    """A task of nobody is TASK_NOT_FOUND."""
    answer = customer.ask("v2", "n0sd20")
    assert (404, "TASK_NOT_FOUND") == (answer.status_code, answer.json()["code"])
