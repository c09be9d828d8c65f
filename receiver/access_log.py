"""One log line a request: the route's template, never its path, since a path may hold a token."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("receiver.access")


class AccessLog:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def remember(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, remember)
        finally:
            template = getattr(scope.get("route"), "path", "unrouted")
            milliseconds = (time.perf_counter() - started) * 1000
            _log.info("%s %s %d %.1fms", scope["method"], template, status, milliseconds)
