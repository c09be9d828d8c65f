"""The market route speaks as docs.kie.ai shows, key by key and in its order."""

import json
from typing import Any

import httpx
import pytest

from tests.simulator.helpers import Receiver, Simulator, eventually

CALLED_BACK_SUCCESS = """
{"code": 200, "msg": "Playground task completed successfully.",
 "data": {"taskId": "task_example_video_0001", "model": "wan/3-0-video-prime", "state": "success",
  "param": "…", "resultJson": "…",
  "failCode": null, "failMsg": null, "costTime": 89,
  "completeTime": 1787567409000, "createTime": 1787567320000, "updateTime": 1787567409000,
  "creditsConsumed": 61}}
"""
CALLED_BACK_FAIL = """
{"code": 501, "msg": "Playground task failed.",
 "data": {"taskId": "task_example_video_0001", "model": "wan/3-0-video-prime", "state": "fail", "param": "{}",
  "resultJson": null, "failCode": "400", "failMsg": "reason text", "costTime": 89, "creditsConsumed": 0}}
"""
# Without `progress`, which the docs keep to the sora2 models.
POLLED = """
{"code": 200, "msg": "success",
 "data": {"taskId": "task_1", "model": "wan/3-0-video-prime", "state": "success", "param": "{…}",
  "resultJson": "…", "failCode": "", "failMsg": "",
  "costTime": 15000, "completeTime": 1698765432000, "createTime": 1698765400000, "updateTime": 1698765432000}}
"""
OURS = {"taskId", "param", "resultJson", "failMsg", "costTime", "completeTime", "createTime", "updateTime"}


def with_values_of(sample: str, actual: dict[str, Any]) -> str:
    """The documented sample's text, its own values replaced by *actual* ones of the same type."""
    expected = json.loads(sample)
    for key in expected["data"].keys() & OURS:
        assert type(expected["data"][key]) is type(actual["data"][key]), key
        expected["data"][key] = actual["data"][key]
    return json.dumps(expected)


def test_created(sim: Simulator) -> None:
    """The create answer holds the task id and nothing else."""
    body = {"model": "wan/3-0-video-prime", "input": {}}
    answer = sim.customer.post("/api/v1/jobs/createTask", json=body).json()
    assert {"code": 200, "msg": "success", "data": {"taskId": answer["data"]["taskId"]}} == answer


def test_polled__success(sim: Simulator) -> None:
    """A poll of a finished task is the documented one; costTime is in milliseconds, times are Unix ms."""
    answer = sim.finished(sim.create_market(ready_after=0.2))
    assert with_values_of(POLLED, answer) == json.dumps(answer)
    data = answer["data"]
    assert data["costTime"] == pytest.approx(data["completeTime"] - data["createTime"], abs=1)
    assert 195 <= data["costTime"] < 10_000  # timers may be a little early


def test_polled__generating(sim: Simulator) -> None:
    """A poll before the end says so and has no result."""
    data = sim.poll(sim.create_market(ready_after=60))["data"]
    assert (data["state"], data["resultJson"]) == ("generating", "")


def test_polled__fail(sim: Simulator) -> None:
    """A failed task polls under code 200 with its state and cause."""
    answer = sim.finished(sim.create_market(outcome="fail"))
    assert (
        answer["code"],
        *(answer["data"][key] for key in ("state", "failCode", "resultJson")),
    ) == (200, "fail", "400", "")


def test_called_back__success(sim: Simulator, receiver: Receiver) -> None:
    """A success callback is the documented one; costTime is in seconds."""
    sim.create_market(callback=receiver.url)
    eventually(lambda: receiver.requests)
    (actual,) = receiver.bodies()
    assert with_values_of(CALLED_BACK_SUCCESS, actual) == json.dumps(actual)
    assert actual["data"]["costTime"] in {0, 1}


def test_called_back__fail(sim: Simulator, receiver: Receiver) -> None:
    """A failure callback is the documented one."""
    sim.create_market(callback=receiver.url, outcome="fail")
    eventually(lambda: receiver.requests)
    (actual,) = receiver.bodies()
    assert with_values_of(CALLED_BACK_FAIL, actual) == json.dumps(actual)


def test_param_echoes(sim: Simulator, receiver: Receiver) -> None:
    """`param` is a string of JSON with the callback URL in it, and its `input` is a string of JSON again."""
    sim.create_market(callback=receiver.url)
    eventually(lambda: receiver.requests)
    param = json.loads(receiver.bodies()[0]["data"]["param"])
    assert list(param) == ["input", "callBackUrl", "model"]
    assert ({"duration": 5}, receiver.url) == (json.loads(param["input"]), param["callBackUrl"])


def test_outputs(sim: Simulator) -> None:
    """Each of several outputs has a link of its own and bytes of its own."""
    links = sim.links(sim.create_market(outputs=3))
    assert len({httpx.get(link, trust_env=False).content for link in links}) == 3


def test_not_found(sim: Simulator) -> None:
    """A task of nobody, or of the seed route, gets HTTP 200 with code 422."""
    for task_id in ("task_nobody", sim.create_seed()):
        answer = sim.customer.get("/api/v1/jobs/recordInfo", params={"taskId": task_id})
        expected = {"code": 422, "msg": "recordInfo is null", "data": None}
        assert (200, expected) == (answer.status_code, answer.json())


def test_not_found__young(sim: Simulator) -> None:
    """A task planned to be unseen at first is not found, and then is."""
    task_id = sim.create_market(unseen_for=0.3)
    assert sim.poll(task_id)["code"] == 422
    assert eventually(lambda: sim.poll(task_id)["code"] == 200)


def test_create__refused(sim: Simulator) -> None:
    """A create request without a model gets an error code under HTTP 200."""
    answer = sim.customer.post("/api/v1/jobs/createTask", json={"input": {}})
    assert (answer.status_code, answer.json()["code"]) == (200, 422)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/seedance/generate"),
        ("GET", "/api/v1/seedance/record-info"),
        ("POST", "/api/v1/jobs/createTask"),
        ("GET", "/api/v1/jobs/recordInfo"),
        ("POST", "/api/v1/common/download-url"),
    ],
)
@pytest.mark.parametrize("key", ["", "Bearer wrong", "Bearer ü"])
def test_wrong_key(sim: Simulator, method: str, path: str, key: str) -> None:
    """No path of either route answers without the key: HTTP 401 and code 401."""
    answer = httpx.request(method, sim.api + path, headers=[(b"Authorization", key.encode())], trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (401, 401)


def test_unknown_plan_field(sim: Simulator) -> None:
    """A plan with a misspelt field is refused before any task is made."""
    answer = sim.customer.post(
        "/api/v1/jobs/createTask", json={"model": "m", "input": {}}, headers={"X-Sim-Plan": '{"speed": 1}'}
    )
    assert answer.status_code == 400
    assert "speed" in answer.json()["error"]
