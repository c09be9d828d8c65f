"""What the simulator tells about itself and is told to do, for tests and the demo: no provider has these paths."""

from dataclasses import asdict
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as Door

from simulator.gate import json_body
from simulator.journal import iso
from simulator.routes import ROUTES
from simulator.rules import PlanError
from simulator.standing import Standing
from simulator.world import Task, World


def doors(world: World, standing: Standing) -> list[Door]:
    """Return `/_sim/log`, `/_sim/tasks` and `/_sim/plans`."""

    async def log(_request: Request) -> JSONResponse:
        return JSONResponse(world.journal.entries())

    async def tasks(_request: Request) -> JSONResponse:
        return JSONResponse([_description(task) for task in world.tasks.values()])

    async def plans(request: Request) -> Response:
        try:
            standing.put(await json_body(request))
        except PlanError as mistake:
            return JSONResponse({"error": str(mistake)}, status_code=400)
        return Response(status_code=204)

    return [
        Door("/_sim/log", log),
        Door("/_sim/tasks", tasks),
        Door("/_sim/plans", plans, methods=["POST"]),
    ]


def _description(task: Task) -> dict[str, object]:
    calls = ROUTES[task.route].calls
    return {
        "task_id": task.id,
        "source": task.source,
        "route": task.route,
        "state": task.state,
        "created_at": iso(task.created_at),
        "ready_at": iso(task.ready_at) if task.ready_at else None,
        "films": [reel.name for reel in task.reels],
        "callback_host": urlsplit(task.callback_url or "").netloc.rpartition("@")[2] or None,
        "request": {name: value for name, value in task.request.items() if calls is None or name != calls.field},
        "plan": asdict(task.plan),
    }
