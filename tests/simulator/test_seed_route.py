"""The seed route speaks as the seed file 000_431750834672cbef.txt shows, key by key and in its order."""

import json
import re
from typing import Any

import pytest

from tests.simulator.helpers import Receiver, Simulator, eventually

SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

CREATED = """{"code": 0, "message": "success", "data": {"taskId": "seedance_xyz789abc", "status": 0}}"""
POLLED = """
{"code": 0, "message": "success", "data": {"taskId": "seedance_xyz789abc", "status": 1,
 "videoUrl": "https://storage.kie.ai/videos/seedance_xyz789abc.mp4", "duration": 10, "resolution": "1080p",
 "createdAt": "2025-12-01T20:30:00Z", "completedAt": "2025-12-01T20:35:45Z"}}
"""
CALLED_BACK = """
{"taskId": "seedance_xyz789abc", "status": 1, "videoUrl": "https://storage.kie.ai/videos/seedance_xyz789abc.mp4",
 "duration": 10, "resolution": "1080p", "completedAt": "2025-12-01T20:35:45Z"}
"""


def with_values_of(sample: str, actual: dict[str, Any]) -> str:
    """The documented sample's text, with the values that differ from task to task taken from *actual*."""
    expected = json.loads(sample)
    documented = expected.get("data", expected)
    for key in documented.keys() & {"taskId", "videoUrl", "createdAt", "completedAt"}:
        documented[key] = actual.get("data", actual)[key]
    return json.dumps(expected)


def test_created(sim: Simulator) -> None:
    """The create answer is the sample's."""
    answer = sim.customer.post("/api/v1/seedance/generate", json={"prompt": "x"})
    assert answer.status_code == 200
    assert with_values_of(CREATED, answer.json()) == json.dumps(answer.json())
    assert answer.json()["data"]["taskId"].startswith("seedance_")


def test_polled__success(sim: Simulator) -> None:
    """A poll of a finished task is the sample's, with times in whole seconds."""
    task_id = sim.customer.post(
        "/api/v1/seedance/generate", json={"prompt": "x"}, headers={"X-Sim-Plan": '{"ready_after": 0}'}
    ).json()["data"]["taskId"]
    answer = sim.finished(task_id)
    assert with_values_of(POLLED, answer) == json.dumps(answer)
    assert SECONDS.fullmatch(answer["data"]["createdAt"])
    assert SECONDS.fullmatch(answer["data"]["completedAt"])
    assert answer["data"]["videoUrl"].startswith(f"{sim.files}/videos/{task_id}.mp4?")


def test_polled__generating(sim: Simulator) -> None:
    """A poll before the end says status 0 and names no video."""
    answer = sim.poll(sim.create_seed(ready_after=60))
    assert answer["data"]["status"] == 0
    assert "videoUrl" not in answer["data"]


def test_polled__fail(sim: Simulator) -> None:
    """A failed task polls as status 2 without a video."""
    data = sim.finished(sim.create_seed(outcome="fail"))["data"]
    assert data["status"] == 2
    assert "videoUrl" not in data


def test_called_back(sim: Simulator, receiver: Receiver) -> None:
    """The callback is the sample's, flat, with the duration and resolution of the request."""
    task_id = sim.create_seed(callback=receiver.url)
    _, body = eventually(lambda: receiver.requests)[0]
    actual = json.loads(body)
    sample = CALLED_BACK.replace("10,", "8,").replace("1080p", "720p")
    assert with_values_of(sample, actual) == json.dumps(actual)
    assert task_id == actual["taskId"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({}, 1001, id="no_prompt"),
        pytest.param({"prompt": "x" * 1001}, 1001, id="long_prompt"),
        pytest.param({"prompt": "x", "duration": 7}, 1004, id="duration"),
        pytest.param({"prompt": "x", "callBackUrl": 5}, 1004, id="callback_not_text"),
    ],
)
def test_create__refused(sim: Simulator, body: dict[str, object], code: int) -> None:
    """A bad request gets its code from the seed's table."""
    assert code == sim.customer.post("/api/v1/seedance/generate", json=body).json()["code"]


def test_not_found(sim: Simulator) -> None:
    """A task of nobody, or of the market route, is not found here."""
    for task_id in ("seedance_nobody", sim.create_market()):
        answer = sim.customer.get("/api/v1/seedance/record-info", params={"taskId": task_id})
        assert (answer.status_code, answer.json()) == (404, {"code": 404, "message": "Task not found"})


def test_one_output_only(sim: Simulator) -> None:
    """A plan for two outputs is refused where there is one videoUrl."""
    answer = sim.customer.post(
        "/api/v1/seedance/generate", json={"prompt": "x"}, headers={"X-Sim-Plan": '{"outputs": 2}'}
    )
    assert answer.status_code == 400
