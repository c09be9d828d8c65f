"""Wake-ups over a real Valkey server: from the bell in one process to the drain in another."""

import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Worker

from archive.wakeups import JOB, QUEUE, Bell
from tests import servers
from tests.doubles import wait_for

PROGRAM = """
import logging, os, sys, threading
from workers import jobs
from workers.listen import listen

class Recorder:
    def drain(self):
        print("drain", flush=True)
        sys.stdin.readline()  # busy until told

logging.basicConfig(stream=sys.stdout, format="%(message)s", level="WARNING")
jobs.serve(Recorder())
listen(os.environ["REDIS_URL"], threading.Event())
"""


class Queue:
    """A Valkey server, a bell, and the processes that listen."""

    def __init__(self, folder: Path) -> None:
        self.server, self.url = servers.valkey(folder)
        self.redis = Redis.from_url(self.url)
        self.bell = Bell(self.url)
        self.listeners: list[Listener] = []

    @property
    def waiting(self) -> int:
        return int(self.redis.llen(f"rq:queue:{QUEUE}"))

    @property
    def workers(self) -> int:
        return Worker.count(connection=self.redis)

    def listen(self) -> "Listener":
        self.listeners.append(Listener(self.url))
        wait_for(lambda: len(self.listeners) == self.workers)
        return self.listeners[-1]

    def stop(self) -> None:
        for listener in self.listeners:
            listener.stop()
        self.redis.close()
        self.bell._redis.close()
        self.server.stop()


class Listener:
    """A process that listens; each drain stays busy until it is told to end."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "REDIS_URL": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def drains(self) -> int:
        return self.said.count("drain")

    def end_drain(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    found = Queue(tmp_path)
    yield found
    found.stop()


def test_ring__has_a_worker_drain(queue: Queue) -> None:
    """One ring, one drain; and the next ring again."""
    listener = queue.listen()
    for number in (1, 2):
        assert queue.bell.ring()
        wait_for(lambda number=number: number == listener.drains)  # type: ignore[misc]
        listener.end_drain()


def test_ring__never_more_than_there_are_workers(queue: Queue) -> None:
    """However often it rings, no more wake-ups wait than there are processes, and one where there is none."""
    for _ in range(5):
        assert queue.bell.ring(everyone=True)
    assert 1 == queue.waiting
    first, second = queue.listen(), queue.listen()
    wait_for(lambda: 1 == first.drains + second.drains)
    queue.bell.ring()
    wait_for(lambda: (1, 1) == (first.drains, second.drains))
    assert 0 == queue.waiting
    queue.bell.ring()
    assert 1 == queue.waiting
    for _ in range(3):
        queue.bell.ring(everyone=True)
        assert 2 == queue.waiting


def test_ring__carries_nothing(queue: Queue) -> None:
    """The job names the function and holds no argument; and it does not outlive a minute."""
    queue.bell.ring()
    [key] = queue.redis.keys("rq:job:*")
    job: Any = queue.redis.hgetall(key)
    assert [JOB, None, [], {}] == json.loads(zlib.decompress(job[b"data"]))
    assert (b"drain", b"60") == (job[b"description"], job[b"ttl"])


def test_redis_away__costs_nobody_time(queue: Queue) -> None:
    """Without Redis, with one that hangs or one that refuses us, ringing says so within moments and raises nothing."""
    queue.server.freeze()
    began = time.monotonic()
    assert (False, False) == (queue.bell.ring(), queue.bell.is_reachable())
    queue.server.thaw()
    wait_for(queue.bell.is_reachable)
    refused = Bell(queue.url.replace("redis://:", "redis://:not-"))
    assert (False, False) == (refused.ring(), refused.is_reachable())
    refused._redis.close()
    queue.server.stop()
    assert (False, False) == (queue.bell.ring(), queue.bell.is_reachable())
    assert time.monotonic() - began < 8
    queue.server.start()


def test_redis_restarted__is_listened_to_again(queue: Queue) -> None:
    """After Redis was killed and came back with nothing, wake-ups arrive again and its listeners are counted again."""
    listener = queue.listen()
    queue.server.stop()
    assert not queue.bell.ring()
    queue.server.start()
    wait_for(lambda: queue.bell.ring() and 1 == listener.drains)
    listener.end_drain()
    wait_for(lambda: 1 == queue.workers)
    assert listener.process.poll() is None


def test_redis_absent_at_the_start__is_waited_for(tmp_path: Path) -> None:
    """A worker that starts before Redis does listens as soon as it is there."""
    server, url = servers.valkey(tmp_path)
    server.stop()
    listener, bell = Listener(url), Bell(url)
    try:
        wait_for(lambda: "wakeups.redis_unavailable" in listener.said)
        server.start()
        wait_for(lambda: bell.ring() and 1 == listener.drains)
    finally:
        listener.stop()
        bell._redis.close()
        server.stop()
