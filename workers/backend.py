"""
Where connections are made: to judged addresses only. Sits under httpx, where no redirect and no pool can pass it by.

All answers of the resolver are judged before the first is dialled, and the connection goes to the judged address
itself, or through the proxy to that address, so a name cannot change its mind in between.
"""

import ssl
import time
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

import httpcore

from archive.addresses import is_public
from archive.egress import Proxy
from archive.errors import LinkRefusedError, WireError
from workers.patience import bounded
from workers.resolver import Resolve, is_address
from workers.tunnel import NotReachedError, dig

CONNECT = 5.0  # seconds until somebody has taken the connection, all addresses together; as much again for TLS
SILENCE = 20.0  # seconds without a byte: a host that has to get a cold film from elsewhere is silent for long first
HEAD_TIME = 20.0  # seconds until an answer's head is whole
HEAD_SIZE = 192 << 10  # bytes of it, 1xx answers included: h11's own bound of 100 KiB is one answer's; +1 read
TRIES = 4  # addresses of one name
_PIECE = 64 << 10


def choose(addresses: Sequence[str], count: int = TRIES) -> list[str]:
    """Which addresses to try, in the resolver's order but by turns of family: one of the two may be broken. Pure."""
    first = ":" in addresses[0]
    turns = zip_longest(
        [one for one in addresses if (":" in one) == first], [one for one in addresses if (":" in one) != first]
    )
    return [one for one in chain.from_iterable(turns) if one is not None][:count]


class TimedStream(httpcore.NetworkStream):
    """A connection for one exchange, that keeps to the limits of the answer's head and of whoever uses it."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._head_left: int | None = HEAD_SIZE
        self._head_end = 0.0

    def body_begins(self) -> None:
        """The head is in; how long and how large the body may be is for others to say."""
        self._head_left = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        timeout = SILENCE if timeout is None else timeout
        if self._head_left is None:
            return self._inner.read(max_bytes, bounded(timeout))
        if self._head_left <= 0:
            raise httpcore.RemoteProtocolError("a head without end")
        left = self._head_end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("a head without end")
        data = self._inner.read(max_bytes, bounded(min(timeout, left)))
        self._head_left -= len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In pieces: below, every partial send waits anew.
        for start in range(0, len(buffer), _PIECE):
            self._inner.write(buffer[start : start + _PIECE], bounded(SILENCE if timeout is None else timeout))
        self._head_end = time.monotonic() + HEAD_TIME

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = bounded(CONNECT if timeout is None else timeout)
        return TimedStream(self._inner.start_tls(ssl_context, server_hostname, limit))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class GuardedBackend(httpcore.NetworkBackend):
    """
    Connects for one policy: *admitted* are its origins, `host:port`, that may have any address.

    What is admitted and is not public stands on our own side of the proxy, so it is reached without it.
    """

    def __init__(self, admitted: frozenset[str], resolver: Resolve, proxy: Proxy | None) -> None:
        self._admitted = admitted
        self._resolve = resolver
        self._proxy = proxy
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        *_: Any,  # what httpcore would have us bind and set; the limits are ours
        **__: Any,
    ) -> httpcore.NetworkStream:
        is_admitted = f"{host}:{port}" in self._admitted
        proxy = self._proxy
        namer = proxy if proxy is not None and proxy.resolves and not is_address(host) else None
        if namer is not None and not is_admitted:
            return self._tunnel(namer, [host], port)
        try:
            addresses = self._resolve(host, port)
        except WireError:
            if namer is None:
                raise
            return self._tunnel(namer, [host], port)  # DNS of the inside does not know the outside
        are_public = all(map(is_public, addresses))
        if not are_public and not is_admitted:
            raise LinkRefusedError("address_not_public")
        if proxy is not None and are_public:
            return self._tunnel(proxy, choose(addresses) if namer is None else [host], port)
        return TimedStream(self._dial(choose(addresses), port))

    def _dial(self, addresses: Sequence[str], port: int) -> httpcore.NetworkStream:
        end = time.monotonic() + bounded(CONNECT)
        failure: Exception = httpcore.ConnectTimeout("no time left")
        for tried, address in enumerate(addresses):
            # An even share of what is left, so that one that drops packets leaves time for the next.
            share = (end - time.monotonic()) / (len(addresses) - tried)
            if share <= 0:
                break
            try:
                return self._inner.connect_tcp(address, port, share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure

    def _tunnel(self, proxy: Proxy, hosts: Sequence[str], port: int) -> httpcore.NetworkStream:
        failure: Exception = WireError("proxy_unreachable")
        for host in hosts:
            try:
                stream = self._dial(choose(self._resolve(proxy.host, proxy.port)), proxy.port)
            except (WireError, httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                raise WireError("proxy_unreachable") from exc
            try:
                dig(stream, proxy, host, port)
            except NotReachedError as exc:
                stream.close()
                failure = exc
            except BaseException:
                stream.close()
                raise
            else:
                return TimedStream(stream)
        raise failure
