"""
Which buckets are left alone for a while, in this process: those of a store that is away, or refuses what is asked.

After a rest one thread goes ahead; the others follow when it has done what failed before. A store that answers a look
and refuses a put is not back.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

from archive.errors import ObjectConflictError, ObjectHiddenError, StoreUnavailableError
from archive.store import ArchiveStore, StoreCapabilities, StoredObject

MAX_REST = timedelta(seconds=60)
MAX_AGAIN = timedelta(minutes=5)  # between two tries of one object that the store refuses while it takes others
TOLERATED = 2  # failures in a row that may be one object's, or chance
TRIAL = timedelta(seconds=5)  # what the thread on trial has for its next request
MAX_KEYS = 10_000  # remembered as failing; beyond it the one longest not heard of is forgotten
OF_ONE = {"store_no_such_key", "store_no_such_version", "store_conditional_request_conflict"}  # object, not bucket
_log = logging.getLogger(__name__)


class StoreRestsError(StoreUnavailableError):
    """The bucket is left alone for `retry_after`; nothing was asked of it. `reason` is why it rests."""


@dataclass
class _Bucket:
    since: float
    failures: int = 0  # in a row
    verb: str = ""  # what failed last
    reason: str = ""
    until: float = 0.0  # at rest, or given to the thread on trial; 0: it does not rest
    trial: int | None = None  # the thread that goes ahead
    is_asked: bool = False  # by that thread, now


class StoreRests:
    """
    Shared by threads. *spread* in [0, 1) keeps processes apart: it shortens a rest by up to a quarter.

    *on_back* is called when a bucket that rested does again what it had failed to do.
    """

    def __init__(
        self,
        spread: Callable[[], float],
        on_back: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spread = spread
        self._on_back = on_back
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}
        self._failing: OrderedDict[tuple[str, str, str], int] = OrderedDict()  # failures in a row

    def check(self, bucket: str) -> None:
        """Raise StoreRestsError while *bucket* rests. Takes no turn."""
        with self._lock:
            found = self._buckets.get(bucket)
            if found is not None and found.until and self._left(found) > 0:
                raise self._rests(found)

    @contextmanager
    def asking(self, bucket: str, key: str, verb: str) -> Iterator[None]:
        """
        Ask the store within the block; its StoreUnavailableError leaves with `retry_after` set.

        Raises:
            StoreRestsError: not now; nothing may be asked.
        """
        self._admit(bucket)
        try:
            yield
        except ObjectConflictError:
            self._answered(bucket, key, verb)
            raise
        except StoreUnavailableError as exc:
            exc.retry_after = self._again(bucket, key, verb)
            if isinstance(exc, ObjectHiddenError) or exc.reason in OF_ONE:
                self._close(bucket, verb)
            else:
                exc.retry_after = max(exc.retry_after, self._failed(bucket, verb, exc.reason))
            raise
        except BaseException:  # something of ours: no word about the store
            self._asked(bucket)
            raise
        self._answered(bucket, key, verb)

    def _rests(self, found: _Bucket) -> StoreRestsError:
        """The longer the store has been away, the less often each of thousands of files asks for it."""
        share = timedelta(seconds=(self._monotonic() - found.since) / 4)
        return StoreRestsError(found.reason, max(timedelta(seconds=self._left(found)), min(share, MAX_AGAIN)))

    def _left(self, found: _Bucket) -> float:
        return TRIAL.total_seconds() if found.is_asked else found.until - self._monotonic()

    def _admit(self, bucket: str) -> None:
        with self._lock:
            found = self._buckets.get(bucket)
            if found is None or not found.until:
                return
            here = threading.get_ident()
            if found.trial != here and self._left(found) > 0:
                raise self._rests(found)
            found.trial, found.is_asked = here, True

    def _asked(self, bucket: str) -> _Bucket | None:
        """The answer of whoever is on trial is in."""
        with self._lock:
            found = self._buckets.get(bucket)
            if found is not None and found.trial == threading.get_ident():
                found.is_asked = False
                found.until = self._monotonic() + TRIAL.total_seconds()
            return found

    def _answered(self, bucket: str, key: str, verb: str) -> None:
        with self._lock:
            self._failing.pop((bucket, key, verb), None)
        self._close(bucket, verb)

    def _close(self, bucket: str, verb: str) -> None:
        """It works again where *verb* is what failed, or a put, which asks the most of a store."""
        found = self._asked(bucket)
        with self._lock:
            if found is None or verb not in (found.verb, "put"):
                return
            if found.until and found.trial != threading.get_ident():  # asked before the rest began
                return
            self._buckets.pop(bucket, None)
        if found.until:
            _log.info("store.back", extra={"bucket": bucket, "failures": found.failures})
            self._on_back()

    def _again(self, bucket: str, key: str, verb: str) -> timedelta:
        """When an object that failed may be tried again, however well others fare."""
        with self._lock:
            tries = self._failing[bucket, key, verb] = self._failing.get((bucket, key, verb), 0) + 1
            self._failing.move_to_end((bucket, key, verb))
            if len(self._failing) > MAX_KEYS:
                self._failing.popitem(last=False)
        return min(timedelta(seconds=2.0 ** min(tries - 1, 16)), MAX_AGAIN)

    def _failed(self, bucket: str, verb: str, reason: str) -> timedelta:
        """Note it; return how long the bucket is to rest."""
        with self._lock:
            now = self._monotonic()
            found = self._buckets.setdefault(bucket, _Bucket(since=now))
            if not found.until or found.trial == threading.get_ident():  # of many at once one counts
                found.failures += 1
                found.verb, found.reason = verb, reason
                found.trial, found.is_asked = None, False
                beyond = found.failures - TOLERATED
                if beyond > 0:
                    grown = min(2.0 ** min(beyond - 1, 16), MAX_REST.total_seconds())
                    found.until = now + grown * (1 - self._spread() / 4)
                    fields = {"bucket": bucket, "seconds": grown, "reason": reason}
                    _log.warning("store.rests", extra=fields)
            return timedelta(seconds=max(found.until - now, 0.0))


class RestingStore:
    """*store*, asked only while its buckets do not rest. Links need no request and are always made."""

    def __init__(self, store: ArchiveStore, rests: StoreRests) -> None:
        self._store = store
        self._rests = rests

    @property
    def capabilities(self) -> StoreCapabilities:
        return self._store.capabilities

    def put(self, bucket: str, key: str, body: IO[bytes], *, size: int, sha256: str, content_type: str) -> str | None:
        with self._rests.asking(bucket, key, "put"):
            return self._store.put(bucket, key, body, size=size, sha256=sha256, content_type=content_type)

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        with self._rests.asking(bucket, key, "head"):
            return self._store.head(bucket, key, version_id)

    def read(self, bucket: str, key: str, version_id: str | None = None) -> Iterator[bytes]:
        with self._rests.asking(bucket, key, "read"):
            yield from self._store.read(bucket, key, version_id)

    def check(self, bucket: str) -> None:
        """Raise StoreRestsError while *bucket* rests."""
        self._rests.check(bucket)

    def link(self, bucket: str, key: str, version_id: str | None, *, seconds: int, filename: str) -> str:
        return self._store.link(bucket, key, version_id, seconds=seconds, filename=filename)
