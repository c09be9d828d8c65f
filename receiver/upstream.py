"""
The way to the providers' APIs: for create calls and for what callers of the proxy ask.

A request goes to its source's `api_base` and nowhere else, since it carries the API key: no redirect is followed, no
proxy but that of the settings is used, no cookie is kept. So httpx's transports are used without its client, which also
reads where a redirect leads that it does not follow, and fails where that is no URL. Two pools: a create call always
opens a connection of its own, because one that was kept and is closed just then cannot be told from an order whose
answer was lost.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import httpcore
import httpx

from archive.egress import Proxy
from archive.errors import TransientError
from archive.model import ApiAnswer
from archive.sources import Source
from archive.tls import authorities
from receiver.tunnel import TunnelBackend

Sleep = Callable[[float], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
_CONNECT = 5.0  # seconds
_PAUSE = 0.3  # seconds, before what was not sent is sent after all
_CONNECTIONS = 128  # at a time, of each pool
_KEPT = 32
_STATUS_END = 600  # from here on there are none (RFC 9110, 15), and no server can pass one on
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError, httpx.ProxyError)


class NotSentError(TransientError):
    """No connection: nothing of the request has left us."""


class AnswerLostError(TransientError):
    """The request may have arrived, and what was answered is not known."""


@dataclass(frozen=True)
class Call:
    """One request. `target` is path and query as they go on the wire, below `api_base`."""

    method: str
    target: bytes
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    patience: timedelta  # between two pieces of the answer, and before the first
    is_order: bool


class Incoming:
    """An answer whose body is still on its way. To be closed by whoever was given it."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: Headers = response.headers.raw
        self._response = response
        self._pieces = self._translated()  # kept, so that it can be left and taken up again

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes that have not been read yet, as they come over the wire. Raises AnswerLostError."""
        return self._pieces

    async def read(self, limit: int) -> tuple[bytes, bool]:
        """The body, and whether that is all of it: beyond *limit* bytes the rest waits. Raises AnswerLostError."""
        body = bytearray()
        async for piece in self._pieces:
            body += piece
            if len(body) > limit:
                return bytes(body), False
        return bytes(body), True

    def understood(self, body: bytes) -> ApiAnswer:
        """The answer as the provider modules read it."""
        return ApiAnswer(self.status, {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in self.headers}, body)

    async def close(self) -> None:
        await self._response.aclose()

    async def _translated(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.aiter_raw():
                yield piece
        except httpx.TransportError as exc:
            raise _lost(exc) from exc


class Upstream:
    """Sends calls. One for the whole application, closed with it."""

    def __init__(
        self, tls: ssl.SSLContext | None = None, sleep: Sleep = asyncio.sleep, proxy: Proxy | None = None
    ) -> None:
        self._sleep = sleep
        context = tls or authorities()
        self._orders = _pool(context, proxy, kept=0)
        self._questions = _pool(context, proxy, kept=_KEPT)

    async def send(self, source: Source, call: Call) -> Incoming:
        """
        Send *call* to *source*.

        What provably was not sent is tried once more.

        Raises:
            NotSentError: `unreachable`, `proxy_refused`.
            AnswerLostError: `timed_out`, `answer_lost`.
        """
        try:
            return await self._send(source, call)
        except NotSentError:
            await self._sleep(_PAUSE)
            return await self._send(source, call)

    async def close(self) -> None:
        await self._orders.aclose()
        await self._questions.aclose()

    async def _send(self, source: Source, call: Call) -> Incoming:
        base = httpx.URL(source.base)
        patience = call.patience.total_seconds()
        timeout = httpx.Timeout(patience, connect=_CONNECT, pool=_CONNECT, write=60.0)
        target = base.raw_path.rstrip(b"/") + call.target
        request = httpx.Request(
            call.method,
            base,
            headers=[(b"Host", base.netloc), *call.headers],
            content=call.body,
            extensions={"target": target, "timeout": timeout.as_dict()},
        )
        pool = self._orders if call.is_order else self._questions
        try:
            response = await pool.handle_async_request(request)
        except _NOT_SENT as exc:
            raise NotSentError("proxy_refused" if isinstance(exc, httpx.ProxyError) else "unreachable") from exc
        except httpx.TransportError as exc:
            raise _lost(exc) from exc
        if response.status_code >= _STATUS_END:
            await response.aclose()
            raise AnswerLostError("answer_lost")
        return Incoming(response)


def _lost(exc: httpx.TransportError) -> AnswerLostError:
    return AnswerLostError("timed_out" if isinstance(exc, httpx.TimeoutException) else "answer_lost")


def _pool(tls: ssl.SSLContext, proxy: Proxy | None, *, kept: int) -> httpx.AsyncHTTPTransport:
    transport = httpx.AsyncHTTPTransport(verify=tls, trust_env=False)
    # httpx offers no other way to put a network backend under it.
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=_CONNECTIONS,
        max_keepalive_connections=kept,
        keepalive_expiry=15,
        network_backend=TunnelBackend(proxy) if proxy else None,
    )
    return transport
