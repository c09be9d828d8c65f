"""Fakes we own, with names that say how they behave."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO

from archive.errors import LinkExpiredError, ObjectConflictError, ProviderBusyError, StoreUnavailableError
from archive.ledger.claims import Claim
from archive.model import Link
from archive.store import DIALECTS, StoreCapabilities, StoredObject
from archive.wakeups import Bell
from workers.fetch import Fetched
from workers.meter import Meter

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class FakeClock:
    """A clock that moves only when told to."""

    now: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **units: float) -> None:
        self.now += timedelta(**units)


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until *condition* holds, for tests of real processes; fail when it does not in time."""
    import time

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {condition.__name__}")
        time.sleep(0.02)


class SilentBell(Bell):
    """Counts how often it is rung; there is no Redis."""

    def __init__(self, *, reachable: bool = True) -> None:
        self.rung = 0
        self._reachable = reachable

    def ring(self, *, everyone: bool = False) -> bool:
        self.rung += 1
        return self._reachable

    def is_reachable(self) -> bool:
        return self._reachable


class Crash(BaseException):
    """The process dies here: no `except Exception` sees it."""


@dataclass
class FetchDouble:
    """A file host that gives *body* by every link that is not among the *dead*, and does *first* before it answers."""

    body: bytes
    dead: set[str] = field(default_factory=set)
    length_known: bool = True
    first: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list)  # links, in order

    @contextmanager
    def __call__(self, claim: Claim, link: Link) -> Iterator[Fetched]:
        self.asked.append(link.url)
        self.first()
        if link.url in self.dead:
            raise LinkExpiredError("http_403")
        with tempfile.TemporaryFile() as file:
            file.write(self.body)
            file.seek(0)
            yield Fetched(file, len(self.body), hashlib.sha256(self.body).hexdigest(), self.length_known)


@dataclass
class MemoryStore:
    """
    A store with conditional puts and versions that verifies digests, and does at a put what a test asks for.

    `crash_before` and `crash_after` hold endings of keys whose put kills the process before or after it took effect;
    `lost_replies` counts puts that take effect and then say that the store is away.
    """

    capabilities: StoreCapabilities = DIALECTS["aws"]
    away: bool = False
    crash_before: set[str] = field(default_factory=set)
    crash_after: set[str] = field(default_factory=set)
    lost_replies: int = 0
    objects: dict[tuple[str, str], list[tuple[str, bytes]]] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)  # keys, refused ones too
    reads: list[str] = field(default_factory=list)

    def put(self, bucket: str, key: str, body: IO[bytes], *, size: int, sha256: str, content_type: str) -> str | None:
        self._reach()
        self.puts.append(key)
        self._crash(key, self.crash_before)
        data = body.read()
        if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
            raise StoreUnavailableError("store_bad_digest")
        if self.objects.get((bucket, key)):
            raise ObjectConflictError("object_exists")
        version_id = self.alter(bucket, key, data)
        self._crash(key, self.crash_after)
        if self.lost_replies:
            self.lost_replies -= 1
            raise StoreUnavailableError("store_unreachable")
        return version_id

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        found = self._find(bucket, key, version_id)
        if found is None:
            return None
        version, data = found
        digest = hashlib.sha256(data).hexdigest() if self.capabilities.checksum_verified else None
        return StoredObject(bucket, key, version, len(data), digest)

    def read(self, bucket: str, key: str, version_id: str | None = None) -> Iterator[bytes]:
        found = self._find(bucket, key, version_id)
        if found is None:
            raise StoreUnavailableError("store_no_such_key")
        self.reads.append(key)
        for start in range(0, len(found[1]), 1 << 20):
            yield found[1][start : start + (1 << 20)]

    def link(self, bucket: str, key: str, version_id: str | None, *, seconds: int, filename: str) -> str:
        return f"memory://{bucket}/{key}?version={version_id}&seconds={seconds}&filename={filename}"

    def alter(self, bucket: str, key: str, data: bytes) -> str:
        """Let other bytes stand under the key, as somebody else with rights on the bucket could."""
        versions = self.objects.setdefault((bucket, key), [])
        versions.append((f"v{len(versions) + 1}", data))
        return versions[-1][0]

    def keys(self) -> list[str]:
        """Every key, once per version."""
        return sorted(key for (_, key), versions in self.objects.items() for _ in versions)

    def _find(self, bucket: str, key: str, version_id: str | None) -> tuple[str, bytes] | None:
        self._reach()
        versions = self.objects.get((bucket, key), [])
        return next((v for v in reversed(versions) if version_id in (None, v[0])), None)

    def _reach(self) -> None:
        if self.away:
            raise StoreUnavailableError("store_unreachable")

    @staticmethod
    def _crash(key: str, endings: set[str]) -> None:
        """Die once."""
        for ending in [ending for ending in endings if key.endswith(ending)]:
            endings.remove(ending)
            raise Crash(key)


class MeterDouble(Meter):
    """Lets every request pass, or with *wait* none that can wait; keeps the names that paid and were heeded."""

    def __init__(self, wait: timedelta | None = None) -> None:
        self._wait = wait
        self.paid: list[str] = []
        self.heeded: list[str] = []

    def admit(self, name: str) -> None:
        if self._wait:
            raise ProviderBusyError("rate_budget", self._wait)
        self.paid.append(name)

    def charge(self, name: str, *, vouched: bool = True) -> None:
        self.paid.append(name)

    def heed(self, name: str, busy: ProviderBusyError) -> None:
        self.heeded.append(busy.reason)


class BellDouble(Bell):
    """A bell that is only counted: True for each ring for everyone, False for each ring for one."""

    def __init__(self) -> None:
        self.rung: list[bool] = []

    def ring(self, *, everyone: bool = False) -> bool:
        self.rung.append(everyone)
        return True
