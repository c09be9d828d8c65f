"""The program starts with one line, tells about itself, and stops when told."""

import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.simulator.helpers import Simulator, eventually, receiving, running


def test_ready_line(tmp_path: Path) -> None:
    """The ready line names all servers and the process, and both answer, each for itself."""
    with running(tmp_path) as sim:
        assert sim.ready.keys() == {"api", "files", "bare", "pid"}
        assert sim.ready["pid"] == sim.process.pid
        assert httpx.get(sim.api + "/_sim/tasks", trust_env=False).json() == []
        assert httpx.get(sim.files + "/videos/x", trust_env=False).status_code == 403
        assert httpx.get(sim.files + "/_sim/tasks", trust_env=False).status_code == 404


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_stops(tmp_path: Path, stop: signal.Signals) -> None:
    """A signal ends it within two seconds, exit code 0, amid a download, an encoding and a due callback."""
    with running(tmp_path) as sim:
        later = [{"say": "success", "after": 60}]
        (url,) = sim.links(sim.create_seed(rate=1_000, callback=sim.api, callbacks=later))
        sim.create_seed(size=400_000_000)
        with httpx.stream("GET", url, trust_env=False) as answer:
            reading = answer.iter_raw()
            next(reading)
            started = time.perf_counter()
            sim.process.send_signal(stop)
            assert sim.process.wait(timeout=5) == 0
        assert time.perf_counter() - started < 2
        assert sim.process.stdout is not None
        assert sim.process.stdout.read() == ""
        (cut,) = sim.log("get")
        assert not cut["complete"]


def test_unsigned_account(tmp_path: Path) -> None:
    """Without an HMAC key no callback carries signature headers."""
    with running(tmp_path) as sim, receiving() as receiver:
        sim.create_seed(callback=receiver.url)
        ((headers, _),) = eventually(lambda: receiver.requests)
    assert not [name for name in headers if name.startswith("x-webhook")]


def test_sim_log_and_tasks(sim: Simulator) -> None:
    """`/_sim/log` is the journal, `/_sim/tasks` the tasks with their plans; neither holds a link."""
    task_id = sim.create_seed(callback="http://127.0.0.1:1/secret-path")
    sim.finished(task_id)
    log = httpx.get(sim.api + "/_sim/log", trust_env=False).json()
    events = [line["event"] for line in log if line.get("task_id") == task_id and line["event"] != "poll"]
    assert events[:2] == ["task", "film"]
    tasks = httpx.get(sim.api + "/_sim/tasks", trust_env=False)
    (task,) = [task for task in tasks.json() if task["task_id"] == task_id]
    assert (task["state"], task["callback_host"], task["plan"]["size"]) == ("success", "127.0.0.1:1", 60_000)
    assert "secret-path" not in tasks.text
