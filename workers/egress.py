"""
The guarded way out: every request to a URL that somebody else gave goes through here.

A host is resolved once, every answer is judged, and the connection goes to the judged address itself
(`workers.backend`); the host name stays in SNI and Host. Proxies, .netrc and certificate variables of the environment
are ignored; an egress proxy is what the settings say. Redirects are never followed here: each hop is a link of its own,
to be checked again.
"""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

import httpcore
import httpx

from archive.egress import Proxy
from archive.errors import LinkRefusedError, WireError
from archive.tls import authorities
from archive.urls import DEFAULT_PORTS, WebUrl, is_visible, read_url
from workers.backend import CONNECT, SILENCE, GuardedBackend, TimedStream
from workers.patience import time_limit
from workers.resolver import Resolve, Resolver, resolve

__all__ = ["Egress", "Policy", "Resolve", "check_link", "next_hop", "origin_of", "resolve", "time_limit"]
_TIMEOUT = httpx.Timeout(SILENCE, connect=CONNECT, pool=None)  # `time_limit` bounds the whole


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


class Egress:
    """
    The one door: every request to a URL that somebody else gave goes through `stream`.

    Made once and shared by threads: a TLS context costs 34 ms. Each request has a connection of its own: what a host
    sent behind its answer would be the answer to the next request on a kept one, and one that is closed just then
    cannot be told from an answer that was lost. That costs 2 ms of CPU and two round trips.
    """

    def __init__(
        self, *, resolver: Resolve = resolve, tls: ssl.SSLContext | None = None, proxy: Proxy | None = None
    ) -> None:
        self._resolver = Resolver(resolver)
        self._proxy = proxy
        self._tls = tls or authorities()
        self._lock = threading.Lock()
        self._transports: dict[frozenset[str], httpx.HTTPTransport] = {}

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
            headers={**headers, "Connection": "close"},
            content=body,
            extensions={"target": read.target.encode(), "timeout": _TIMEOUT.as_dict()},
        )
        try:
            response = self._transport(policy.origins).handle_request(request)
            with closing(response):
                connection = response.extensions["network_stream"]
                if isinstance(connection, TimedStream):
                    connection.body_begins()
                yield response
        except httpx.TransportError as exc:
            raise WireError(_trouble(exc)) from exc

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()

    def _transport(self, admitted: frozenset[str]) -> httpx.HTTPTransport:
        with self._lock:
            if admitted not in self._transports:
                self._transports[admitted] = self._make(admitted)
            return self._transports[admitted]

    def _make(self, admitted: frozenset[str]) -> httpx.HTTPTransport:
        transport = httpx.HTTPTransport(verify=self._tls, trust_env=False)
        # httpx offers no other way to put a network backend under it. It holds no more connections than there are
        # threads that ask.
        transport._pool = httpcore.ConnectionPool(
            ssl_context=self._tls,
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=GuardedBackend(admitted, self._resolver, self._proxy),
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
        cause = cause.__cause__ or cause.__context__  # httpcore's pool cuts the first
    return "unreachable"
