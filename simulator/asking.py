"""Answer those who ask after tasks, and write down each time who was asked after."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from simulator import acedata_route
from simulator.gate import Handler, json_body, reply
from simulator.plan import Fault
from simulator.routes import ROUTES
from simulator.voices import Asked
from simulator.world import Offer, Route, Task, World


class Asking:
    """The counter where tasks are asked after."""

    def __init__(self, world: World) -> None:
        self._world = world

    def at(self, routes: Sequence[Route], query_field: str) -> Handler:
        """Return the handler of a path that knows the tasks of *routes*; the id is in its query, or in the path."""

        async def status(request: Request) -> JSONResponse:
            given = request.query_params if query_field else request.path_params
            return self._one(routes, str(given.get(query_field or "task_id", "")))

        return status

    async def retrieve(self, request: Request) -> JSONResponse:
        """AceData's: one task by `id`, or many by `ids`. UNKNOWN of many: ids of nobody, which are left out here."""
        body = await json_body(request)
        match body:
            case {"action": "retrieve", "id": str(task_id)}:
                return self._one(["ace"], task_id)
            case {"action": "retrieve_batch", "ids": list(ids)}:
                seen, fault = self._find(["ace"], [str(each) for each in ids])
                items = [acedata_route.polled(task, self._offer(task)) for task in seen]
                return reply((200, {"items": items, "count": len(items)})) if fault is None else _faulty("ace", fault)
        return reply(acedata_route.error(400, "bad_request", "action, and id or ids, are required."))

    def _one(self, routes: Sequence[Route], task_id: str) -> JSONResponse:
        seen, fault = self._find(routes, [task_id])
        if fault is not None:
            return _faulty(routes[0], fault)
        if seen:
            voice = _voice(seen[0].route)
            return reply((200, voice.polled(seen[0], self._offer(seen[0]))))
        task = self._world.tasks.get(task_id)
        return reply(_voice(routes[0]).not_found(task if task and task.route in routes else None))

    def _find(self, routes: Sequence[Route], task_ids: list[str]) -> tuple[list[Task], Fault | None]:
        """Return the tasks that can be seen, and the fault that is due, each id with a line in the journal."""
        tasks = [self._world.tasks.get(task_id) for task_id in task_ids]
        seen = [task for task in tasks if task and task.route in routes and task.seen]
        faults = [fault for task in seen if (fault := task.next_fault())]
        fault = faults[0] if faults else None
        states = {task.id: task.state for task in seen}
        for task_id in task_ids:
            facts: dict[str, Any] = {
                "task_id": task_id,
                "source": ROUTES[routes[0]].source,
                "route": self._world.tasks[task_id].route if task_id in states else routes[0],
                "state": None if fault else states.get(task_id),
                "fault": fault and fault.status,
            }
            self._world.journal.write("poll", **facts, task_ids=task_ids)
        return seen, fault

    def _offer(self, task: Task) -> Offer:
        return self._world.sign(task.reels) if task.state == "success" else Offer()


def _voice(route: Route) -> Asked:
    polls = ROUTES[route].polls
    if polls is None:
        raise ValueError(f"nobody can ask after a task of {route}")
    return polls.voice


def _faulty(route: Route, fault: Fault) -> JSONResponse:
    return reply(ROUTES[route].voice.busy(fault.status), retry_after=fault.retry_after)
