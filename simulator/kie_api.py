"""
The KIE.ai API over HTTP: two routes to create a task, two to ask after it, and one for fresh links.

Not played, because nothing should lean on it here: credits, 20 creations in 10 s, 10 tasks at once, the
documented code 400 for a status request without taskId (answered as not found), and models: any model makes
the same films.
"""

import hmac
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route as Door

from simulator import market_route
from simulator.director import Director
from simulator.journal import now
from simulator.plan import Plan, PlanError, read_plan
from simulator.voices import VOICES
from simulator.world import Route, Task, World

Handler = Callable[[Route, Request], Awaitable[JSONResponse]]

# The seed's own example reads seedance_…, the market pages' task_…
_PREFIX: Final[dict[Route, str]] = {"seed": "seedance", "market": "task"}


class KieApi:
    """Answers KIE's customers."""

    def __init__(self, world: World, director: Director) -> None:
        self._world = world
        self._director = director

    def doors(self) -> list[Door]:
        """Return the documented paths."""
        return [
            Door("/api/v1/seedance/generate", self._keyed("seed", self._create), methods=["POST"]),
            Door("/api/v1/seedance/record-info", self._keyed("seed", self._status)),
            Door("/api/v1/jobs/createTask", self._keyed("market", self._create), methods=["POST"]),
            Door("/api/v1/jobs/recordInfo", self._keyed("market", self._status)),
            Door("/api/v1/common/download-url", self._keyed("market", self._fresh_link), methods=["POST"]),
        ]

    def _keyed(self, route: Route, handler: Handler) -> Callable[[Request], Awaitable[JSONResponse]]:
        expected = f"Bearer {self._world.settings.api_key}".encode()

        async def endpoint(request: Request) -> JSONResponse:
            given = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(expected, given):
                return _json(*VOICES[route].unauthorised())
            return await handler(route, request)

        return endpoint

    async def _create(self, route: Route, request: Request) -> JSONResponse:
        voice = VOICES[route]
        try:
            plan = read_plan(request.headers["X-Sim-Plan"]) if "X-Sim-Plan" in request.headers else Plan()
            if route == "seed" and plan.outputs > 1:
                raise PlanError("plan.outputs: the seed route has room for one videoUrl")
        except PlanError as error:
            return _json(400, {"error": str(error)})
        body = await _body(request)
        if complaint := voice.complaint(body):
            return _json(*complaint)
        task = Task(f"{_PREFIX[route]}_{secrets.token_hex(12)}", route, body, plan, created_at=now())
        self._world.tasks[task.id] = task
        self._world.journal.write("task", task_id=task.id, route=route)
        self._director.begin(task)
        return _json(200, voice.created(task))

    async def _status(self, route: Route, request: Request) -> JSONResponse:
        task_id = request.query_params.get("taskId", "")
        task = self._world.tasks.get(task_id)
        if task is None or task.route != route or not task.seen:
            self._world.journal.write("poll", task_id=task_id, route=route, state=None)
            return _json(*VOICES[route].not_found())
        self._world.journal.write("poll", task_id=task_id, route=route, state=task.state)
        links = self._world.sign_links(task.reels) if task.state == "success" else []
        return _json(200, VOICES[route].polled(task, links))

    async def _fresh_link(self, _route: Route, request: Request) -> JSONResponse:
        """
        Sign a new link to a file of KIE's. https://docs.kie.ai/common-api/download-url (read 2026-11)

        UNKNOWN whether that works once the file's own link has died; here it does.
        """
        url = (await _body(request)).get("url")
        reel = self._world.reels.get(self._world.links.name_in(url) or "") if isinstance(url, str) else None
        if reel is None or reel.decoy:
            return _json(*market_route.refusal(422, "Invalid URL (External file URLs are not supported)"))
        life = self._world.settings.fresh_link_life
        self._world.journal.write("fresh_link", task_id=reel.task.id, name=reel.name, life=life)
        return _json(200, {"code": 200, "msg": "success", "data": self._world.links.mint(reel.name, life)})


async def _body(request: Request) -> dict[str, Any]:
    """The request's JSON object; an empty one for anything else, which each route then finds wanting."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _json(status: int, body: object) -> JSONResponse:
    return JSONResponse(body, status_code=status)
