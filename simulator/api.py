"""
The providers' APIs over HTTP, all on one socket: their paths do not collide.

Not played, because nothing should lean on it here: balances (a plan's `create_error` says that one is used up), KIE's
10 tasks at once, its documented code 400 for a status request without taskId (answered as not found), and models: any
model makes the same files.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route as Door

from simulator import kie_envelope
from simulator.asking import Asking
from simulator.creating import Creating
from simulator.director import Director
from simulator.gate import Gate, json_body, reply
from simulator.routes import ROUTES
from simulator.standing import Standing
from simulator.world import Route, World


class Api:
    """Answers the providers' customers."""

    def __init__(self, world: World, director: Director, standing: Standing) -> None:
        self._world = world
        self._gate = Gate(world)
        self._creating = Creating(world, director, standing)
        self._asking = Asking(world)

    def doors(self) -> list[Door]:
        """Return the documented paths."""
        return [
            *(
                Door(part.create, self._gate.guarded(route, "create", self._creating.at(route)), methods=["POST"])
                for route, part in ROUTES.items()
            ),
            *self._status_doors(),
            Door("/seedance/tasks", self._gate.guarded("ace", "poll", self._asking.retrieve), methods=["POST"]),
            Door(
                "/api/v1/common/download-url",
                self._gate.guarded("market", "fresh_link", self._fresh_link),
                methods=["POST"],
            ),
        ]

    def _status_doors(self) -> list[Door]:
        by_path: dict[str, list[Route]] = {}
        for route, part in ROUTES.items():
            for path in part.polls.paths if part.polls else ():
                by_path.setdefault(path, []).append(route)
        return [self._status_door(path, routes) for path, routes in by_path.items()]

    def _status_door(self, path: str, routes: list[Route]) -> Door:
        path, _, query_field = path.partition("?")
        handler = self._asking.at(routes, query_field)
        return Door(path, self._gate.guarded(routes[0], "poll", handler), methods=["GET"])

    async def _fresh_link(self, request: Request) -> JSONResponse:
        """
        Sign a new link to a file of KIE's. https://docs.kie.ai/common-api/download-url (read 2026-11)

        UNKNOWN whether that works once the file's own link has died; here it does.
        """
        url = (await json_body(request)).get("url")
        reel = self._world.reels.get(self._world.links.name_in(url) or "") if isinstance(url, str) else None
        if reel is None or reel.decoy or reel.task.source != "kie":
            return reply(kie_envelope.refusal(422, "Invalid URL (External file URLs are not supported)"))
        life = self._world.settings.fresh_link_life
        self._world.journal.write("fresh_link", task_id=reel.task.id, source="kie", name=reel.name, life=life)
        return reply((200, {"code": 200, "msg": "success", "data": self._world.links.mint(reel.path, life)}))
