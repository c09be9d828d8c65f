"""Take requests for new tasks, each with the plan that its `X-Sim-Plan` header holds."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from simulator.director import Director
from simulator.gate import Handler, json_body, reply
from simulator.plan import Plan, read_plan
from simulator.routes import ROUTES
from simulator.rules import PlanError
from simulator.seedance2ai_route import error
from simulator.stagecraft import cast_task
from simulator.world import Answer, Route, World


class Creating:
    """The counter where tasks are ordered."""

    def __init__(self, world: World, director: Director) -> None:
        self._world = world
        self._director = director
        self._answered: dict[str, tuple[object, Answer]] = {}  # by Idempotency-Key, as the account is one

    def at(self, route: Route) -> Handler:
        """Return the handler of *route*."""

        async def create(request: Request) -> JSONResponse:
            body = await json_body(request)
            key = request.headers.get("Idempotency-Key") if ROUTES[route].is_idempotent else None
            if key is None:
                return reply(await self._create(route, request, body))
            if key in self._answered:
                asked, answer = self._answered[key]
                if asked == (route, body):
                    return reply(answer)
                return reply(error(409, "idempotency_conflict", "Same Idempotency-Key reused with a different body."))
            answer = await self._create(route, request, body)
            if answer[0] == 200:
                self._answered[key] = (route, body), answer
            return reply(answer)

        return create

    async def _create(self, route: Route, request: Request, body: dict[str, Any]) -> Answer:
        part = ROUTES[route]
        try:
            plan = read_plan(request.headers["X-Sim-Plan"]) if "X-Sim-Plan" in request.headers else Plan()
            if complaint := part.voice.complaint(body):
                return complaint
            task = cast_task(route, body, plan)
        except PlanError as mistake:
            return 400, {"error": str(mistake)}
        self._world.tasks[task.id] = task
        self._world.journal.write("task", task_id=task.id, source=task.source, route=route)
        self._director.begin(task)
        if part.waiting is None or not part.waiting.waits(body):
            return 200, part.voice.created(task)
        await task.ended.wait()
        return part.waiting.waited(task, self._world.sign(task.reels))
