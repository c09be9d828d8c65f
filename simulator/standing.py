"""Keep plans for create requests that bring none: a program under test knows nothing of `X-Sim-Plan`."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from simulator.plan import Plan, read_plan
from simulator.routes import ROUTES
from simulator.rules import OBJECT, Rule, among, checked, or_none, whole
from simulator.world import Route

_RULES: Final[Mapping[str, Rule]] = {
    "route": among(*ROUTES),
    "plan": OBJECT,
    "times": or_none(whole(1, 100_000)),
}


class Standing:
    """Of each route: plans for so many requests to come, in their order, and one for all after those."""

    def __init__(self) -> None:
        self._next: dict[Route, deque[Plan]] = {}
        self._always: dict[Route, Plan] = {}

    def put(self, given: Any) -> None:
        """Take `{route, plan, times}`, or raise `PlanError`. `times` null: for ever, in place of the one before."""
        order = checked("plans", given, _RULES, {"route", "plan"})
        plan, times = read_plan(order["plan"]), order.get("times")
        if times is None:
            self._always[order["route"]] = plan
        else:
            self._next.setdefault(order["route"], deque()).extend([plan] * times)

    def take(self, route: Route) -> Plan:
        """Return the plan of the next request."""
        waiting = self._next.get(route)
        return waiting.popleft() if waiting else self._always.get(route, Plan())
