"""No more of a body is read than is allowed, whatever its sender says of it. F34."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from receiver.bodies import read_body
from receiver.problems import ProblemError


def sent(pieces: Iterator[bytes], *, whole: bool = True, **headers: str) -> tuple[Request, list[bytes]]:
    """A request of *pieces*, which ends with its sender gone unless it is *whole*; and what was taken of it."""
    taken: list[bytes] = []

    async def messages() -> AsyncIterator[dict[str, Any]]:
        for piece in pieces:
            taken.append(piece)
            yield {"type": "http.request", "body": piece, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False} if whole else {"type": "http.disconnect"}

    coming = messages()
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict[str, Any]:
        return await anext(coming)

    return Request({"type": "http", "method": "POST", "headers": raw}, receive), taken


def read(request: Request, limit: int = 100) -> bytes:
    return anyio.run(read_body, request, limit)


def test_read() -> None:
    """What fits comes whole, to the last byte allowed."""
    request, _ = sent(iter([b"x" * 60, b"y" * 40]))
    assert b"x" * 60 + b"y" * 40 == read(request)


def test_read__too_large() -> None:
    """Of more than is allowed no further piece is asked for."""
    request, taken = sent(iter([b"x" * 60] * 1000))
    with pytest.raises(ProblemError, match="body_too_large") as caught:
        read(request)
    assert (413, "close", 2) == (caught.value.status, caught.value.headers["Connection"], len(taken))


@pytest.mark.parametrize("length", ["101", "1" + "0" * 500])
def test_read__too_large_by_its_own_word(length: str) -> None:
    """What says that it is too large is not read at all."""
    request, taken = sent(iter([b"x"]), content_length=length)
    with pytest.raises(ProblemError, match="body_too_large"):
        read(request)
    assert [] == taken


def test_read__incomplete() -> None:
    """A sender that goes before the end has sent no body, and it is no error of ours."""
    request, _ = sent(iter([b"{}"]), whole=False)
    with pytest.raises(ProblemError, match="body_incomplete"):
        read(request)
