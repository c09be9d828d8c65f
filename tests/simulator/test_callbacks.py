"""Callbacks are played as planned: told truly, twice, late, in the wrong order, by attackers, or never."""

import hashlib
import json
import time
from datetime import datetime

import httpx
import pytest

from simulator.signature import sign
from tests.simulator.helpers import HMAC_KEY, Receiver, Simulator, eventually


def step(say: str, after: float = 0.0, times: int = 1) -> dict[str, object]:
    return {"say": say, "after": after, "times": times}


def received(receiver: Receiver, count: int) -> list[tuple[dict[str, str], bytes]]:
    """Wait until *count* requests have come."""
    return eventually(lambda: receiver.requests if len(receiver.requests) >= count else None)


def test_signed(sim: Simulator, receiver: Receiver) -> None:
    """A callback is a POST of JSON with the true time and a true signature over task id and time."""
    task_id = sim.create_seed(callback=receiver.url)
    ((headers, _),) = received(receiver, 1)
    timestamp = int(headers["x-webhook-timestamp"])
    assert headers["content-type"] == "application/json"
    assert headers["x-webhook-signature"] == sign(HMAC_KEY, task_id, timestamp)
    assert timestamp == pytest.approx(time.time(), abs=5)


def test_journal(sim: Simulator, receiver: Receiver) -> None:
    """The journal names the film before the callback, and of the callback the host, not the path."""
    task_id = sim.create_seed(callback=receiver.url)
    (ended,) = eventually(lambda: sim.log("callback", task_id=task_id))
    (film,) = sim.log("film", task_id=task_id)
    (started,) = sim.log("callback_started", task_id=task_id)
    assert film["at"] <= started["at"] <= ended["started_at"] <= ended["ended_at"] <= ended["at"]
    assert (ended["status"], ended["outcome"], ended["say"]) == (200, "accepted", "success")
    assert ended["host"] == receiver.url.split("/")[2]
    assert datetime.fromisoformat(ended["at"]).tzinfo is not None
    everything = (sim.state / "log.jsonl").read_text()
    assert "secret-token" not in everything
    assert "sig=" not in everything


def test_duplicates(sim: Simulator, receiver: Receiver) -> None:
    """Copies are the same request byte for byte, signature included."""
    sim.create_market(callback=receiver.url, callbacks=[step("success", times=5)])
    requests = received(receiver, 5)
    assert len({body for _, body in requests}) == 1
    assert len({headers["x-webhook-signature"] for headers, _ in requests}) == 1


def test_reordered(sim: Simulator, receiver: Receiver) -> None:
    """Success first and progress after it, as planned, on both routes; a repeat is the same body."""
    plan = {"callbacks": [step("progress", 0.2), step("success"), step("success", 0.4)]}
    sim.create_seed(callback=receiver.url, **plan)
    received(receiver, 3)
    first, second, third = receiver.bodies()
    assert [first["status"], second["status"], third["status"]] == [1, 0, 1]
    assert {"taskId", "status"} == second.keys()
    assert first == third
    sim.create_market(callback=receiver.url, **plan)
    received(receiver, 6)
    states = [body["data"]["state"] for body in receiver.bodies()[3:]]
    assert states == ["success", "generating", "success"]


def test_delayed(sim: Simulator, receiver: Receiver) -> None:
    """A late callback comes as much later than the task was ready as planned."""
    task_id = sim.create_seed(callback=receiver.url, callbacks=[step("success", 0.5)])
    received(receiver, 1)
    (film,) = sim.log("film", task_id=task_id)
    (callback,) = sim.log("callback_started", task_id=task_id)
    waited = datetime.fromisoformat(callback["at"]) - datetime.fromisoformat(film["at"])
    assert waited.total_seconds() >= 0.495  # timers may be a little early


def test_never(sim: Simulator, receiver: Receiver) -> None:
    """With no callbacks planned none is made, also by the time a later task has been called back."""
    silent = sim.create_seed(callback=receiver.url, callbacks=[])
    sim.finished(silent)
    heard = sim.create_seed(callback=receiver.url)
    received(receiver, 1)
    assert [heard] == [body["taskId"] for body in receiver.bodies()]
    assert not sim.log("callback_started", task_id=silent)


def test_forged_fail(sim: Simulator, receiver: Receiver) -> None:
    """A forger claims failure without a signature, while the task has succeeded."""
    task_id = sim.create_market(callback=receiver.url, callbacks=[step("forged_fail")])
    ((headers, body),) = received(receiver, 1)
    assert not [name for name in headers if name.startswith("x-webhook")]
    assert (json.loads(body)["code"], json.loads(body)["data"]["state"]) == (501, "fail")
    assert sim.poll(task_id)["data"]["state"] == "success"


def test_stolen_fail(sim: Simulator, receiver: Receiver) -> None:
    """A thief claims failure under a signature that verifies, because it covers no body."""
    task_id = sim.create_seed(callback=receiver.url, callbacks=[step("stolen_fail")])
    ((headers, body),) = received(receiver, 1)
    assert headers["x-webhook-signature"] == sign(HMAC_KEY, task_id, int(headers["x-webhook-timestamp"]))
    assert json.loads(body)["status"] == 2
    assert sim.poll(task_id)["data"]["status"] == 1


@pytest.mark.parametrize("route", ["seed", "market"])
def test_swapped_url(sim: Simulator, receiver: Receiver, route: str) -> None:
    """A swapped link verifies, leads to a real film that is not the task's, and its fetch is on record."""
    create = sim.create_seed if route == "seed" else sim.create_market
    task_id = create(callback=receiver.url, callbacks=[step("swapped_url")])
    ((headers, raw),) = received(receiver, 1)
    assert headers["x-webhook-signature"] == sign(HMAC_KEY, task_id, int(headers["x-webhook-timestamp"]))
    body = json.loads(raw)
    url = body["videoUrl"] if route == "seed" else json.loads(body["data"]["resultJson"])["resultUrls"][0]
    assert not sim.log("get", task_id=task_id, decoy=True)
    sha256 = hashlib.sha256(httpx.get(url, trust_env=False).content).hexdigest()
    (decoy,), (film,) = sim.log("decoy", task_id=task_id), sim.log("film", task_id=task_id)
    assert sha256 == decoy["sha256"] != film["sha256"]
    assert eventually(lambda: sim.log("get", task_id=task_id, decoy=True))
    assert sim.fresh_link(url)["code"] == 422


def test_unreachable(sim: Simulator) -> None:
    """A callback that reaches nobody is written down as that, and not tried again."""
    task_id = sim.create_seed(callback="http://127.0.0.1:1/x")
    (callback,) = eventually(lambda: sim.log("callback", task_id=task_id))
    assert (callback["status"], callback["error"]) == (None, "ConnectError")
    broken = sim.create_seed(callback="http://127.0.0.1:99999/x")
    (callback,) = eventually(lambda: sim.log("callback", task_id=broken))
    assert callback["error"]
