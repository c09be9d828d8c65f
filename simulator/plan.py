"""
Read what a task is to go through: the plan, a JSON object in the `X-Sim-Plan` header of a create request.

Plans are the simulator's own and no provider's. A field it does not know is refused and not passed over: a
misspelt fault that never happens would be a test that proves nothing.
"""

import json
import math
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from simulator.films import Layout

Outcome = Literal["success", "fail"]
Corrupt = Literal["none", "truncated", "html"]
Say = Literal["success", "progress", "fail", "forged_fail", "stolen_fail", "swapped_url"]


class PlanError(ValueError):
    """The plan cannot be played; the message says which field and why."""


@dataclass(frozen=True)
class Step:
    """One thing said to the callback URL."""

    say: Say
    after: float = 0.0  # seconds after the task is ready
    times: int = 1  # copies, byte for byte, sent at once


@dataclass(frozen=True)
class Plan:
    """What one task is to go through. The defaults are a day on which nothing goes wrong."""

    layout: Layout = "moov_first"
    size: int = 1_000_000  # bytes of each film, about
    outcome: Outcome = "success"
    outputs: int = 1  # result files; more than one on the market route only
    unseen_for: float = 0.0  # seconds after creation in which polls do not find the task
    ready_after: float = 1.0  # seconds of generating; never less than the encoder needs
    link_life: float | None = None  # seconds; None: the route's documented life
    storage_life: float = 14 * 86_400.0  # seconds from ready until the film is gone; seed and docs: 14 days
    rate: int = 0  # bytes a second of each response of the file host; 0: as fast as it can
    link_dies_after_gets: int | None = None  # the next GET, and every link handed out before it, answers 403
    corrupt: Corrupt = "none"
    callbacks: tuple[Step, ...] | None = None  # None: one, at once, telling the outcome; empty: none

    @property
    def steps(self) -> tuple[Step, ...]:
        """The callbacks to play, the default filled in."""
        return (Step(self.outcome),) if self.callbacks is None else self.callbacks


def read_plan(text: str) -> Plan:
    """Parse a plan, or raise `PlanError`."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise PlanError(f"plan is not JSON: {error}") from error
    checked = _checked("plan", given, _PLAN_RULES)
    if (steps := checked.get("callbacks")) is not None:
        checked["callbacks"] = tuple(Step(**_checked("callbacks", step, _STEP_RULES, {"say"})) for step in steps)
    plan = Plan(**checked)
    if plan.outcome == "fail" and any(step.say == "success" for step in plan.steps):
        raise PlanError("callbacks: a task that fails has no film to say success with")
    return plan


Rule = tuple[Callable[[object], bool], str]


def _one_of(literal: object) -> Rule:
    return lambda value: value in get_args(literal), f"one of {', '.join(get_args(literal))}"


def _whole(least: int, most: int) -> Rule:
    return lambda value: type(value) is int and least <= value <= most, f"a whole number, {least} to {most}"


def _or_none(rule: Rule) -> Rule:
    return lambda value: value is None or rule[0](value), f"null or {rule[1]}"


def _is_seconds(value: object) -> bool:
    return type(value) in {int, float} and 0 <= cast(float, value) < math.inf


_SECONDS: Final[Rule] = (_is_seconds, "seconds, not negative")
_STEP_RULES: Final[Mapping[str, Rule]] = {
    "say": _one_of(Say),
    "after": _SECONDS,
    "times": _whole(1, 1_000),
}
_PLAN_RULES: Final[Mapping[str, Rule]] = {
    "layout": _one_of(Layout),
    "size": _whole(50_000, 2_000_000_000),
    "outcome": _one_of(Outcome),
    "outputs": _whole(1, 100),
    "unseen_for": _SECONDS,
    "ready_after": _SECONDS,
    "link_life": _or_none(_SECONDS),
    "storage_life": _SECONDS,
    "rate": _whole(0, 10**10),
    "link_dies_after_gets": _or_none(_whole(0, 10**6)),
    "corrupt": _one_of(Corrupt),
    "callbacks": _or_none((lambda value: isinstance(value, list), "a list of steps")),
}


def _checked(where: str, given: object, rules: Mapping[str, Rule], required: Set[str] = frozenset()) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise PlanError(f"{where}: not a JSON object")
    if unknown := sorted(given.keys() - rules.keys()):
        raise PlanError(f"{where}: unknown field {', '.join(unknown)}; known are {', '.join(rules)}")
    if missing := sorted(required - given.keys()):
        raise PlanError(f"{where}: {', '.join(missing)} is missing")
    for name, value in given.items():
        accepts, wanted = rules[name]
        if not accepts(value):
            raise PlanError(f"{where}.{name}: must be {wanted}")
    return given
