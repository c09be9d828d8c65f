"""Cast a task: settle on what its plan left open, and refuse what its route cannot play. Pure."""

from typing import Any, Final, cast

from simulator.journal import now
from simulator.media import SHELVES, Media
from simulator.plan import Plan
from simulator.routes import ROUTES, Part
from simulator.rules import PlanError
from simulator.world import Route, Task

_CHOICES: Final = ("shape", "poll_shape", "not_found_as", "error_as", "empty_as", "fail_flag")
_NOT_EVERYWHERE: Final = (
    "unseen_for",
    "poll_faults",
    "queued_for",
    "last_frame",
    "originals",
    "missing_task_id",
    "first_link_dead",
)
_DULL: Final = Plan()
_LARGEST: Final = 50_000_000  # bytes of an image or a sound


def cast_task(route: Route, request: dict[str, Any], plan: Plan) -> Task:
    """Return the new task, or raise `PlanError`."""
    part = ROUTES[route]
    media = plan.media or _asked_for(request, part)
    _check(plan, part, media)
    return Task(
        id=part.new_id(),
        source=part.source,
        route=route,
        request=request,
        plan=plan,
        chosen={name: getattr(plan, name) or known[0] for name, known in part.chosen.items()},
        media=media,
        link_life=part.link_life if plan.link_life is None else plan.link_life,
        callback_url=request.get(part.calls.field) or None if part.calls else None,
        created_at=now(),
    )


def _asked_for(request: dict[str, Any], part: Part) -> Media:
    """nano-banana-pro's `output_format`; nobody else has the field."""
    asked = request.get("output_format")
    return cast(Media, asked) if asked in part.media else part.media[0]


def _check(plan: Plan, part: Part, media: Media) -> None:
    if media not in part.media:
        raise PlanError(f"plan.media: this route gives {', '.join(part.media)}")
    if SHELVES[media].kind != "video" and (plan.layout or plan.size > _LARGEST):
        raise PlanError(f"plan: a {media} has no layout, and at most {_LARGEST} bytes")
    if plan.outputs > part.most_outputs:
        raise PlanError(f"plan.outputs: this route has room for {part.most_outputs}")
    for name in _CHOICES:
        known = part.chosen.get(name, ())
        if (choice := getattr(plan, name)) is not None and choice not in known:
            raise PlanError(f"plan.{name}: this route knows {', '.join(map(str, known)) or 'no choice'}")
    for name in _NOT_EVERYWHERE:
        if getattr(plan, name) != getattr(_DULL, name) and name not in part.plays:
            raise PlanError(f"plan.{name}: this route cannot play it")
    if plan.outcome == "cancelled" and "cancelled" not in part.plays:
        raise PlanError("plan.outcome: this route cancels nothing")
    says = {step.say for step in plan.callbacks or ()}
    if says and part.calls is None:
        raise PlanError("plan.callbacks: this provider calls nobody back")
    if "progress" in says and "progress" not in part.plays:
        raise PlanError("plan.callbacks: this route has no word for progress")
    _check_contradictions(plan)


def _check_contradictions(plan: Plan) -> None:
    if plan.missing_task_id and not {step.say for step in plan.steps} & {"fail", "forged_fail", "stolen_fail"}:
        raise PlanError("plan.missing_task_id: no callback tells of failure")
    if plan.originals and plan.shape == "4k":
        raise PlanError("plan.originals: the 4K callback has no room for them")
    if plan.last_frame and plan.shape not in {None, "flat"}:
        raise PlanError("plan.last_frame: this shape has no room for it")
