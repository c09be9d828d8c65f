"""What the simulator tells about itself, for tests and the demo: no provider has these paths."""

from dataclasses import asdict
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route as Door

from simulator.journal import iso
from simulator.world import Task, World


def doors(world: World) -> list[Door]:
    """Return `/_sim/log` and `/_sim/tasks`."""

    async def log(_request: Request) -> JSONResponse:
        return JSONResponse(world.journal.entries())

    async def tasks(_request: Request) -> JSONResponse:
        return JSONResponse([_description(task) for task in world.tasks.values()])

    return [Door("/_sim/log", log), Door("/_sim/tasks", tasks)]


def _description(task: Task) -> dict[str, object]:
    return {
        "task_id": task.id,
        "source": task.source,
        "route": task.route,
        "state": task.state,
        "created_at": iso(task.created_at),
        "ready_at": iso(task.ready_at) if task.ready_at else None,
        "films": [reel.name for reel in task.reels],
        "callback_host": urlsplit(task.callback_url or "").netloc.rpartition("@")[2] or None,
        "plan": asdict(task.plan),
    }
