"""
One link's file in as many requests as it takes.

A body that breaks off is gone on with where the host can prove that it goes on with the same bytes (`workers.ranges`);
else the attempt ends, or begins anew where the host itself offers the whole again. Every request may count against a
link's quota (Ark: 100 downloads), so there is one where one does, never a HEAD, and MAX_REQUESTS at most.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import IO

import httpx

from archive.errors import FetchInterruptedError, ReelkeepError, TransientError, WireError
from archive.failpoints import reached
from workers.file_hosts import HostRestsError
from workers.hops import RANGES_UNFIT, BusyError, Hops, UnfitError
from workers.ranges import Version, continuation, ends_visibly, onward, stated_length, version_of
from workers.transfer import Body, Pace, is_plain, unpacking

MAX_REQUESTS = 20  # in one attempt, hops not counted
MAX_RESTARTS = 2
MAX_BARREN = 3  # resumes in a row that bring less than WORTH
WORTH = 64 << 10  # bytes
PATIENCE = timedelta(seconds=5)  # with a host that asks to come back, while half a file is in hand
_PAUSE = 0.5  # seconds before a resume that follows a barren one, doubled for each more
_TOO_SLOW = "too_slow"
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "reelkeep"}


class StoppedError(ReelkeepError):
    """The process is asked to stop; the asset is handed back."""


class Download:
    """
    Brings *url* into *spool*, `size` bytes with their `sha256`.

    *deadline* is an instant of *monotonic*; all waits end with it, or when *stopping* is set.
    """

    def __init__(
        self, hops: Hops, url: str, spool: IO[bytes], stopping: threading.Event, *, max_size: int, min_rate: int,
        deadline: float, monotonic: Callable[[], float], check_room: Callable[[], None],
    ) -> None:  # fmt: skip
        self._hops = hops
        self._url = url
        self._stopping = stopping
        self._deadline = deadline
        self._monotonic = monotonic
        self._body = Body(spool, max_size, check_room)
        self._pace = Pace(min_rate, monotonic)
        self._version: Version | None = None  # of the bytes in the body, where they can be gone on with
        self._restarts = 0
        self._received = 0  # by the request that runs
        self._has_begun = False  # its body

    @property
    def size(self) -> int:
        return self._body.size

    @property
    def sha256(self) -> str:
        return self._body.sha256

    def remaining(self) -> float:
        """How long it may wait for the next bytes, in seconds."""
        return 0.0 if self._pace.is_too_slow else self._deadline - self._monotonic()

    def run(self) -> bool:
        """
        Ask until the file is there, or another request is not worth it.

        Returns:
            Whether the end was shown by the transfer itself.
        """
        barren = 0
        failure: TransientError = FetchInterruptedError("short_body")
        for _ in range(MAX_REQUESTS):
            self._received, self._has_begun = 0, False
            try:
                if (length_known := self._ask()) is not None:
                    return length_known
            except UnfitError:
                self._restart()
                continue
            except (WireError, BusyError, HostRestsError) as exc:
                failure = self._named(exc)
            barren = 0 if self._received >= WORTH else barren + 1
            if self._version is None or barren > MAX_BARREN or failure.reason == _TOO_SLOW:
                raise failure
            self._pause(failure, barren)
        raise failure

    def _named(self, exc: TransientError) -> TransientError:
        """What broke an answer off, by its own name."""
        if self._has_begun and self.remaining() <= 0:
            return FetchInterruptedError(_TOO_SLOW)
        if self._has_begun and exc.reason == "answer_malformed":
            return FetchInterruptedError("short_body")
        return exc

    def _pause(self, failure: TransientError, barren: int) -> None:
        """Wait before going on; raise *failure* where the host wants a longer wait than half a file is worth."""
        self._pace.rest()
        wish = failure.retry_after or timedelta(0)
        seconds = max(wish.total_seconds(), _PAUSE * 2 ** (barren - 1) if barren else 0.0)
        if wish > PATIENCE or self._monotonic() + seconds >= self._deadline:
            raise failure
        if self._stopping.wait(seconds):
            raise StoppedError("stopped")

    def _restart(self) -> None:
        if self._restarts == MAX_RESTARTS:
            raise FetchInterruptedError(RANGES_UNFIT)
        self._restarts += 1
        self._version = None
        self._body.restart()

    def _ask(self) -> bool | None:
        """
        Send one request and take in its body.

        Returns:
            None where there is more to ask for; else whether the end was shown.
        """
        version = self._version
        asked = _HEADERS if version is None else _HEADERS | onward(version, self._body.size)
        with self._hops.open(self._url, asked) as (url, response):
            if version is None:
                return self._take(url, response)
            if response.status_code == 206:
                return self._go_on(version, url, response)
            self._restart()
            return self._take(url, response)

    def _take(self, url: str, response: httpx.Response) -> bool:
        """The whole from its start."""
        headers = response.headers
        packed = unpacking(headers.get("content-encoding", ""))
        version = version_of(url, headers)
        length = stated_length(headers)
        self._body.expect(length)
        resumable = packed is None and version.validator is not None
        for piece in self._pieces(response):
            for part in packed.feed(piece) if packed else (piece,):
                self._body.add(part)
            if resumable:
                self._version = version
        if packed:
            self._body.add(packed.close())
        if length is not None and length != self._received:  # stated beside a framing that overrides it
            raise FetchInterruptedError("lengths_differ")
        return ends_visibly(headers)

    def _go_on(self, version: Version, url: str, response: httpx.Response) -> bool | None:
        """The rest, or some more of it."""
        part = continuation(version, self._body.size, url, response.headers)
        if part is None or not is_plain(response.headers.get("content-encoding", "")):
            raise UnfitError(RANGES_UNFIT)
        self._body.expect(part.total)
        for piece in self._pieces(response):
            if self._received > part.size:
                raise UnfitError(RANGES_UNFIT)
            self._body.add(piece)
        if self._received != part.size:
            raise UnfitError(RANGES_UNFIT)
        total = part.total if version.total is None else version.total
        return None if total is not None and self._body.size < total else total is not None

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        self._pace.start()
        self._has_begun = True
        for piece in response.iter_raw():
            reached("worker.fetching")
            if self._stopping.is_set():
                raise StoppedError("stopped")
            if self.remaining() <= 0:
                raise FetchInterruptedError(_TOO_SLOW)
            self._received += len(piece)
            self._pace.note(len(piece))
            self._body.expect(self._received)  # packed, it may be endless and yet hold nothing
            yield piece
        self._pace.rest()
