"""Redis fails in every way it knows (F10, F12 to F16): callbacks are taken all the same, and workers go on."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx

from tests.fault_proxy import FaultProxy, Latency, ResetPeer, Timeout
from tests.system.harness import GatedS3, Provider, Redis, Service, signed, stopping, wait_for

CALLBACKS = 20  # in each fault
SLOW = 1.0  # seconds; what waits for Redis even once takes longer

Way = Callable[[], AbstractContextManager[object]]


class Faults:
    """Ways in which a server behind a proxy fails, each for the length of a block."""

    def __init__(self, redis: Redis, proxy: FaultProxy) -> None:
        self._redis = redis
        self._proxy = proxy
        self.ways: dict[str, Way] = {
            "killed": self._killed,
            "stopped": self._stopped,
            "paused": lambda: self._said("CLIENT PAUSE 2500 ALL", "PING"),
            "slow": lambda: proxy.playing(Latency(seconds=0.7)),
            "reset in mid-pipeline": lambda: proxy.playing(ResetPeer(after=50)),
            "reply lost": lambda: proxy.playing(Timeout(seconds=0.2)),
            "out of memory": lambda: self._said("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
            "evicting": self._evicting,
            "read-only": lambda: self._said("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
            "cannot save": self._cannot_save,
            "another password": self._locked,
            "flushed": lambda: self._said("FLUSHALL", "PING"),
        }

    @contextmanager
    def _killed(self) -> Iterator[None]:
        self._redis.stop()
        yield
        self._redis.start()

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        self._redis.signal(signal.SIGSTOP)
        yield
        self._redis.signal(signal.SIGCONT)

    @contextmanager
    def _said(self, *commands: str) -> Iterator[None]:
        *before, after = commands
        for command in before:
            assert self._redis.say(command).startswith(b"+"), command
        yield
        self._redis.say(after)

    @contextmanager
    def _evicting(self) -> Iterator[None]:
        with self._said("CONFIG SET maxmemory-policy allkeys-lru", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"):
            yield
        self._redis.say("CONFIG SET maxmemory-policy noeviction")

    @contextmanager
    def _cannot_save(self) -> Iterator[None]:
        """MISCONF: the folder for its snapshots is gone; a renamed one would still be its own."""
        shutil.rmtree(self._redis.folder)
        with self._said('CONFIG SET save "900 1"', "BGSAVE", 'CONFIG SET save ""'):
            wait_for("it refuses to write", lambda: self._redis.say("SET x y").startswith(b"-MISCONF"))
            yield
        self._redis.stop()
        self._redis.folder.mkdir()
        self._redis.start()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._said("CONFIG SET requirepass other", "PING"):
            self._redis.say("AUTH other\r\nCLIENT KILL TYPE normal SKIPME yes")
            yield
        self._redis.say('AUTH other\r\nCONFIG SET requirepass ""')


def test_redis__fails_in_every_way(tmp_path: Path, s3: GatedS3, provider: Provider) -> None:
    """
    While Redis is away in whatever way every callback is answered 200 as fast as ever, and its video archived by the
    workers' timer; afterwards the listener is back, few wake-ups wait, and the log has a few lines of each fault.
    """
    redis = Redis(tmp_path / "redis")
    with FaultProxy(redis.port) as proxy, stopping(redis):
        service = Service(
            tmp_path, s3=s3.url, redis=f"redis://127.0.0.1:{proxy.port}/0", provider=provider,
            settings="[workers]\nsweep = 0.5",
        )  # fmt: skip
        with stopping(service), httpx.Client(trust_env=False, timeout=30) as client:
            pids = [service.start(name) for name in ("web", "worker", "clock")]
            took: list[float] = []
            for archived, (name, way) in enumerate(Faults(redis, proxy).ways.items(), 1):
                with way():
                    provider.create(service.webhook, size=60_000, ready_after=0.05)
                    waits = [_deliver(service, client, "one-of-many") for _ in range(CALLBACKS)]
                    assert sorted(waits)[CALLBACKS // 2] < SLOW / 2, name  # each would wait for Redis, not one
                    took += waits
                    service.archived(archived)
            spent = _cpu(pids)
            wait_for("it listens again", lambda: redis.say("SCARD rq:workers:reelkeep").startswith(b":1"))
            assert int(redis.say("LLEN rq:queue:reelkeep")[1:]) <= 2
            assert _cpu(pids) - spent < 5
        lines = [line for line in service.log_text().splitlines() if "redis" in line.lower()]
        p99 = sorted(took)[int(len(took) * 0.99)]
        print(f"{len(took)} callbacks: p99 {p99 * 1000:.0f} ms; {len(lines)} lines about Redis")  # noqa: T201 (for -s)
        assert p99 < 2 * SLOW
        assert len(lines) <= 6 * len(Faults(redis, proxy).ways)
        assert "Traceback" not in service.log_text()
    assert len(set(s3.videos())) == len(s3.videos())


def _deliver(service: Service, client: httpx.Client, name: str) -> float:
    """Seconds until 200."""
    document = {"taskId": name, "status": 0, "videoUrl": None}
    body = json.dumps(document).encode()
    began = time.monotonic()
    answer = client.post(service.webhook, content=body, headers=signed(name, body))
    assert 200 == answer.status_code, answer.text
    return time.monotonic() - began


def _cpu(pids: list[int]) -> float:
    """Seconds of processor time."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(own) + int(system) for own, system in (each[11:13] for each in fields)) / os.sysconf("SC_CLK_TCK")
