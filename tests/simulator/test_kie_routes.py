"""KIE's Runway and Veo routes speak as docs.kie.ai shows, key by key and in its order."""

import json
import re

import pytest

from simulator.signature import sign
from tests.simulator.customers import Customer, form, inside, links_in
from tests.simulator.helpers import HMAC_KEY, Receiver, Simulator, eventually

WALL_CLOCK = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
RUNWAY = """
{"code": 200, "msg": "All generated successfully.",
 "data": {"task_id": "ee603959-0001", "video_id": "485da89c-0001", "video_url": "https://file.com/k/a.mp4",
  "image_url": "https://file.com/m/a.png"}}
"""
VEO = """
{"code": 200, "msg": "…",
 "data": {"taskId": "veo_task_1", "promptJson": "{…}", "fallbackFlag": false,
  "info": {"resultUrls": ["https://h.example/1.mp4"], "originUrls": ["https://h.example/o1.mp4"],
   "resolution": "1080p"}}}
"""
VEO_POLLED = """
{"code": 200, "msg": "success",
 "data": {"taskId": "veo_task_1", "paramJson": "{}", "completeTime": "2025-06-06 10:30:00",
  "response": {"taskId": "veo_task_1", "resultUrls": ["http://h.example/1.mp4"],
   "originUrls": ["http://h.example/o1.mp4"], "resolution": "1080p"},
  "successFlag": 1, "errorCode": null, "errorMessage": "", "createTime": "2025-06-06 10:25:00",
  "fallbackFlag": false}}
"""
VEO_4K = """
{"code": 200, "msg": "…",
 "data": {"taskId": "veo_task_1", "info": {"resultUrls": ["https://h.example/1.mp4"],
  "imageUrls": ["https://h.example/1.png"]}, "creditsConsumed": 120}}
"""


RUNWAY_POLL = """
{"code": 200, "msg": "success",
 "data": {"taskId": "ee603959-0001", "parentTaskId": "",
  "generateParam": {"prompt": "A fluffy orange cat", "imageUrl": "https://example.com/image.jpg", "expandPrompt": true},
  "state": "success", "generateTime": "2023-08-15 14:30:45",
  "videoInfo": {"videoId": "485da89c-0001", "taskId": "ee603959-0001", "videoUrl": "https://file.com/k/a.mp4",
   "imageUrl": "https://file.com/m/a.png"}, "failCode": 0, "failMsg": "", "expireFlag": 0}}
"""


def test_runway__called_back(sim: Simulator, customer: Customer, receiver: Receiver) -> None:
    """A Runway callback is the documented one in snake_case, signed over that task id, with a film and its cover."""
    task_id = customer.create("runway", receiver.url)
    ((headers, _),) = eventually(lambda: receiver.requests)
    (actual,) = receiver.bodies()
    assert form(json.loads(RUNWAY)) == form(actual)
    assert (task_id, True) == (actual["data"]["task_id"], task_id != actual["data"]["video_id"])
    assert headers["x-webhook-signature"] == sign(HMAC_KEY, task_id, int(headers["x-webhook-timestamp"]))
    assert ["videos", "images"] == [link.split("/")[3] for link in links_in(actual)]
    assert ["result", "cover"] == [film["role"] for film in sim.log("film", task_id=task_id)]


@pytest.mark.parametrize(("shape", "said"), [("absent", {}), ("empty", {"video_url": ""})])
def test_runway__fail(customer: Customer, receiver: Receiver, shape: str, said: dict[str, str]) -> None:
    """A Runway failure has another code than 200, and its video_url is absent or empty."""
    task_id = customer.create("runway", receiver.url, outcome="fail", shape=shape)
    eventually(lambda: receiver.requests)
    (actual,) = receiver.bodies()
    assert (500, {"task_id": task_id} | said) == (actual["code"], actual["data"])


def test_runway__polled(customer: Customer) -> None:
    """A Runway poll is the documented one: a state in words, the film and its cover in `videoInfo`."""
    answer = customer.ask("runway", customer.create("runway", ready_after=60)).json()
    assert ("generating", None) == (answer["data"]["state"], answer["data"]["videoInfo"])
    actual = customer.ended("runway", customer.create("runway"))
    assert form(json.loads(RUNWAY_POLL)) == form(actual)
    assert ["videos", "images"] == [link.split("/")[3] for link in links_in(actual["data"]["videoInfo"])]
    failed = customer.ended("runway", customer.create("runway", outcome="fail"))["data"]
    assert ("fail", None, 400) == (failed["state"], failed["videoInfo"], failed["failCode"])


