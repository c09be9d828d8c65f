"""Take requests for new tasks, each with the plan that its `X-Sim-Plan` header holds, or that stands for it."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from simulator.cutting import LostAnswer
from simulator.director import Director
from simulator.gate import Handler, json_body, reply
from simulator.plan import Plan, Refusal, read_plan
from simulator.routes import ROUTES
from simulator.rules import PlanError
from simulator.seedance2ai_route import error
from simulator.stagecraft import cast_task
from simulator.standing import Standing
from simulator.world import Answer, Route, Task, World


class Creating:
    """The counter where tasks are ordered."""

    def __init__(self, world: World, director: Director, standing: Standing) -> None:
        self._world = world
        self._director = director
        self._standing = standing
        # By Idempotency-Key, as the account is one; None while the first request still runs.
        self._answered: dict[str, tuple[object, Answer | None]] = {}

    def at(self, route: Route) -> Handler:
        """Return the handler of *route*."""

        async def create(request: Request) -> JSONResponse:
            body = await json_body(request)
            key = request.headers.get("Idempotency-Key") if ROUTES[route].is_idempotent else None
            if key is None:
                return await self._create(route, request, body, None)
            if key in self._answered:
                asked, answer = self._answered[key]
                if asked == (route, body) and answer is not None:
                    return reply(answer)
                reason = "Same Idempotency-Key reused with a different body, or still running."
                return reply(error(409, "idempotency_conflict", reason))
            self._answered[key] = (route, body), None
            try:
                return await self._create(route, request, body, key)
            finally:
                if self._answered[key][1] is None:
                    del self._answered[key]

        return create

    async def _create(self, route: Route, request: Request, body: dict[str, Any], key: str | None) -> JSONResponse:
        part = ROUTES[route]
        try:
            header = request.headers.get("X-Sim-Plan")
            plan = self._standing.take(route) if header is None else read_plan(header)
            if complaint := part.voice.complaint(body):
                return reply(complaint)
            if plan.create_error:
                await asyncio.sleep(plan.slow_answer)
                return _refused(route, plan.create_error)
            answer = await self._made(route, body, plan)
        except PlanError as mistake:
            return reply((400, {"error": str(mistake)}))
        await asyncio.sleep(plan.slow_answer)
        if key is not None and answer[0] == 200:
            self._answered[key] = (route, body), answer
        if plan.lose_answer is None:
            return reply(answer)
        self._world.journal.write("answer_lost", source=part.source, route=route, how=plan.lose_answer)
        return LostAnswer(reply(answer), plan.lose_answer)

    async def _made(self, route: Route, body: dict[str, Any], plan: Plan) -> Answer:
        """Make the task, or the batch of tasks, and return what is answered when nothing goes wrong."""
        part = ROUTES[route]
        ordered = part.batching.ordered(body) if part.batching else 1
        if plan.batch_failed >= ordered:
            raise PlanError(f"plan.batch_failed: {ordered} ordered, and one at least must be made")
        tasks = [cast_task(route, body, plan) for _ in range(ordered - plan.batch_failed)]
        for task in tasks:
            self._begin(task)
        if part.batching and ordered > 1:
            return 200, part.batching.created_batch(tasks, plan.batch_failed)
        [task] = tasks
        if part.waiting is None or not part.waiting.waits(body):
            return 200, part.voice.created(task)
        await task.ended.wait()
        return part.waiting.waited(task, self._world.sign(task.reels))

    def _begin(self, task: Task) -> None:
        self._world.tasks[task.id] = task
        self._world.journal.write("task", task_id=task.id, source=task.source, route=task.route)
        self._director.begin(task)


def _refused(route: Route, refusal: Refusal) -> JSONResponse:
    voice = ROUTES[route].voice
    known = {"429": voice.busy(429), "503": voice.busy(503), **voice.refusals()}
    if refusal.code not in known:
        raise PlanError(f"plan.create_error: this route knows {', '.join(known)}")
    status, body = known[refusal.code]
    return reply((refusal.status or status, body), retry_after=refusal.retry_after)
