"""
Stand before every path of the API: the key, the account's limit, and a line in the journal for each request.

One key opens every provider. What is refused for its key counts against nobody.
"""

import hmac
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse

from simulator.limits import Window
from simulator.routes import LIMITED, ROUTES
from simulator.world import Answer, Route, World

Kind = Literal["create", "poll", "fresh_link"]
Handler = Callable[[Request], Awaitable[JSONResponse]]


class Gate:
    """Lets requests in, and writes down what became of each."""

    def __init__(self, world: World) -> None:
        self._world = world
        limits = world.settings.limits
        self._windows = {source: Window(limits.get(source, rule.limit)) for source, rule in LIMITED.items()}

    def guarded(self, route: Route, kind: Kind, handler: Handler) -> Handler:
        """Return *handler* behind the gate; refusals are in the voice of *route*."""
        source = ROUTES[route].source

        async def endpoint(request: Request) -> JSONResponse:
            refused = self._refusal(route, kind, request)
            response = refused or await handler(request)
            self._world.journal.write(
                "request",
                source=source,
                kind=kind,
                status=response.status_code,
                limited=refused is not None and response.status_code == 429,
                retry_after=response.headers.get("Retry-After"),
            )
            return response

        return endpoint

    def _refusal(self, route: Route, kind: Kind, request: Request) -> JSONResponse | None:
        part = ROUTES[route]
        expected = f"Bearer {self._world.settings.api_key}".encode()
        if not hmac.compare_digest(expected, request.headers.get("Authorization", "").encode()):
            return reply(part.voice.unauthorised())
        rule = LIMITED.get(part.source)
        if rule is None or kind not in rule.kinds:
            return None
        wait = self._windows[part.source].wait(time.monotonic())
        return reply(part.voice.busy(429), retry_after=wait if rule.says_when else None) if wait else None


def reply(answer: Answer, *, retry_after: int | None = None) -> JSONResponse:
    """Make a response of an answer."""
    status, body = answer
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return JSONResponse(body, status_code=status, headers=headers)


async def json_body(request: Request) -> dict[str, Any]:
    """The request's JSON object; an empty one for anything else, which each route then finds wanting."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
