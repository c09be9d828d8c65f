"""Wrap a response to learn how it ended: sent whole, or cut off by the reader's going away."""

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send


class Watched:
    """An ASGI response that reports once how many body bytes were handed to the server, and whether all."""

    def __init__(self, response: Response, ended: Callable[[int, bool], None]) -> None:
        self._response = response
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; report also when cancelled half-way."""
        sent, complete = 0, False

        async def count(message: Message) -> None:
            nonlocal sent, complete
            await send(message)
            if message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
                complete = not message.get("more_body", False)

        try:
            await self._response(scope, receive, count)
        finally:
            self._ended(sent, complete)
