"""
The guarded way out: every request to a URL that somebody else gave goes through here.

A host is resolved once, every answer is judged, and the connection goes to the judged address itself, so a name cannot
change its mind in between; the host name stays in SNI and Host. Proxies, .netrc and certificate variables of the
environment are ignored. Redirects are never followed here: each hop is a link of its own, to be checked again.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from archive.errors import LinkRefusedError
from workers.addresses import is_public

Resolve = Callable[[str, int], list[str]]
TIMEOUT = httpx.Timeout(10.0, connect=5.0, pool=None)  # seconds between two bytes; total limits are the caller's


@dataclass(frozen=True)
class Policy:
    """What a source's configuration admits beyond https on port 443."""

    origins: frozenset[str] = frozenset()  # "host:port" that may be anything, loopback included
    insecure_http: bool = False


def check_link(url: str, policy: Policy) -> None:
    """
    Refuse a URL whose form or port we do not follow.

    Raises:
        LinkRefusedError: `scheme_not_allowed`, `credentials_in_link`, `port_not_allowed`, `link_malformed`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise LinkRefusedError("link_malformed") from None
    if not url.isascii() or not parts.hostname or any(c.isspace() or c == "\\" for c in url):
        raise LinkRefusedError("link_malformed")
    if parts.scheme != "https" and not (parts.scheme == "http" and policy.insecure_http):
        raise LinkRefusedError("scheme_not_allowed")
    if "@" in parts.netloc:
        raise LinkRefusedError("credentials_in_link")
    default = 443 if parts.scheme == "https" else 80
    if port not in (None, default) and f"{parts.hostname}:{port}" not in policy.origins:
        raise LinkRefusedError("port_not_allowed")


def resolve(host: str, port: int) -> list[str]:
    """The host's addresses, as the system resolves them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


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
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure


class Egress:
    """Clients by policy, made once and shared by threads: a TLS context costs 34 ms."""

    def __init__(self, *, resolver: Resolve = resolve, connections: int = 64) -> None:
        self._resolver = resolver
        self._connections = connections
        self._tls = ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
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
        return httpx.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=TIMEOUT)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
