"""
How much is heard of an address that proves nothing: so many requests a while, then 429.

Only what has no proof is charged, after it was judged: providers share addresses with strangers (one NAT, one cloud's
way out), and a callback that proves itself may be the only one of its film. The counts are this process's own: they are
no record of anything, and a restart may forget them.
"""

import ipaddress
import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from archive.sources import RateLimit
from receiver.problems import ProblemError, on_problem

MOST = 10_000  # addresses that are remembered; above, those not heard of for longest are forgotten
_ELSEWHERE = "-"  # no source's name: all that is no webhook of a configured source
_log = logging.getLogger(__name__)
OnError = Callable[[Request, Exception], Awaitable[Response]]


@dataclass
class _Bucket:
    full_at: datetime  # when it is full again (the generic cell rate algorithm)
    is_told: bool = False  # that it is empty


class Strangers:
    """A bucket for each source and client address, an IPv6 customer's /64 being one. On the event loop only."""

    def __init__(self, rate: RateLimit, sources: Container[str], clock: Callable[[], datetime]) -> None:
        self._whole = timedelta(seconds=rate.seconds)
        self._each = self._whole // rate.requests
        self._sources = sources
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def charge(self, request: Request) -> None:
        """
        Let *request*, which proves nothing, pay for itself.

        Raises:
            ProblemError: 429 `too_many_requests`, with the seconds until the next one is heard.
        """
        name: str = request.path_params.get("source", _ELSEWHERE)
        place = name if name in self._sources else _ELSEWHERE
        address = _neighbourhood(request.client.host if request.client else "")
        bucket, now = self._bucket((place, address)), self._clock()
        # After a clock was set back nobody is shut out for longer than an empty bucket takes.
        bucket.full_at = min(bucket.full_at, now + self._whole)
        paid = max(bucket.full_at, now) + self._each
        wait = paid - self._whole - now
        if wait > timedelta(0):
            if not bucket.is_told:
                _log.warning("strangers.too_many", extra={"at": place, "address": address})
                bucket.is_told = True
            seconds = str(math.ceil(wait.total_seconds()))
            detail = "Too much has come from this address that proves nothing."
            raise ProblemError(429, "too_many_requests", detail, {"Retry-After": seconds})
        bucket.is_told &= bucket.full_at > now
        bucket.full_at = paid

    def _bucket(self, key: tuple[str, str]) -> _Bucket:
        bucket = self._buckets.setdefault(key, _Bucket(self._clock()))
        self._buckets.move_to_end(key)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return bucket

    def charging(self, answer: Callable[[Request, Exception], Response]) -> OnError:
        """An error handler like *answer*, but whoever is to hear 401 pays: it is never said to who has proof."""

        async def charged(request: Request, exc: Exception) -> Response:
            response = answer(request, exc)
            if response.status_code == 401:
                try:
                    self.charge(request)
                except ProblemError as too_many:
                    return on_problem(request, too_many)
            return response

        return charged


def _neighbourhood(host: str) -> str:
    """What counts as one address; all that are none (a socket of this machine, a proxy's nonsense) count as one."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "?"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        address = address.ipv4_mapped
    return str(address)
