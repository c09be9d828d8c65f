"""
Download truth: a link's bytes into a spool, hashed while they arrive, or a named reason why not.

Nothing the file host says about its file is believed except its length, and that only to notice a body that ends early.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

import httpx

from archive.errors import (
    FetchInterruptedError,
    LinkExpiredError,
    LinkRefusedError,
    ReelkeepError,
    TooLargeError,
    WireError,
)
from archive.urls import read_url
from workers.egress import Egress, Policy, next_hop, time_limit

MAX_HOPS = 3
SPOOL_UNAVAILABLE = "spool_unavailable"
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "reelkeep"}
_COME_AGAIN = {408, 425, 429}


class StoppedError(ReelkeepError):
    """The process is asked to stop; the asset is handed back."""


@dataclass(frozen=True)
class Limits:
    """What one download may take."""

    max_size: int  # bytes
    max_time: timedelta
    spool: Path
    spool_memory: int  # bytes kept in memory before the spool goes to disk


@dataclass(frozen=True)
class Fetched:
    """A spooled download. `length_known`: the transfer itself showed where the body ends."""

    file: IO[bytes]
    size: int
    sha256: str
    length_known: bool


@contextmanager
def fetch(
    egress: Egress,
    url: str,
    policy: Policy,
    limits: Limits,
    stopping: threading.Event,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Fetched]:
    """
    Yield the body of *url*; the spool is gone afterwards, and with the process if that dies (it has no name).

    Raises:
        LinkExpiredError: the host refuses the link (4xx).
        LinkRefusedError: we refuse it, or a hop of it.
        FetchInterruptedError: network, 5xx, a body that ends early or takes too long; our own spool is full.
        TooLargeError, StoppedError.
    """
    deadline = monotonic() + limits.max_time.total_seconds()
    with ExitStack() as stack:
        try:
            limits.spool.mkdir(parents=True, exist_ok=True)
            spool = stack.enter_context(SpooledTemporaryFile(limits.spool_memory, dir=str(limits.spool)))
            with time_limit(lambda: deadline - monotonic()), _open(egress, url, policy) as response:
                size, digest = _receive(response, spool, limits, lambda: _check(stopping, deadline, monotonic))
                length_known = "content-length" in response.headers or "transfer-encoding" in response.headers
            spool.seek(0)
        except WireError as exc:
            raise FetchInterruptedError(exc.reason) from exc
        except OSError as exc:
            raise FetchInterruptedError(SPOOL_UNAVAILABLE) from exc
        yield Fetched(spool, size, digest, length_known)


def _check(stopping: threading.Event, deadline: float, monotonic: Callable[[], float]) -> None:
    if stopping.is_set():
        raise StoppedError("stopped")
    if monotonic() > deadline:
        raise FetchInterruptedError("too_slow")


@contextmanager
def _open(egress: Egress, url: str, policy: Policy) -> Iterator[httpx.Response]:
    """Follow up to MAX_HOPS redirects, each checked like the first link."""
    for _ in range(MAX_HOPS + 1):
        with egress.stream("GET", url, policy, headers=_HEADERS) as response:
            if not response.has_redirect_location:
                yield _judged(response)
                return
            url = next_hop(read_url(url), response.headers["location"])
    raise LinkRefusedError("too_many_redirects")


def _judged(response: httpx.Response) -> httpx.Response:
    """Only a plain 200 carries a file."""
    status = response.status_code
    if status >= 500 or status in _COME_AGAIN:
        raise FetchInterruptedError(f"http_{status}")
    if status >= 400:
        raise LinkExpiredError(f"http_{status}")
    if status != 200:
        raise FetchInterruptedError(f"http_{status}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise LinkRefusedError("encoded_body")
    return response


def _receive(response: httpx.Response, spool: IO[bytes], limits: Limits, check: Callable[[], None]) -> tuple[int, str]:
    stated = response.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limits.max_size:
        raise TooLargeError("too_large")
    size, digest = 0, hashlib.sha256()
    try:
        for piece in response.iter_raw():
            check()
            size += len(piece)
            if size > limits.max_size:
                raise TooLargeError("too_large")
            digest.update(piece)
            spool.write(piece)
    except httpx.RemoteProtocolError as exc:
        raise FetchInterruptedError("short_body") from exc
    return size, digest.hexdigest()
