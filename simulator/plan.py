"""
Read what a task is to go through: the plan, a JSON object in the `X-Sim-Plan` header of a create request.

Plans are the simulator's own and no provider's. A field it does not know is refused and not passed over: a
misspelt fault that never happens would be a test that proves nothing. What a route cannot play is refused
likewise, by `simulator.stagecraft`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from simulator.media import Layout, Media
from simulator.rules import FLAG, OBJECT, SECONDS, STEPS, WORD, PlanError, Rule, checked, one_of, or_none, whole

Outcome = Literal["success", "fail", "cancelled"]
Corrupt = Literal["none", "truncated", "html"]
Lost = Literal["before", "middle"]
Say = Literal["success", "progress", "fail", "forged_fail", "stolen_fail", "swapped_url", "forged_task"]


@dataclass(frozen=True)
class Step:
    """One thing said to the callback URL."""

    say: Say
    after: float = 0.0  # seconds after the task is ready
    times: int = 1  # copies, byte for byte, sent at once


@dataclass(frozen=True)
class Fault:
    """What polls are answered instead of the truth, before any other answer."""

    status: Literal[429, 503]
    times: int = 1  # polls that hear it
    retry_after: int | None = None  # seconds, as the Retry-After header says; None: no such header


@dataclass(frozen=True)
class Refusal:
    """What a create request is answered in place of the task, which is not made."""

    code: str  # of the provider's table; 429 and 503 are known everywhere
    status: int | None = None  # HTTP; None: the route's, which for many is UNKNOWN
    retry_after: int | None = None  # seconds, as the Retry-After header says; None: no such header


@dataclass(frozen=True)
class Plan:
    """What one task is to go through. The defaults are a day on which nothing goes wrong."""

    # the answer to the create request
    create_error: Refusal | None = None
    slow_answer: float = 0.0  # seconds between the making of the task and the answer
    lose_answer: Lost | None = None  # the connection is cut before, or in the middle of, the answer; the task is made
    batch_failed: int = 0  # tasks of a batch that are not made
    # what is made
    media: Media | None = None  # of the results; None: what the request or the route has
    layout: Layout | None = None  # of MP4 films; None: moov_first
    size: int = 1_000_000  # bytes of each result, about
    outcome: Outcome = "success"
    outputs: int = 1  # results
    last_frame: bool = False
    originals: bool = False  # Veo: to each result a second film, in `originUrls`
    # how it is said; None: the first of what the route knows (`simulator.routes`)
    shape: str | None = None  # of callbacks
    poll_shape: str | None = None
    not_found_as: str | None = None  # while polls do not find this task; of ids of nobody: always the first
    error_as: str | None = None  # a failed task's error
    empty_as: str | None = None  # a result that is not there yet, or never will be
    fail_flag: int | None = None  # Veo: successFlag of a failed task
    missing_task_id: bool = False  # AceData: failure callbacks without one
    # when
    unseen_for: float = 0.0  # seconds after creation in which polls do not find the task
    queued_for: float = 0.0  # seconds after creation in which polls say that it waits
    ready_after: float = 1.0  # seconds of generating; never less than the encoder needs
    poll_faults: tuple[Fault, ...] = ()  # in this order, one poll after the other
    # the files
    link_life: float | None = None  # seconds; None: the route's
    first_link_dead: bool = False  # seedance2ai: `url` is born dead, `provider_url` lives
    storage_life: float = 14 * 86_400.0  # seconds from ready until the file is gone; KIE: 14 days, others UNKNOWN
    rate: int = 0  # bytes a second of each response of the file host; 0: as fast as it can
    link_dies_after_gets: int | None = None  # the next GET, and every link handed out before it, answers 403
    corrupt: Corrupt = "none"
    # the callbacks
    callbacks: tuple[Step, ...] | None = None  # None: one, at once, telling the outcome; empty: none

    @property
    def steps(self) -> tuple[Step, ...]:
        """The callbacks to play, the default filled in."""
        if self.callbacks is None:
            return (Step("success" if self.outcome == "success" else "fail"),)
        return self.callbacks


def read_plan(source: str | dict[str, Any]) -> Plan:
    """Read a plan from its JSON, parsed or not, or raise `PlanError`."""
    try:
        given = json.loads(source) if isinstance(source, str) else dict(source)
    except ValueError as error:
        raise PlanError(f"plan is not JSON: {error}") from error
    fields = checked("plan", given, _PLAN_RULES)
    if (steps := fields.get("callbacks")) is not None:
        fields["callbacks"] = tuple(Step(**checked("callbacks", step, _STEP_RULES, {"say"})) for step in steps)
    faults = fields.get("poll_faults", [])
    fields["poll_faults"] = tuple(Fault(**checked("poll_faults", fault, _FAULT_RULES, {"status"})) for fault in faults)
    if (refusal := fields.get("create_error")) is not None:
        fields["create_error"] = Refusal(**checked("create_error", refusal, _REFUSAL_RULES, {"code"}))
    plan = Plan(**fields)
    if plan.outcome != "success" and any(step.say == "success" for step in plan.steps):
        raise PlanError("callbacks: a task that fails has no film to say success with")
    return plan


_STEP_RULES: Final[Mapping[str, Rule]] = {
    "say": one_of(Say),
    "after": SECONDS,
    "times": whole(1, 1_000),
}
_FAULT_RULES: Final[Mapping[str, Rule]] = {
    "status": one_of(Literal[429, 503]),
    "times": whole(1, 1_000),
    "retry_after": or_none(whole(0, 86_400)),
}
_REFUSAL_RULES: Final[Mapping[str, Rule]] = {
    "code": WORD,
    "status": or_none(whole(200, 599)),
    "retry_after": or_none(whole(0, 86_400)),
}
_PLAN_RULES: Final[Mapping[str, Rule]] = {
    "create_error": or_none(OBJECT),
    "slow_answer": SECONDS,
    "lose_answer": or_none(one_of(Lost)),
    "batch_failed": whole(0, 3),
    "media": or_none(one_of(Media)),
    "layout": or_none(one_of(Layout)),
    "size": whole(50_000, 2_000_000_000),
    "outcome": one_of(Outcome),
    "outputs": whole(1, 100),
    "last_frame": FLAG,
    "originals": FLAG,
    "shape": or_none(WORD),
    "poll_shape": or_none(WORD),
    "not_found_as": or_none(WORD),
    "error_as": or_none(WORD),
    "empty_as": or_none(WORD),
    "fail_flag": or_none(whole(2, 3)),
    "missing_task_id": FLAG,
    "unseen_for": SECONDS,
    "queued_for": SECONDS,
    "ready_after": SECONDS,
    "poll_faults": STEPS,
    "link_life": or_none(SECONDS),
    "first_link_dead": FLAG,
    "storage_life": SECONDS,
    "rate": whole(0, 10**10),
    "link_dies_after_gets": or_none(whole(0, 10**6)),
    "corrupt": one_of(Corrupt),
    "callbacks": or_none(STEPS),
}
