"""
HTTP/1.1 on a socket that anybody may open: uvicorn's protocol, with an end to everything it would wait or hold for.

What cannot be a request of ours is answered here with a problem document and the connection is closed, since nobody
knows where the next request begins. Nothing is answered twice or out of turn. An upgrade is never taken up: a request
that offers one (Java's client does so by itself) is served as it stands, with its body (RFC 9110, 7.8).
"""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, cast

import httptools
from uvicorn import Config
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from receiver.connections import Connections, Limits
from receiver.heads import check, without_upgrade
from receiver.last_words import busy, encoded, large_head, malformed, slow
from receiver.problems import ProblemError
from receiver.transport import Courteous

_log = logging.getLogger("receiver.access")


class _Stage(Enum):
    """What we wait for."""

    NOTHING = auto()  # the first or the next request, at leisure
    HEAD = auto()
    BODY = auto()


class Guarded(HttpToolsProtocol):
    """One connection among *connections*."""

    def __init__(
        self,
        connections: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._others = connections
        self._limits = connections.limits
        self._stage = _Stage.NOTHING
        self._due: float | None = None  # when what we wait for must be here, on the loop's clock
        self._unread_since: float | None = None
        self._piece = 0  # bytes of what is being parsed now
        self._head = 0  # bytes of the head so far, as it came and as it was read
        self._read = 0
        self._body = 0
        self._around = 0  # bytes since the last of the body that are none of it: trailers, chunk extensions
        self._owed = 0  # answers
        self._last_word: ProblemError | None = None  # it is said when all answers are given
        self._is_deaf = False

    # --- the connection -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own
        courteous = Courteous(transport, lambda: self._is_deaf or self._stage is not _Stage.NOTHING, self._on_close)
        super().connection_made(cast(asyncio.Transport, courteous))
        self._due = self.loop.time() + self._limits.head_time
        if not self._others.enter(self, self.loop):
            self._refuse(busy("There are as many connections as there may be, and all are being answered."))

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_deaf = True
        self._others.leave(self)
        super().connection_lost(exc)

    def _on_close(self) -> None:
        self._is_deaf = True
        unsent = self.transport.get_write_buffer_size()
        self._due = self.loop.time() + (self._limits.patience(unsent) if unsent else self._limits.linger)

    @property
    def is_unread(self) -> bool:
        return bool(self.transport.get_write_buffer_size())

    def drop(self) -> None:
        self.transport.abort()

    def drop_body(self) -> None:
        self._refuse(busy("The bodies on their way here are too large together."))

    def look(self, now: float) -> None:
        if self._unread_since is not None and now > self._unread_since:
            self.transport.abort()
        elif self._due is None or now < self._due:
            return
        elif self.transport.is_closing():
            self.transport.abort()
        elif self.flow.read_paused:  # by us: then it is not the sender who takes his time
            self._due = now + self._limits.patience(self._body)
        elif self._stage is _Stage.NOTHING:
            self.transport.close()
        else:
            self._refuse(slow("its header section" if self._stage is _Stage.HEAD else "its body"))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = self.loop.time() + self._limits.patience(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = None

    # --- what comes in ------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        self._unset_keepalive_if_required()
        if self._stage is _Stage.NOTHING:
            self._begin_head(self._due)
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        self._piece = len(data)
        was, before = self._stage, self._body
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._serve_plainly(data[exc.args[0] :])
            return
        except httptools.HttpParserError as exc:
            cause = exc.__context__
            self._refuse(cause if isinstance(cause, ProblemError) else malformed("This is not an HTTP/1.1 request."))
            return
        if self._stage is _Stage.HEAD:
            self._head += self._piece
            if self._head > self._limits.head:
                self._refuse(large_head())
        elif self._stage is was is _Stage.BODY:
            self._around = 0 if self._body > before else self._around + self._piece
            if self._around > self._limits.head:
                self._refuse(malformed("The body's trailers or chunk extensions are too large."))

    def _begin_head(self, due: float | None = None) -> None:
        self._stage = _Stage.HEAD
        self._due = due or self.loop.time() + self._limits.head_time
        self._head = self._read = 0

    def on_message_begin(self) -> None:
        self._stop_if_deaf()
        super().on_message_begin()
        if self._stage is not _Stage.HEAD:
            self._begin_head()
            self._head = -self._piece  # what came before it in this piece is not known: it is not counted

    def _stop_if_deaf(self) -> None:
        """Refused in the middle of a piece: nothing of the rest is to be served."""
        if self._is_deaf:
            raise malformed("The connection is closed.")

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._stage is _Stage.BODY:
            return  # a trailer: it comes too late to say anything of the request (RFC 9110, 6.5.1)
        self._count(len(name) + len(value) + 4)
        if len(self.headers) >= self._limits.fields:
            raise large_head()
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._read += size
        if self._read > self._limits.head:
            raise large_head()

    def on_headers_complete(self) -> None:
        if not self.parser.should_upgrade():
            check(self.parser.get_http_version(), self.headers)
            if len(self.pipeline) >= self._limits.pipelined:
                raise malformed("Too many requests were sent ahead.")
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            self._owed += 1
            self._stage = _Stage.BODY
            self._due = self.loop.time() + self._limits.body_time
            self._body = self._around = 0

    def on_body(self, body: bytes) -> None:
        self._stop_if_deaf()
        self._body += len(body)
        assert self._due is not None  # noqa: S101 (set where a body begins)
        self._due += len(body) / self._limits.rate
        super().on_body(body)
        if not self.cycle.response_complete:
            self._others.receiving(self, len(body))

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._stage = _Stage.NOTHING
            self._due = None
            self._others.complete(self)
            if self._owed:
                self._others.answering(self)
        super().on_message_complete()

    def _should_upgrade(self) -> bool:
        return True  # uvicorn then waits for us to take over, which `_serve_plainly` does

    def _serve_plainly(self, rest: bytes) -> None:
        """Have the request read again without its offer to upgrade; the parser takes *rest* for what it offers."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(malformed("This is no proxy to connect through."))
            return
        head = without_upgrade(method, self.url, self.parser.get_http_version(), self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        self._head = self._read = 0
        self._parse(head + rest)

    # --- what goes out ------------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        async def served(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            async def say(message: ASGISendEvent) -> None:
                if cycle.more_body:  # answered before it was read: whoever waits to be told `100` will not send it now
                    cycle.keep_alive = False
                await send(message)

            await app(scope, receive, say)

        super()._start_asgi_task(cycle, served)

    def on_response_complete(self) -> None:
        self._owed -= 1
        super().on_response_complete()
        if not self._owed:
            self._others.waiting(self)
            if self._last_word and not self.transport.is_closing():
                self._say(self._last_word)

    def _refuse(self, word: ProblemError) -> None:
        """Hear nothing more, and say so in its turn; a request whose body is not here whole gets no other answer."""
        if self._is_deaf:
            return
        self._is_deaf = True
        self._others.complete(self)
        if self._stage is _Stage.BODY and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._owed -= 1
            if self.pipeline:  # the newest stands first
                self.pipeline.popleft()
            if self.cycle.response_started:
                self.transport.close()
                return
        if self._owed:
            self._last_word = word
        else:
            self._say(word)

    def _say(self, word: ProblemError) -> None:
        _log.info("refused %d %s", word.status, word.reason)
        self.transport.write(encoded(word, self.server_state.default_headers))
        self.transport.close()


def guarded(limits: Limits) -> Callable[..., Guarded]:
    """What makes the protocols of one server; its connections are counted together."""
    connections = Connections(limits)

    def protocol(**server: Any) -> Guarded:
        return Guarded(connections, **server)

    return protocol
