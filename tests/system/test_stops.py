"""Processes that are told to stop: twice, with the ledger away, in the middle of a put, of a request, of load."""

import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.harness import GatedS3, Provider, Redis, Service, signed, wait_for

MB = 1_000_000
_LATE = 3.0  # seconds, of a machine that is busy


@pytest.fixture
def service(tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider) -> Iterator[Service]:
    """Not started. Leases are long, so that what is taken over soon was handed back."""
    settings = "[workers]\ngrace = 2\nlease = 60"
    running = Service(tmp_path, s3=s3.url, redis=redis.url, provider=provider, settings=settings)
    yield running
    running.stop()


def ledger(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "ledger.db", timeout=10, isolation_level=None)


def test_stop__with_the_ledger_and_the_queue_away(
    service: Service, provider: Provider, redis: Redis, tmp_path: Path
) -> None:
    """F04: web, worker and clock are gone within their grace and a little, though nothing can be written any more."""
    for name in ("web", "worker", "clock"):
        service.start(name)
    task = provider.create(service.webhook, size=2 * MB, rate=200_000)
    wait_for("the download runs", lambda: provider.log("get_started", task_id=task))
    wait_for("the clock is active", lambda: "clock.active" in service.log_text())
    blocker = ledger(tmp_path)
    blocker.execute("BEGIN IMMEDIATE")
    redis.stop()
    told = time.monotonic()
    for _ in range(2):  # the second says nothing new
        for name in ("web", "worker", "clock"):
            service.signal(name, signal.SIGTERM)
    assert (0, True) == (service.wait("worker"), time.monotonic() - told < 2 + 2 + _LATE)
    assert (0, True) == (service.wait("clock"), time.monotonic() - told < 5 + _LATE)
    assert (-signal.SIGTERM, True) == (service.wait("web"), time.monotonic() - told < 10 + _LATE)
    assert 2 == service.log_text().count("process.cut_short")
    blocker.close()


def test_stop__in_the_middle_of_a_put(service: Service, provider: Provider, s3: GatedS3) -> None:
    """F04: a put that outlasts the grace is handed back; the next worker keeps what it made or makes it, once."""
    service.start("web")
    s3.hold(lambda method, path: method == "PUT" and path.endswith(".mp4"))
    service.start("worker")
    provider.create(service.webhook, size=100_000)
    assert s3.held.wait(20)
    service.signal("worker", signal.SIGTERM)
    assert 0 == service.wait("worker", 10)
    s3.release()
    service.start("worker-2")
    [asset] = service.archived(1, 20)  # the lease alone would keep it for a minute
    assert [asset["key"]] == s3.videos()
    assert 1 == len(s3.manifests())
    tries = service.api.get(f"/api/assets/{asset['id']}").json()["tries"]
    assert ["handed_back", "archived"] == [attempt["outcome"] for attempt in tries]


def request(port: int, body: bytes) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in signed("t", body).items())
    head = f"POST /webhooks/kie HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    return head.encode() + body


def test_stop__web_answers_what_it_has_begun(service: Service) -> None:
    """F04: a callback half sent is taken and answered, an idle connection is closed, a new one is refused at once."""
    service.start("web")
    body = b'{"code":200,"msg":"ok","data":{"taskId":"t","state":"generating"}}'
    whole = request(service.port, body)
    address = ("127.0.0.1", service.port)
    with socket.create_connection(address, 10) as idle, socket.create_connection(address, 10) as busy:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in idle.recv(4096)
        busy.sendall(whole[:-10])
        service.api.get("/api/status").raise_for_status()  # the half request stands before it in the loop
        service.signal("web", signal.SIGTERM)
        while idle.recv(4096):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 10)
        busy.sendall(whole[-10:])
        assert b"HTTP/1.1 200" == busy.recv(4096)[:12]
    assert -signal.SIGTERM == service.wait("web", 12)


def test_restart__of_everything_under_load(service: Service, provider: Provider, s3: GatedS3, tmp_path: Path) -> None:
    """A deploy: all three are told to stop and started anew. What was acked is archived once, the rest was refused."""
    for name in ("web", "worker", "clock"):
        service.start(name)
    for number in range(30):
        provider.create(service.webhook, size=200_000, rate=400_000, ready_after=number / 8)
    wait_for("all run", lambda: all(word in service.log_text() for word in ("clock.active", "worker.started")))
    wait_for("some are answered", lambda: len(provider.log("callback", status=200)) >= 5)
    for name in ("web", "worker", "clock"):
        service.signal(name, signal.SIGTERM)
    assert 0 == service.wait("clock", 10)
    with ledger(tmp_path) as conn:
        [(until,)] = conn.execute("SELECT until FROM leases WHERE name = 'clock'")
    assert until <= time.time() * 1_000_000  # a stand-by need not wait for its end
    assert [-signal.SIGTERM, 0] == [service.wait("web", 20), service.wait("worker", 20)]
    for name in ("web", "worker", "clock"):
        service.start(name)
    wait_for("all are called", lambda: len(provider.log("callback")) == 30)
    acked = {entry["task_id"] for entry in provider.log("callback", status=200)}
    refused = {entry["error"] for entry in provider.log("callback") if entry["task_id"] not in acked}
    assert refused <= {"ConnectError", "ReadError", "RemoteProtocolError"}
    wait_for("all acked are archived", lambda: acked <= {one["task_id"] for one in service.assets(state="archived")})
    assert len(set(s3.videos())) == len(s3.videos())
