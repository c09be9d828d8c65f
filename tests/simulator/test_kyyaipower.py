"""kyyAiPower speaks as the seed file 003_000ae21645a6f43b.txt and docs.globalaiopc.com show, key by key."""

import json
import time

import pytest

from tests.simulator.customers import Customer, form
from tests.simulator.helpers import eventually

CREATED = """
{"id": "video_abc123def456", "object": "video", "created": 1761635478, "model": "seedance_1_5_pro_720p",
 "status": "queued"}
"""
POLLED = """
{"id": "video_1", "object": "video", "created": 1761635478, "model": "seedance_1_5_pro_720p",
 "status": "completed", "video_url": "https://h.example/v.mp4", "actualDuration": 5.0, "totalTokens": 108900,
 "error": null}
"""


def test_created(customer: Customer) -> None:
    """The create answer is the seed's, created in Unix seconds."""
    actual = customer.order("kyy").json()
    assert json.loads(CREATED) | {"id": actual["id"], "created": actual["created"]} == actual
    assert form(json.loads(CREATED)) == form(actual)
    assert actual["id"].startswith("video_")
    assert actual["created"] == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("prefix", ["kyyAiPower", "kyyReactApiServer"])
def test_polled__completed(customer: Customer, prefix: str) -> None:
    """A poll of a completed task is the documented one under the old prefix and under the new one."""
    task_id = customer.create("kyy")
    customer.ended("kyy", task_id)
    actual = customer.sim.customer.get(f"/{prefix}/v1/result/{task_id}").json()
    assert form(json.loads(POLLED)) == form(actual)
    assert ("completed", 5.0) == (actual["status"], actual["actualDuration"])


def test_polled__running(customer: Customer) -> None:
    """A task waits first if so planned, then runs, with null for link and error."""
    task_id = customer.create("kyy", queued_for=1, ready_after=60)
    queued = customer.ask("kyy", task_id).json()
    assert ("queued", None, None) == (queued["status"], queued["video_url"], queued["error"])
    assert eventually(lambda: customer.ask("kyy", task_id).json()["status"] == "processing")


@pytest.mark.parametrize(
    ("outcome", "status", "kind"), [("fail", "failed", str), ("cancelled", "cancelled", type(None))]
)
def test_polled__no_video(customer: Customer, outcome: str, status: str, kind: type) -> None:
    """A failed task has its error as a string, a cancelled one none; neither has a video."""
    actual = customer.ended("kyy", customer.create("kyy", outcome=outcome))
    assert (status, None) == (actual["status"], actual["video_url"])
    assert isinstance(actual["error"], kind)


def test_not_found_and_refused(customer: Customer) -> None:
    """A task of nobody is 404, a request without model 400, each with its error as a string."""
    for answer, status in ((customer.ask("kyy", "video_x"), 404), (customer.order("kyy", body={"model": None}), 400)):
        assert status == answer.status_code
        assert isinstance(answer.json()["error"], str)
