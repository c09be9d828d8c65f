"""
Put the three servers together: one program behind three sockets, told apart by the port a request came in on.

One server rather than three, so that one signal stops both.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator import control
from simulator.api import Api
from simulator.bare_host import bare_host
from simulator.cutting import cuttable
from simulator.director import Director
from simulator.file_host import FileHost
from simulator.standing import Standing
from simulator.world import World


def create_app(world: World, *, api: str, files_port: int, bare_port: int) -> ASGIApp:
    """Return the application for all sockets; *api* is the address of the API."""
    director, standing = Director(world), Standing()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await director.stop()

    apis = Starlette(
        routes=[*Api(world, director, standing).doors(), *control.doors(world, standing)], lifespan=lifespan
    )
    others: dict[int, ASGIApp] = {
        files_port: Starlette(routes=FileHost(world).doors()),
        bare_port: bare_host(world, api),
    }

    async def by_port(scope: Scope, receive: Receive, send: Send) -> None:
        port = 0 if scope["type"] == "lifespan" else scope["server"][1]
        await others.get(port, apis)(scope, receive, send)

    return cuttable(by_port)
