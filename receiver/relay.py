"""Answers on their way through: sent on piece by piece, heard on the way, and left when nobody listens any more."""

import asyncio
from collections.abc import AsyncIterator

from anyio import CancelScope
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from receiver.relaying import BODILESS
from receiver.upstream import Incoming


class Copy:
    """What passed by, as long as it is no more than *limit* bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ended = False
        self.body = bytearray()

    @property
    def is_whole(self) -> bool:
        return self._ended and 0 < len(self.body) <= self._limit

    def hear(self, piece: bytes) -> None:
        if len(self.body) <= self._limit:
            self.body += piece

    def end(self) -> None:
        self._ended = True


class Relay(StreamingResponse):
    """Sends an answer on as it comes, and closes it whatever happens."""

    def __init__(
        self,
        incoming: Incoming,
        headers: list[tuple[bytes, bytes]],
        *,
        first: bytes = b"",
        heard: Copy | None = None,
        after: BackgroundTask | None = None,
    ) -> None:
        super().__init__(_pieces(incoming, first, heard), incoming.status, background=after)
        self.raw_headers = headers
        self._incoming = incoming

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await self._incoming.close()


async def _pieces(incoming: Incoming, first: bytes, heard: Copy | None) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in incoming:
        if heard:
            heard.hear(piece)
        yield piece
    if heard:
        heard.end()


def with_headers(response: Response, headers: list[tuple[bytes, bytes]], size: int) -> Response:
    """*response* with exactly *headers*, and its length where the provider did not state one."""
    stated = any(name == b"content-length" for name, _ in headers)
    is_said = stated or response.status_code in BODILESS
    response.raw_headers = headers if is_said else [*headers, (b"content-length", str(size).encode())]
    return response


async def unless_gone(request: Request, asking: "asyncio.Task[Incoming]") -> Incoming | None:
    """The answer, or None and the question taken back once the caller has hung up."""
    gone = asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait({asking, gone}, return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else None
    finally:
        for task in (gone, asking):
            task.cancel()
        await asyncio.gather(gone, asking, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
