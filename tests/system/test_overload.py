"""More than can be done: nothing that was acked is lost, and nobody pays for it with memory or with silence."""

import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from archive.instants import iso
from receiver.intake import MAX_HELD
from tests.system import overload
from tests.system.harness import TOKEN, GatedS3, Provider, Redis, Service, signed, stopping, wait_for

pytestmark = pytest.mark.system
MIB = 1 << 20
SENDERS = 300  # of a MiB each


def test_overload__ten_times_what_can_be_fetched(tmp_path: Path) -> None:
    """
    F39: all that was acked is archived, the most urgent first, by a fresh link where one has died of waiting; the
    receiver stays small, everything answers meanwhile, and the backlog comes to its end.
    """
    seen = overload.play(tmp_path, files=48)
    assert seen.load > 5 * seen.capacity  # as far as this machine calls back in time
    assert (64, []) == (seen.files, seen.lost)
    assert [] == seen.overtaken
    assert seen.jumped >= 8  # had it gone by arrival
    assert seen.renewed >= 8
    assert [] == seen.silent
    assert seen.slowest < 5
    assert seen.memory < 64 << 10


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Nobody can commit."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


def test_overload__large_bodies_while_nothing_can_be_committed(tmp_path: Path, s3: GatedS3, redis: Redis) -> None:
    """
    F12, F39: the receiver says 503 and when to come again while its memory is still small; what it acks it has, and
    what people and monitors look at answers meanwhile.
    """
    service = Service(tmp_path, s3=s3.url, redis=redis.url)
    with stopping(service):
        service.start("web")
        before, most = service.memory("web"), 0
        with held(tmp_path / "ledger.db"):
            senders = [_Sender(service, number) for number in range(SENDERS)]
            for sender in senders:  # one at a time is on its way here, and all of them wait for an answer
                sender.start()
                assert sender.is_sent.wait(30)
                most = max(most, service.memory("web"))
            headers = {"Authorization": f"Bearer {TOKEN}"}
            for path in ("/healthz", "/metrics", "/api/status", "/"):
                assert 200 == httpx.get(service.url + path, headers=headers, trust_env=False, timeout=30).status_code
            most = max(most, service.memory("web"))
        for sender in senders:
            sender.join(60)
        refused = [sender for sender in senders if sender.status != 200]
        assert {(503, "2")} == {(sender.status, sender.retry_after) for sender in refused}
        assert Counter(sender.reason for sender in refused)["receiver_busy"] >= SENDERS / 10
        assert most - before < 3 * MAX_HELD >> 10  # KiB; less than was sent, and nothing like what that grows to
        later: list[_Sender] = []

        def is_taken() -> bool:
            later.append(_Sender(service, SENDERS + len(later)))
            later[-1].start()
            later[-1].join(30)
            return later[-1].status == 200

        wait_for("it takes callbacks again", is_taken)
        acked = [sender.task for sender in [*senders, *later] if sender.status == 200]
        with sqlite3.connect(tmp_path / "ledger.db") as conn:
            stored = {task for (task,) in conn.execute("SELECT task_id FROM deliveries")}
        conn.close()
        assert set(acked) <= stored


class _Sender(threading.Thread):
    """One callback of a MiB, on a connection of its own."""

    _PAD = b"x" * (MIB - 4096)

    def __init__(self, service: Service, number: int) -> None:
        super().__init__(daemon=True)
        self._port = service.port
        self.task = f"large-{number}"
        self.is_sent = threading.Event()
        self.status = 0
        self.retry_after: str | None = None
        self.reason: str | None = None

    def run(self) -> None:
        said = {"taskId": self.task, "status": 1, "videoUrl": f"https://storage.kie.ai/{self.task}.mp4", "pad": ""}
        head, tail = json.dumps(said).encode()[:-2], b'"}'
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.putrequest("POST", "/webhooks/kie")
            size = len(head) + len(self._PAD) + len(tail)
            for name, value in {**signed(self.task, head), "Content-Length": str(size)}.items():
                connection.putheader(name, value)
            connection.endheaders()
            for piece in (head, self._PAD, tail):
                connection.send(piece)
            self.is_sent.set()
            answer = connection.getresponse()
            self.status, self.retry_after = answer.status, answer.getheader("Retry-After")
            self.reason = json.loads(answer.read()).get("reason")
        finally:
            self.is_sent.set()
            connection.close()


def test_pause__stops_every_process_at_once(tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider) -> None:
    """
    Once the pause is answered nothing is claimed and nobody is asked, in any process, while what runs goes on; a
    resume goes on at once, by its wake-up.
    """
    settings = "[workers]\nslots = 2\nsweep = 600"  # so that nothing happens by itself
    service = Service(tmp_path, s3=s3.url, redis=redis.url, provider=provider, settings=settings)
    with stopping(service):
        for process in ("web", "worker", "worker-2"):
            service.start(process)
        wait_for("both listen", lambda: redis.say("SCARD rq:workers:reelkeep").startswith(b":2"))
        plan = {"media": "png", "outputs": 10, "size": 50_000, "rate": 50_000, "ready_after": 0.2}
        for _ in range(5):
            provider.order("market", body={"callBackUrl": service.webhook}, **plan)
        wait_for("50 wait", lambda: len(service.assets()) == 50)
        wait_for("all slots are taken", lambda: _running(provider) >= 4)
        service.api.post("/api/sources/kie/pause").raise_for_status()
        paused = time.time()
        silent = provider.order("market", body={}, **plan)[1]
        service.api.post(
            "/api/tasks", json={"source": "kie", "task_id": silent, "expected_by": iso(datetime.now().astimezone())}
        )
        asked = len(provider.log("request", kind="poll"))
        started = {entry["name"] for entry in provider.log("get_started")}
        wait_for("what ran has ended", lambda: _running(provider) == 0)
        wait_for("and is archived", lambda: len(service.assets(state="archived")) >= len(started))
        assert [] == _claimed_after(tmp_path / "ledger.db", paused)
        assert len(started) == len(service.assets(state="archived"))
        assert started == {entry["name"] for entry in provider.log("get_started")}
        assert asked == len(provider.log("request", kind="poll"))
        service.api.post("/api/sources/kie/resume").raise_for_status()
        wait_for("it goes on", lambda: len(provider.log("get_started")) > len(started), 10)
        wait_for("the silent task is asked about", lambda: len(provider.log("request", kind="poll")) > asked, 10)


def _running(provider: Provider) -> int:
    return len(provider.log("get_started")) - len(provider.log("get"))


def _claimed_after(path: Path, instant: float) -> list[Any]:
    with sqlite3.connect(path) as conn:
        found = conn.execute("SELECT asset FROM attempts WHERE started_at > ?", (int(instant * 1e6),)).fetchall()
    conn.close()
    return found
