"""
What may go wrong with one HTTP request, S3's or any other, for a proxy that knows requests from answers.

The faults of `tests.fault_proxy` may be in play as well. Bodies are passed on as they come; nothing holds one whole.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from tests.fault_proxy import PIECE, Cut, Dial, Fault, FaultProxy, Flow

_REASONS = {200: "OK", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 412: "Precondition Failed"}
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>so the test wants it</Message></Error>'


@dataclass(frozen=True)
class Head:
    """A request's or an answer's first line and headers; names in lower case."""

    start: str
    headers: dict[str, str]
    raw: bytes

    @property
    def method(self) -> str:
        return self.start.split(" ")[0]

    @property
    def path(self) -> str:
        return self.start.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])


def every(_: Head) -> bool:
    return True


def puts(ending: str = "") -> Callable[[Head], bool]:
    """PUTs of a path with this ending."""
    return lambda head: head.method == "PUT" and head.path.partition("?")[0].endswith(ending)


@dataclass(kw_only=True)
class RequestFault(Fault):
    """A fault of one request among those for which *on* is true. `share` is of these, `fired` counts them."""

    on: Callable[[Head], bool] = every


@dataclass(kw_only=True)
class Says(RequestFault):
    """Answers in the server's place, which hears nothing of it."""

    status: int
    body: bytes = b""

    @property
    def answer(self) -> bytes:
        lines = (
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Error')}", "Content-Type: application/xml",
            f"Content-Length: {len(self.body)}", "Connection: close",
        )  # fmt: skip
        return "\r\n".join(lines).encode() + b"\r\n\r\n"


def says_s3(
    code: str,
    status: int,
    *,
    on: Callable[[Head], bool] = every,
    share: float = 1.0,
    times: int | None = None,
) -> Says:
    """An error of S3's in its own XML. With status 200 it is the one that only its body tells."""
    return Says(status=status, body=_XML.format(code).encode(), on=on, share=share, times=times)


@dataclass(kw_only=True)
class DropReply(RequestFault):
    """The server does what it is asked; its answer is read to the end, and a reset is all that the client hears."""


@dataclass(kw_only=True)
class Flip(RequestFault):
    """One bit of the request's body, or of the *answer*'s, is another at byte *at*."""

    at: int = 0
    answer: bool = False


@dataclass(kw_only=True)
class CutBody(RequestFault):
    """After *at* bytes of the request's body, or of the *answer*'s, both connections are reset."""

    at: int = 0
    answer: bool = False


class HttpFaultProxy(FaultProxy):
    """Carries HTTP/1.1, each request on a connection of its own to the server; `heard` are their heads, in order."""

    def __init__(self, upstream: int, *, seed: int = 0) -> None:
        self.heard: list[Head] = []
        super().__init__(upstream, seed=seed)

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, dial: Dial) -> None:
        drawn: dict[int, bool] = {}
        down = Flow("down", to_client)
        while (request := await _head(client)) is not None:
            self.heard.append(request)
            fault = self._fault(request)
            expects = "expect" in request.headers
            if isinstance(fault, Says):
                if not expects:  # else the body does not come
                    async for _ in _body(client, request):
                        pass
                await self.pass_on(down, fault.answer + (b"" if request.method == "HEAD" else fault.body), drawn)
                return
            if expects:
                await down.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            server, to_server = await dial()
            up = Flow("up", to_server)
            await self.pass_on(up, _without_expect(request), drawn)
            async for piece in _spoilt(_body(client, request), fault, answer=False):
                await self.pass_on(up, piece, drawn)
            answer = await _head(server)
            while answer is not None and answer.status < 200:
                answer = await _head(server)
            if answer is None:
                return
            body = _body(server, answer, asked=request)
            if isinstance(fault, DropReply):
                async for _ in body:
                    pass
                raise Cut
            await self.pass_on(down, answer.raw, drawn)
            async for piece in _spoilt(body, fault, answer=True):
                await self.pass_on(down, piece, drawn)
            to_server.close()
            if not _is_framed(answer, request) or answer.headers.get("connection", "").lower() == "close":
                return

    def _fault(self, request: Head) -> RequestFault | None:
        """The first fault in play that this request has."""
        candidates = (fault for fault in self.faults if isinstance(fault, RequestFault) and fault.on(request))
        return next((fault for fault in candidates if fault.fires(self.dice)), None)


async def _head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None where the connection has ended."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    start, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(start, {name.lower(): value.strip() for name, _, value in pairs}, raw)


def _without_expect(request: Head) -> bytes:
    """The proxy has answered it; SigV4 does not sign it."""
    kept = [line for line in request.raw.split(b"\r\n") if not line.lower().startswith(b"expect:")]
    return b"\r\n".join(kept)


def _has_no_body(head: Head, asked: Head | None) -> bool:
    return asked is not None and (asked.method == "HEAD" or head.status in (204, 304))


def _is_framed(head: Head, asked: Head) -> bool:
    """Whether the end of its body can be told without the end of the connection."""
    framing = {"content-length", "transfer-encoding"}
    return _has_no_body(head, asked) or bool(framing & head.headers.keys())


async def _body(reader: asyncio.StreamReader, head: Head, asked: Head | None = None) -> AsyncIterator[bytes]:
    """
    A body as it stands on the wire, chunk lines included, in pieces. *asked* is the request that *head* answers.

    Raises asyncio.IncompleteReadError where it breaks off.
    """
    if _has_no_body(head, asked):
        return
    if "transfer-encoding" in head.headers:
        while size := int((line := await reader.readuntil(b"\r\n")), 16):
            yield line
            async for piece in _exactly(reader, size + 2):
                yield piece
        yield line
        while (trailer := await reader.readuntil(b"\r\n")) != b"\r\n":
            yield trailer
        yield trailer
    elif asked is not None and "content-length" not in head.headers:
        while piece := await reader.read(PIECE):
            yield piece
    else:
        async for piece in _exactly(reader, int(head.headers.get("content-length", 0))):
            yield piece


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        piece = await reader.read(min(size, PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(piece)
        yield piece


async def _spoilt(body: AsyncIterator[bytes], fault: RequestFault | None, *, answer: bool) -> AsyncIterator[bytes]:
    """*body* with what *fault* does to it, if that is its side."""
    at = fault.at if isinstance(fault, Flip | CutBody) and fault.answer == answer else None
    passed = 0
    async for piece in body:
        if at is not None and passed <= at < passed + len(piece):
            here = at - passed
            if isinstance(fault, CutBody):
                yield piece[:here]
                raise Cut
            yield piece[:here] + bytes([piece[here] ^ 1]) + piece[here + 1 :]
        else:
            yield piece
        passed += len(piece)
