"""A file that kills whoever works on it: real processes die of it, its neighbours are archived, and it is set aside."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.harness import HMAC_KEY, GatedS3, Provider, Redis, Service, stopping, wait_for

NEIGHBOURS = 5


def test_poison__is_set_aside_with_its_neighbours_archived(
    tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider
) -> None:
    """F06, F08: four workers die of one file; it is quarantined, and nothing else is. Mended, it is redriven."""
    kie = (
        f'[sources.kie]\nprovider = "kie"\nwebhook_keys = ["{HMAC_KEY}"]\ninsecure_http = true\n'
        f'max_concurrency = 64\nallowed_hosts = ["{provider.files_host}"]'
    )
    service = Service(tmp_path, s3=s3.url, redis=redis.url, sources=f"[workers]\nsweep = 1\n{kie}")
    with stopping(service):
        service.start("web")
        poison = provider.create(service.webhook, size=60_000, ready_after=0.1)
        for _ in range(NEIGHBOURS):
            provider.create(service.webhook, size=400_000, ready_after=0.1, rate=400_000)
        wait_for("all are in the ledger", lambda: len(service.assets()) == NEIGHBOURS + 1)
        [asset] = service.assets(task_id=poison)
        service.kill("web")
        with _up(service, tmp_path, REELKEEP_FAILPOINTS=f"worker.checked=kill@{asset['id']}"):
            wait_for("it is set aside", lambda: service.assets(state="quarantined"), 90)
            service.archived(NEIGHBOURS, 60)
            found = service.api.get(f"/api/assets/{asset['id']}").json()
            assert NEIGHBOURS == len(s3.videos())
        assert ("quarantined", "crashes_worker", 4) == (found["state"], found["reason"], found["crashes"])
        assert [("crashed", "killed_by_sigkill")] * 4 == [(t["outcome"], t["reason"]) for t in found["tries"]]
        assert 4 == len({each["owner"] for each in found["history"][-1]["facts"]["attempts"]})
        assert 4 == service.log_text().count("failpoint.reached")
        service.start("web")
        service.start("worker")
        told = service.api.post("/api/assets/retry", json={"reason": "crashes_worker"}).raise_for_status()
        assert {"retried": 1, "dry_run": False} == told.json()
        service.archived(NEIGHBOURS + 1)
        assert NEIGHBOURS + 1 == len(s3.videos()) == len(s3.manifests())


@contextmanager
def _up(service: Service, folder: Path, **env: str) -> Iterator[None]:
    """`reelkeep up` with two workers over the service's own ledger, queue and store, until it is ready."""
    command = (sys.executable, "-m", "archive.cli", "up", "--workers", "2", "--data", str(folder / "up"), "--json")
    with service.log_path.open("ab") as log:
        process = subprocess.Popen(command, env={**service.env, **env}, stdout=subprocess.PIPE, stderr=log)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline(), service.log_text()
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)
