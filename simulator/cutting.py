"""
Cut connections: an answer that gets lost on its way.

ASGI has no word for it, so this leans on uvicorn, whose `send` is a method of an object that knows the transport
(uvicorn 0.54, `RequestResponseCycle`). The client sees the connection end, without a byte or after half the body.
"""

from collections.abc import Callable
from types import MethodType
from typing import Any, Final, cast

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.plan import Lost

_CUT: Final = "simulator.cut"


def cuttable(app: ASGIApp) -> ASGIApp:
    """Return *app* with every request in reach of the scissors."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            cycle: Any = cast(MethodType, send).__self__
            scope[_CUT] = cycle.transport.close
        await app(scope, receive, send)

    return wrapped


class LostAnswer(JSONResponse):
    """An answer of which the caller gets nothing, or the head and half the body."""

    def __init__(self, whole: JSONResponse, how: Lost) -> None:
        super().__init__(None, status_code=whole.status_code)
        self.body, self.raw_headers, self._how = whole.body, whole.raw_headers, how

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cut: Callable[[], None] = scope[_CUT]
        if self._how == "middle":
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            half = bytes(self.body)[: len(self.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
        cut()
        while (await receive())["type"] != "http.disconnect":  # an answer that just stops is an error to uvicorn
            pass
