"""Redis is disposable, and so is one hostile neighbour."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.system.harness import GatedS3, Provider, Redis, Service, signed, stopping, wait_for


def test_redis__flushed_then_stopped(tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider) -> None:
    """After 50 accepted callbacks Redis is emptied and then killed: the workers still archive all 50."""
    service = Service(tmp_path, s3=s3.url, redis=redis.url, provider=provider)
    with stopping(service):
        service.start("web")
        for _ in range(50):
            provider.create(service.webhook, size=100_000, ready_after=0.1)
        wait_for("50 accepted", lambda: len(provider.log("callback", outcome="accepted")) == 50)
        assert redis.say("FLUSHALL").startswith(b"+OK")
        redis.stop()
        service.start("clock")
        service.start("worker")
        service.archived(50, 60)
        assert 50 == len(set(s3.videos())) == len(s3.videos())
        assert "accepted" == _deliver(service, "after-redis").json()["outcome"]


def test_redis__back_again(tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider) -> None:
    """A worker that started without Redis listens to it once it is there."""
    redis.stop()
    # With the sweep this far apart only a wake-up can explain a quick start.
    service = Service(tmp_path, s3=s3.url, redis=redis.url, provider=provider, settings="[workers]\nsweep = 600")
    with stopping(service):
        service.start("web")
        service.start("worker")
        wait_for("it missed Redis", lambda: "redis_unavailable" in service.log_text())
        redis.start()
        wait_for("it listens", lambda: redis.say("SCARD rq:workers:reelkeep").startswith(b":1"))
        provider.create(service.webhook, size=100_000, ready_after=0.1)
        service.archived(1)


HOSTILE: dict[str, Callable[[str], dict[str, object]]] = {
    "integer": lambda task: {"taskId": task, "status": 2**63, "videoUrl": "https://storage.kie.ai/x.mp4"},
    "integer elsewhere": lambda task: {
        "data": {"taskId": task, "state": "success", "completeTime": 2**70, "resultJson": "{}"}
    },
    "lone surrogate": lambda task: {"taskId": task + "\ud800", "status": 1, "videoUrl": "https://storage.kie.ai/x.mp4"},
    "surrogate in link": lambda task: {"taskId": task, "status": 1, "videoUrl": "https://storage.kie.ai/\ud800.mp4"},
    "nul": lambda task: {"taskId": task + "\x00", "status": 1, "videoUrl": "https://storage.kie.ai/x.mp4"},
    "nul in link": lambda task: {"taskId": task, "status": 1, "videoUrl": "https://storage.kie.ai/\x00.mp4"},
    "huge id": lambda task: {"taskId": task * 500, "status": 1, "videoUrl": "https://storage.kie.ai/x.mp4"},
}


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"])
def test_hostile__neighbours_in_the_batch_are_accepted(
    tmp_path: Path, s3: GatedS3, redis: Redis, ledger: str, request: pytest.FixtureRequest
) -> None:
    """Signed deliveries no database can store, amid a busy stream: every neighbour is accepted, each of them kept."""
    url = request.getfixturevalue("fresh_postgres") if ledger == "postgresql" else None
    service = Service(tmp_path, s3=s3.url, redis=redis.url, ledger=url)
    with stopping(service):
        service.start("web")
        outcomes: dict[str, list[str]] = {"good": [], "hostile": []}
        barrier = threading.Barrier(8)

        def send(number: int) -> None:
            with httpx.Client(trust_env=False) as client:
                barrier.wait()
                for round_ in range(15):
                    outcomes["good"].append(_deliver(service, f"good-{number}-{round_}", client).json()["outcome"])
                    make = list(HOSTILE.values())[(number + round_) % len(HOSTILE)]
                    document = make(f"hostile-{uuid4().hex}")
                    outcomes["hostile"].append(_send(service, document, client).json()["outcome"])

        threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ["accepted"] * 120 == outcomes["good"]
        assert ["quarantined"] * 120 == outcomes["hostile"]
        kept = service.api.get("/api/status").json()["deliveries"]["kie"]
        assert {"accepted": 120, "quarantined": 120} == kept


def test_sqlite__several_processes_at_once(tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider) -> None:
    """Two receivers, three workers and a clock on one SQLite file under load: nobody is locked out."""
    service = Service(tmp_path, s3=s3.url, redis=redis.url, provider=provider)
    with stopping(service):
        service.start("web")
        other = Service(tmp_path, s3=s3.url, redis=redis.url, provider=provider)
        with stopping(other):
            other.start("web")
            for name in ("worker", "worker-2", "worker-3", "clock"):
                service.start(name)
            for number in range(60):
                webhook = (service, other)[number % 2].webhook
                step = {"say": "success", "times": 2}
                provider.create(webhook, size=60_000, ready_after=0.1, callbacks=[step])
            service.archived(60, 60)
            wait_for("all callbacks were made", lambda: len(provider.log("callback")) == 120)
        assert {200} == {entry["status"] for entry in provider.log("callback")}
        assert 60 == len(set(s3.videos())) == len(s3.videos())
        assert "locked" not in service.log_text()
        assert "ledger_unavailable" not in service.log_text()


def test_postgresql__end_to_end(
    tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider, fresh_postgres: str
) -> None:
    """The same service on PostgreSQL archives what is called back and what is only registered."""
    service = Service(tmp_path, s3=s3.url, redis=redis.url, provider=provider, ledger=fresh_postgres)
    with stopping(service):
        for name in ("web", "worker", "worker-2", "clock"):
            service.start(name)
        provider.create(service.webhook)
        silent = provider.create(service.webhook, callbacks=[])
        service.api.post("/api/tasks", json={"source": "kie", "task_id": silent}).raise_for_status()
        service.api.post("/api/sources/kie/pause").raise_for_status()
        service.api.post("/api/sources/kie/resume").raise_for_status()
        with_expected = {"source": "kie", "task_id": silent, "external_id": "order-1"}
        service.api.post("/api/tasks", json=with_expected).raise_for_status()
        service.archived(1)
        assert 1 == len(service.api.get("/api/tasks", params={"external_id": "order-1"}).json()["items"])


def _deliver(service: Service, task: str, client: httpx.Client | None = None) -> httpx.Response:
    return _send(service, {"taskId": task, "status": 1, "videoUrl": f"https://storage.kie.ai/{task}.mp4"}, client)


def _send(service: Service, document: dict[str, object], client: httpx.Client | None = None) -> httpx.Response:
    body = json.dumps(document).encode()
    nested = document.get("data")
    task = (nested if isinstance(nested, dict) else document)["taskId"]
    post = client.post if client else httpx.post
    return post(service.webhook, content=body, headers=signed(str(task), body))
