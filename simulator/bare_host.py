"""
Play seedance2ai.io without `www.`: every request is sent on, by 307, to the same path of the API.

Seen by a public client (hamdy-dotcom/mantoog, read 2026-11): whoever follows leaves the host, and with it the
Authorization header behind.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.world import World


def bare_host(world: World, api: str) -> ASGIApp:
    """Return the application that sends everyone on to *api*."""

    async def send_on(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        query = f"?{request.url.query}" if request.url.query else ""
        world.journal.write("redirect", source="seedance2ai", method=request.method, path=request.url.path)
        await RedirectResponse(f"{api}{request.url.path}{query}", status_code=307)(scope, receive, send)

    return send_on
