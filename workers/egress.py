"""
The guarded way out: every request to a URL that somebody else gave goes through here.

A host is resolved once, every answer is judged, and the connection goes to the judged address itself, so a name cannot
change its mind in between; the host name stays in SNI and Host. Proxies, .netrc and certificate variables of the
environment are ignored. Redirects are never followed here: each hop is a link of its own, to be checked again.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from archive.addresses import is_public
from archive.errors import LinkRefusedError
from archive.tls import authorities

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
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def check_link(url: str, policy: Policy) -> None:
    """
    Refuse a URL whose form or port we do not follow.

    Raises:
        LinkRefusedError: `scheme_not_allowed`, `credentials_in_link`, `port_not_allowed`, `link_malformed`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        followed = httpx.URL(url).raw_host.decode().lower()
    except (ValueError, httpx.InvalidURL):
        raise LinkRefusedError("link_malformed") from None
    # What is judged here must be what the client will follow: visible ASCII, and one host to both parsers.
    if not all("!" <= c <= "~" and c != "\\" for c in url) or not parts.hostname or parts.hostname != followed:
        raise LinkRefusedError("link_malformed")
    if parts.scheme != "https" and not (parts.scheme == "http" and policy.insecure_http):
        raise LinkRefusedError("scheme_not_allowed")
    if "@" in parts.netloc:
        raise LinkRefusedError("credentials_in_link")
    default = 443 if parts.scheme == "https" else 80
    if port not in (None, default) and f"{parts.hostname}:{port}" not in policy.origins | policy.ports:
        raise LinkRefusedError("port_not_allowed")


def next_hop(url: str, location: str) -> str:
    """Where a redirect leads. Raises LinkRefusedError: `link_malformed`."""
    try:
        return urljoin(url, location)
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
    """Clients by policy, made once and shared by threads: a TLS context costs 34 ms."""

    def __init__(
        self, *, resolver: Resolve = resolve, connections: int = 64, tls: ssl.SSLContext | None = None
    ) -> None:
        self._resolver = resolver
        self._connections = connections
        self._tls = tls or authorities()
        self._lock = threading.Lock()
        self._clients: dict[Policy, httpx.Client] = {}

    def client(self, policy: Policy) -> httpx.Client:
        with self._lock:
            if policy not in self._clients:
                self._clients[policy] = self._make(policy)
            return self._clients[policy]

    def _make(self, policy: Policy) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=self._tls, trust_env=False)
        # httpx offers no other way to put a network backend under it.
        transport._pool = httpcore.ConnectionPool(
            ssl_context=self._tls,
            max_connections=self._connections * 4,
            max_keepalive_connections=self._connections,
            keepalive_expiry=15,
            network_backend=_GuardedBackend(policy, self._resolver),
        )
        # No cookies: what one link's host says must not travel with another's.
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        return httpx.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=TIMEOUT, cookies=jar)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
