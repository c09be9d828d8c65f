"""One GET of a link, redirects followed: an answer that carries a file, or its refusal by name."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

import httpx

from archive.errors import FetchInterruptedError, LinkExpiredError, LinkRefusedError, TransientError, WireError
from archive.instants import retry_after
from archive.urls import read_url
from workers.egress import Egress, Policy, next_hop
from workers.file_hosts import FileHosts

MAX_HOPS = 3
RANGES_UNFIT = "ranges_unfit"
_COME_AGAIN = {408, 425, 429}
_BUSY = {429, 503}
_UNESCAPED = re.compile(rb"[ \x80-\xff]")


class BusyError(TransientError):
    """The host asks to come again, or is broken for now."""


class UnfitError(TransientError):
    """The answer does not go on with what was asked to be gone on with: only the whole from its start can."""


class Hops:
    """The way to a link's file. Every hop tells *hosts* how it answers, and none is asked that rests."""

    def __init__(self, egress: Egress, policy: Policy, hosts: FileHosts, clock: Callable[[], datetime]) -> None:
        self._egress = egress
        self._policy = policy
        self._hosts = hosts
        self._clock = clock

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str]) -> Iterator[tuple[str, httpx.Response]]:
        """
        Follow up to MAX_HOPS redirects, each checked like the first link; no body of theirs is read.

        Returns:
            Where the answer comes from, and the answer: a 200, or a 206 where *headers* ask for a range.

        Raises:
            LinkExpiredError: 4xx.
            LinkRefusedError: we do not go there.
            BusyError: 5xx, or a wish to come again.
            UnfitError: 416 to a range.
            FetchInterruptedError: an answer that is none of these.
            WireError, HostRestsError.
        """
        link = url
        for _ in range(MAX_HOPS + 1):
            read = read_url(url)
            self._hosts.admit(read.origin, link)
            has_answered = False
            try:
                with self._egress.stream("GET", url, self._policy, headers=headers) as response:
                    has_answered = True
                    self._hear(read.origin, link, response)
                    if not response.has_redirect_location:
                        self._judge(response, is_range="Range" in headers)
                        yield str(read), response
                        return
                    url = next_hop(read, _location(response))
            except WireError:
                if not has_answered:
                    self._hosts.failed(read.origin, link)
                raise
        raise LinkRefusedError("too_many_redirects")

    def _hear(self, origin: str, link: str, response: httpx.Response) -> None:
        """What the status says of the host."""
        if response.status_code in _BUSY:
            self._hosts.busy(origin, link, self._wish(response))
        elif response.status_code >= 500:
            self._hosts.failed(origin, link)
        else:
            self._hosts.answered(origin, link)

    def _judge(self, response: httpx.Response, *, is_range: bool) -> None:
        status = response.status_code
        if status >= 500 or status in _COME_AGAIN:
            raise BusyError(f"http_{status}", self._wish(response))
        if is_range and status == 416:
            raise UnfitError(RANGES_UNFIT)
        if status >= 400:
            raise LinkExpiredError(f"http_{status}")
        if status != 200 and not (is_range and status == 206):
            raise FetchInterruptedError(f"http_{status}")

    def _wish(self, response: httpx.Response) -> timedelta | None:
        return retry_after(response.headers.get("retry-after", ""), at=self._clock())


def _location(response: httpx.Response) -> str:
    """
    Where a redirect says it leads, blanks and what is not ASCII escaped byte by byte, as every browser does.

    Hosts name a file as it is called. In a path or a query that is harmless, and no host's name holds a percent sign.
    """
    said = response.headers["location"].encode(response.headers.encoding)
    return _UNESCAPED.sub(lambda found: b"%%%02X" % ord(found[0]), said).decode("ascii")
