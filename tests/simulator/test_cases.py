"""The demo's cases are ones that the simulator plays."""

import json
from typing import get_args

from simulator.cases import CASES, Case
from simulator.orders import order, task_id_in
from simulator.routes import ROUTES
from simulator.world import Source
from tests.simulator.helpers import Simulator, eventually


def test_cases__are_played(sim: Simulator) -> None:
    """Each case's order is taken, and the files made for it are as many as must stand in the end."""

    def ordered(case: Case) -> str:
        plan = json.dumps(case.plan | {"size": 60_000})
        body = order(case.route, case.name, "http://127.0.0.1:1/x")
        answer = sim.customer.post(ROUTES[case.route].create, json=body, headers={"X-Sim-Plan": plan})
        assert 200 == answer.status_code, (case, answer.text)
        return task_id_in(answer.json())

    def ended() -> bool:
        tasks = sim.customer.get("/_sim/tasks").json()
        return all(task["ready_at"] for task in tasks if task["task_id"] in by_id)

    by_id = {ordered(case): case for case in CASES}
    eventually(ended, within=30)
    made = [film["task_id"] for film in sim.log("film")]
    assert [] == [case for task_id, case in by_id.items() if case.assets != made.count(task_id)]


def test_cases__cover_everyone() -> None:
    """Every provider is played by poll, every one that calls back also by callback; at least thirty files stand."""
    assert set(get_args(Source)) == {case.source for case in CASES if case.is_registered}
    assert {part.source for part in ROUTES.values() if part.calls} == {case.source for case in CASES if case.calls}
    assert 30 <= sum(case.assets for case in CASES)
    assert 5 >= sum(case.source == "seedance2ai" for case in CASES)