def test_veo__called_back(sim: Simulator, customer: Customer, receiver: Receiver) -> None:
    """A Veo callback is the documented one: films, and their originals where there are some."""
    task_id = customer.create("veo", receiver.url, originals=True, outputs=2)
    eventually(lambda: receiver.requests)
    (actual,) = receiver.bodies()
    assert form(json.loads(VEO)) == form(actual)
    assert isinstance(json.loads(actual["data"]["promptJson"]), dict)
    info = actual["data"]["info"]
    assert (2, 2) == (len(info["resultUrls"]), len(info["originUrls"]))
    assert ["result", "result", "original", "original"] == [f["role"] for f in sim.log("film", task_id=task_id)]


def test_veo__no_originals(customer: Customer, receiver: Receiver) -> None:
    """Without originals a Veo callback does not speak of them."""
    customer.create("veo", receiver.url)
    eventually(lambda: receiver.requests)
    assert ["resultUrls", "resolution"] == list(receiver.bodies()[0]["data"]["info"])


@pytest.mark.parametrize(("shape", "kind"), [("no_prompt", type(None)), ("prompt_object", dict)])
def test_veo__older_pages(customer: Customer, receiver: Receiver, shape: str, kind: type) -> None:
    """The older pages' callbacks have no promptJson, or an object."""
    customer.create("veo", receiver.url, shape=shape)
    eventually(lambda: receiver.requests)
    data = receiver.bodies()[0]["data"]
    assert isinstance(data.get("promptJson"), kind)
    assert data["info"]["resultUrls"]


def test_veo__4k(customer: Customer, receiver: Receiver) -> None:
    """The 4K callback is the documented one, an image with each film."""
    customer.create("veo", receiver.url, shape="4k")
    eventually(lambda: receiver.requests)
    (actual,) = receiver.bodies()
    assert form(json.loads(VEO_4K)) == form(actual)


@pytest.mark.parametrize(("shape", "code"), [("plain", 501), ("4k", 500)])
def test_veo__fail(customer: Customer, receiver: Receiver, shape: str, code: int) -> None:
    """A Veo failure is told by a code that its page has, and names no file."""
    customer.create("veo", receiver.url, outcome="fail", shape=shape)
    eventually(lambda: receiver.requests)
    (actual,) = receiver.bodies()
    assert (code, []) == (actual["code"], links_in(actual))


def test_veo__polled(customer: Customer) -> None:
    """A Veo poll of a finished task is the documented one, films and originals in `response`."""
    actual = customer.ended("veo", customer.create("veo", outputs=2, originals=True))
    assert form(json.loads(VEO_POLLED)) == form(actual)
    assert 4 == len(links_in(actual))
    assert WALL_CLOCK.fullmatch(actual["data"]["createTime"])
    assert WALL_CLOCK.fullmatch(actual["data"]["completeTime"])


def test_veo__polled_4k(customer: Customer) -> None:
    """A Veo poll of a 4K task has no fallbackFlag."""
    data = customer.ended("veo", customer.create("veo", shape="4k"))["data"]
    assert (1, 1, False) == (data["successFlag"], len(links_in(data)), "fallbackFlag" in data)


def test_veo__polled_without_result(customer: Customer) -> None:
    """A Veo poll says 0 while it generates, and 2 or 3 with a cause on failure; there is no response then."""
    data = customer.ask("veo", customer.create("veo", ready_after=60)).json()["data"]
    assert (0, None, None) == (data["successFlag"], data["response"], data["completeTime"])
    for flag in (2, 3):
        data = customer.ended("veo", customer.create("veo", outcome="fail", fail_flag=flag))["data"]
        assert (flag, None, 501) == (data["successFlag"], data["response"], data["errorCode"])


def test_market__queuing(customer: Customer) -> None:
    """A market task may wait in the queue first."""
    task_id = customer.create("market", queued_for=1, ready_after=60)
    assert "queuing" == inside(customer.ask("market", task_id).json(), ("data", "state"))
    eventually(lambda: inside(customer.ask("market", task_id).json(), ("data", "state")) == "generating")


def test_market__not_found_as_404(customer: Customer) -> None:
    """A young market task may be unknown in the other documented way, too."""
    answer = customer.ask("market", customer.create("market", unseen_for=60, not_found_as="code_404"))
    assert (404, 404, "Task not found") == (answer.status_code, answer.json()["code"], answer.json()["msg"])
