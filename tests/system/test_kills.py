"""Killed processes lose nothing: real SIGKILL, at moments that the test makes sure of."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.harness import GatedS3, Provider, Redis, Service, wait_for

MB = 1_000_000


@pytest.fixture
def service(tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider) -> Iterator[Service]:
    """Web and clock; each test starts the workers it means to kill."""
    running = Service(tmp_path, s3=s3.url, redis=redis.url, provider=provider)
    running.start("web")
    running.start("clock")
    yield running
    running.stop()


def test_kill__worker_in_the_middle_of_a_download(service: Service, provider: Provider, s3: GatedS3) -> None:
    """Its asset is being worked on again within 30 s by another worker, and archived exactly once."""
    service.start("worker")
    task = provider.create(service.webhook, size=2 * MB, rate=300_000)
    wait_for("the download runs", lambda: provider.log("get_started", task_id=task))
    service.kill("worker")
    killed = time.monotonic()
    wait_for("the cut download is logged", lambda: provider.log("get", task_id=task, complete=False))
    service.start("worker-2")
    wait_for("the asset is taken up", lambda: len(provider.log("get_started", task_id=task)) == 2)
    assert time.monotonic() - killed < 30
    [asset] = service.archived(1)
    assert [asset["key"]] == s3.videos()
    assert 1 == len(s3.manifests())
    tries = service.api.get(f"/api/assets/{asset['id']}").json()["tries"]
    assert ["crashed", "archived"] == [attempt["outcome"] for attempt in tries]


def test_kill__between_put_and_manifest_with_a_dead_link(service: Service, provider: Provider, s3: GatedS3) -> None:
    """The next worker finds the object by its intent: archived once, never fetched again, though the link is dead."""
    s3.hold(lambda method, path: method == "PUT" and path.endswith(".manifest.json"))
    service.start("worker")
    task = provider.create(service.webhook, link_life=3, storage_life=3)
    assert s3.held.wait(20)
    assert 1 == len(s3.videos())
    service.kill("worker")
    s3.release()
    wait_for("the link is dead", lambda: time.time() > _ready(provider, task) + 3)
    service.start("worker-2")
    service.archived(1)
    assert 1 == len(provider.log("get_started", task_id=task))
    assert (1, 1) == (len(s3.videos()), len(s3.manifests()))


def _ready(provider: Provider, task: str) -> float:
    from datetime import datetime

    return max(datetime.fromisoformat(e["at"]).timestamp() for e in provider.log("callback_started", task_id=task))


def test_kill__receiver_under_load(service: Service, provider: Provider) -> None:
    """Every callback that was answered with 200 before the kill is in the ledger afterwards, and archived."""
    service.start("worker")
    for _ in range(20):
        provider.create(service.webhook, size=100_000, ready_after=0.1)
    wait_for("some were answered", lambda: len(provider.log("callback", status=200)) >= 5)
    service.kill("web")
    acked = {entry["task_id"] for entry in provider.log("callback", status=200)}
    service.start("web")
    wait_for("all acked are archived", lambda: acked <= {a["task_id"] for a in service.assets(state="archived")})


def test_stop__sigterm_hands_a_download_back(tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider) -> None:
    """A worker told to stop gives its asset back within the grace time, and another takes it at once."""
    settings = "[workers]\ngrace = 2\nlease = 60"
    service = Service(tmp_path, s3=s3.url, redis=redis.url, provider=provider, settings=settings)
    try:
        service.start("web")
        service.start("worker")
        task = provider.create(service.webhook, size=2 * MB, rate=200_000)
        wait_for("the download runs", lambda: provider.log("get_started", task_id=task))
        service.signal("worker", signal.SIGTERM)
        assert 0 == service.wait("worker", 10)
        service.start("worker-2")
        # The lease alone would keep it for a minute.
        wait_for("it is taken up", lambda: len(provider.log("get_started", task_id=task)) == 2, 10)
        [asset] = service.assets()
        tries = service.api.get(f"/api/assets/{asset['id']}").json()["tries"]
        assert ["handed_back", None] == [attempt["outcome"] for attempt in tries]
    finally:
        service.stop()
