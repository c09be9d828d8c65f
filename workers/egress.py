"""
The guarded way out: every request to a URL that somebody else gave goes through here.

A host is resolved once, every answer is judged, and the connection goes to the judged address itself, so a name cannot
change its mind in between; the host name stays in SNI and Host. Proxies, .netrc and certificate variables of the
environment are ignored. Redirects are never followed here: each hop is a link of its own, to be checked again.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpcore
import httpx

from archive.addresses import is_public
from archive.errors import LinkRefusedError, WireError
from archive.tls import authorities
from archive.urls import DEFAULT_PORTS, WebUrl, is_visible, read_url

Resolve = Callable[[str, int], list[str]]
TIMEOUT = httpx.Timeout(10.0, connect=5.0, pool=None)  # seconds between two bytes; `time_limit` bounds the whole
_remaining: ContextVar[Callable[[], float] | None] = ContextVar("remaining", default=None)


@dataclass(frozen=True)
class Policy:
    """What the configuration admits beyond https on port 443."""

    origins: frozenset[str] = frozenset()  # "host:port" that may be anything, loopback included
    insecure_http: bool = False
    ports: frozenset[str] = frozenset()  # "host:port" whose port may be any, while its address must be public


def origin_of(url: str) -> str:
    """`host:port` of a URL of the settings, as a policy names origins."""
    return read_url(url).origin


def check_link(url: str, policy: Policy) -> WebUrl:
    """
    Read a URL; refuse one whose form or port we do not follow.

    Raises:
        LinkRefusedError: `scheme_not_allowed`, `credentials_in_link`, `port_not_allowed`, `link_malformed`.
    """
    read = read_url(url)
    if read.scheme != "https" and not policy.insecure_http:
        raise LinkRefusedError("scheme_not_allowed")
    if read.port != DEFAULT_PORTS[read.scheme] and read.origin not in policy.origins | policy.ports:
        raise LinkRefusedError("port_not_allowed")
    return read


def next_hop(url: WebUrl, location: str) -> str:
    """Where a redirect leads. Raises LinkRefusedError: `link_malformed`."""
    if not is_visible(location):  # or joining would read it first, tabs and line ends taken out
        raise LinkRefusedError("link_malformed")
    try:
        return urljoin(str(url), location)
    except ValueError:
        raise LinkRefusedError("link_malformed") from None


@contextmanager
def time_limit(remaining: Callable[[], float]) -> Iterator[None]:
    """
    Within the block let this thread wait for bytes no longer than *remaining* says, in seconds, all waits together.

    Without it a host that sends one byte of its headers now and then holds a thread for days.
    """
    token = _remaining.set(remaining)
    try:
        yield
    finally:
        _remaining.reset(token)


def _bounded(timeout: float | None) -> float | None:
    remaining = _remaining.get()
    if remaining is None:
        return timeout
    left = remaining()
    if left <= 0:
        raise httpcore.ReadTimeout("out of time")
    return left if timeout is None else min(timeout, left)


def resolve(host: str, port: int) -> list[str]:
    """The host's addresses, as the system resolves them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class _TimedStream(httpcore.NetworkStream):
    """A connection that keeps to the time limit of whoever uses it."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _bounded(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _bounded(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, _bounded(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects to judged addresses only. Sits under httpx, where no redirect or pool can pass it by."""

    def __init__(self, policy: Policy, resolver: Resolve) -> None:
        self._policy = policy
        self._resolve = resolver
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as exc:
            raise httpcore.ConnectError("name not resolved") from exc
        if f"{host}:{port}" not in self._policy.origins and not all(map(is_public, addresses)):
            raise LinkRefusedError("address_not_public")
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                connected = self._inner.connect_tcp(address, port, _bounded(timeout), local_address, socket_options)
                return _TimedStream(connected)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure


class Egress:
    """
    The one door: every request to a URL that somebody else gave goes through `stream`.

    Made once and shared by threads: a TLS context costs 34 ms. Connections are kept by policy.
    """

    def __init__(
        self, *, resolver: Resolve = resolve, connections: int = 64, tls: ssl.SSLContext | None = None
    ) -> None:
        self._resolver = resolver
        self._connections = connections
        self._tls = tls or authorities()
        self._lock = threading.Lock()
        self._transports: dict[Policy, httpx.HTTPTransport] = {}

    @contextmanager
    def stream(
        self, method: str, url: str, policy: Policy, *, headers: Mapping[str, str], body: bytes = b""
    ) -> Iterator[httpx.Response]:
        """
        Send one request and yield its answer, whose body is still to be read with `iter_raw`.

        No redirect is followed and no cookie kept, so that no answer of one host changes what another is sent.

        Raises:
            LinkRefusedError: we do not go there, by the URL's form or by its address.
            WireError: no whole answer came; while the body is read, too.
        """
        read = check_link(url, policy)
        headers = {"Host": read.authority, **headers}  # made by httpx it would decode the name, and fail on an emoji
        request = httpx.Request(
            method,
            f"{read.scheme}://{read.authority}",
            headers=dict(headers),
            content=body,
            extensions={"target": read.target.encode(), "timeout": TIMEOUT.as_dict()},
        )
        try:
            response = self._transport(policy).handle_request(request)
            with closing(response):
                yield response
        except httpx.TransportError as exc:
            raise WireError(_trouble(exc)) from exc

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()

    def _transport(self, policy: Policy) -> httpx.HTTPTransport:
        with self._lock:
            if policy not in self._transports:
                self._transports[policy] = self._make(policy)
            return self._transports[policy]

    def _make(self, policy: Policy) -> httpx.HTTPTransport:
        transport = httpx.HTTPTransport(verify=self._tls, trust_env=False)
        # httpx offers no other way to put a network backend under it.
        transport._pool = httpcore.ConnectionPool(
            ssl_context=self._tls,
            max_connections=self._connections * 4,
            max_keepalive_connections=self._connections,
            keepalive_expiry=15,
            network_backend=_GuardedBackend(policy, self._resolver),
        )
        return transport


def _trouble(exc: httpx.TransportError) -> str:
    """The slug for what kept an answer from us: each wants another remedy. Pure."""
    if isinstance(exc, httpx.TimeoutException):
        return "timed_out"
    if isinstance(exc, httpx.RemoteProtocolError):
        return "answer_malformed"
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "certificate_refused" if isinstance(cause, ssl.SSLCertVerificationError) else "tls_failed"
        if isinstance(cause, socket.gaierror):
            return "name_not_resolved"
        cause = cause.__cause__ or cause.__context__  # httpcore's pool cuts the first
    return "unreachable"
