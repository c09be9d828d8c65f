"""The store goes away from whole processes, for longer than the links live (F66, F67, F72)."""

import signal
from pathlib import Path

from tests.fault_proxy import Down
from tests.http_faults import DropReply, HttpFaultProxy, puts, says_s3
from tests.system.harness import GatedS3, Provider, Redis, Service, stopping, wait_for

FILES = 8
TIMES = "[workers]\nspool_reserve = 0\nslots = 4"


def kept(folder: Path) -> list[Path]:
    return [path for path in (folder / "spool").glob("kept/*") if path.suffix != ".part"]


def assert_each_once(service: Service, s3: GatedS3, provider: Provider, folder: Path) -> None:
    """One version each of object and manifest, one download each, no try spent, nothing left in the spool."""
    archived = service.archived(FILES, 60)
    assert {0} == {asset["attempts"] for asset in archived}
    for keys in (s3.videos(), s3.manifests()):
        assert (FILES, FILES) == (len(keys), len(set(keys)))
    wait_for("the spool is empty", lambda: not kept(folder))
    assert FILES == len(provider.log("get"))


def test_away__longer_than_the_links_live(tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider) -> None:
    """S3 is down, each link dies with its first GET, a worker ends meanwhile: the next archives all without links."""
    with HttpFaultProxy(int(s3.url.rpartition(":")[2])) as proxy:
        service = Service(tmp_path, s3=proxy.url, redis=redis.url, provider=provider, settings=TIMES)
        with stopping(service):
            with proxy.playing(Down()):
                for name in ("web", "clock", "worker"):
                    service.start(name)
                for _ in range(FILES):
                    provider.create(service.webhook, size=60_000, ready_after=0.1, link_dies_after_gets=1)
                wait_for("all are kept", lambda: sum(a["kept"] for a in service.assets(state="waiting")) == FILES, 60)
                service.signal("worker", signal.SIGTERM)
                assert 0 == service.wait("worker")
                assert FILES == len(kept(tmp_path))
                told = wait_for("it is told", lambda: service.api.get("/api/status").json()["alerts"])
                assert any("(store_unreachable): 8 files wait for it, 8 of them kept" in text for text in told)
                transfers = service.api.get("/readyz").json()["checks"]["transfers"]
                assert "wait for the store: store_unreachable" == transfers
                service.start("worker-2")
            assert_each_once(service, s3, provider, tmp_path)


def test_refuses__then_loses_replies(tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider) -> None:
    """F66, F67, F72: AccessDenied on every put, then SlowDown and lost replies for a third: one version each."""
    with HttpFaultProxy(int(s3.url.rpartition(":")[2])) as proxy:
        service = Service(tmp_path, s3=proxy.url, redis=redis.url, provider=provider, settings=TIMES)
        with stopping(service):
            for name in ("web", "clock", "worker"):
                service.start(name)
            with proxy.playing(says_s3("AccessDenied", 403, on=puts())):
                for _ in range(FILES):
                    provider.create(service.webhook, size=60_000, ready_after=0.1)
                wait_for("all are kept", lambda: sum(a["kept"] for a in service.assets(state="waiting")) == FILES, 60)
                assert {"store_access_denied"} == {asset["reason"] for asset in service.assets(state="waiting")}
            slow, lost = says_s3("SlowDown", 503, on=puts(), share=0.3), DropReply(on=puts(), share=0.3)
            with proxy.playing(slow), proxy.playing(lost):
                assert_each_once(service, s3, provider, tmp_path)
