"""
Put the two servers together: one program behind two sockets, told apart by the port a request came in on.

One server rather than two, so that one signal stops both.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator import control
from simulator.director import Director
from simulator.file_host import FileHost
from simulator.kie_api import KieApi
from simulator.world import World


def create_app(world: World, *, files_port: int) -> ASGIApp:
    """Return the application for both sockets."""
    director = Director(world)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await director.stop()

    api = Starlette(routes=[*KieApi(world, director).doors(), *control.doors(world)], lifespan=lifespan)
    films = Starlette(routes=FileHost(world).doors())

    async def by_port(scope: Scope, receive: Receive, send: Send) -> None:
        wants_film = scope["type"] != "lifespan" and scope["server"][1] == files_port
        await (films if wants_film else api)(scope, receive, send)

    return by_port
