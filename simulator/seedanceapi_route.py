"""
Speak as seedanceapi.org's v2 does in seed 001_7afcf58364257041: `{code, message, data}`, code 200 is good.

The seed shows the create answer and a finished poll; these follow it field by field. The seed names no field for
the callback URL; v1's docs call it `callback_url`. UNKNOWN, and chosen here as the least that can be said: the whole
callback (played in two readings, the status answer or its bare `data`; no signature), `response` of a task without
result (three readings), the JSON of an error (the table's word as `code`, and `message`), and a rate limit (none).
"""

from collections.abc import Mapping
from typing import Any, Final

from simulator.journal import iso_seconds
from simulator.world import Answer, Offer, State, Task

SHAPES: Final = ("envelope", "bare")
EMPTY: Final = ("absent", "null", "list")
_STATUS: Final[Mapping[State, str]] = {"generating": "IN_PROGRESS", "success": "SUCCESS", "fail": "FAILED"}
_CREDITS_PER_SECOND: Final = 48
_DEFAULTS: Final = {"aspect_ratio": "16:9", "duration": 5}
_RATIOS: Final = {"16:9", "9:16", "4:3", "3:4", "1:1", "21:9", "adaptive"}


def unauthorised() -> Answer:
    """Refuse a wrong key."""
    return _refusal(401, "INVALID_API_KEY", "API key missing or invalid")


def busy(status: int) -> Answer:
    """Refuse for now. UNKNOWN: neither answer is documented."""
    return _refusal(status, "TOO_MANY_REQUESTS" if status == 429 else "SERVICE_UNAVAILABLE", "Try again later")


def not_found(_task: Task | None) -> Answer:
    """Answer for a task of nobody."""
    return _refusal(404, "TASK_NOT_FOUND", "Task not found")


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves, by the seed's table of codes."""
    prompt = request.get("prompt")
    if not isinstance(prompt, str) or not 0 < len(prompt) <= 2000:
        return _refusal(400, "INVALID_PROMPT", "Prompt missing or invalid")
    if request.get("aspect_ratio", "16:9") not in _RATIOS:
        return _refusal(400, "INVALID_ASPECT_RATIO", "Unsupported aspect_ratio for the selected model")
    if request.get("duration", 5) not in range(4, 16):
        return _refusal(400, "INVALID_DURATION", "duration must be 5, 10, or 15 for 2.0 / Fast, or 4-15 for Mini")
    if not isinstance(request.get("callback_url", ""), str):
        return _refusal(400, "INVALID_CALLBACK_URL", "callback_url is not a URL")
    return None


def created(task: Task) -> dict[str, Any]:
    """Answer a create request."""
    return _envelope({"task_id": task.id, "status": "IN_PROGRESS", "consumed_credits": _credits(task)})


def polled(task: Task, offer: Offer) -> dict[str, Any]:
    """Answer a status request."""
    return _envelope(_data(task, task.state, offer))


def called_back(task: Task, state: State, offer: Offer) -> dict[str, Any]:
    """Return the body of a callback that claims *state*."""
    data = _data(task, state, offer)
    return data if task.chosen["shape"] == "bare" else _envelope(data)


def _data(task: Task, state: State, offer: Offer) -> dict[str, Any]:
    echo = {key: task.request.get(key, _DEFAULTS.get(key)) for key in ("prompt", "aspect_ratio", "duration")}
    nothing: dict[str, dict[str, Any]] = {"absent": {}, "null": {"response": None}, "list": {"response": []}}
    given = {"response": list(offer.results)} if state == "success" else nothing[str(task.chosen["empty_as"])]
    return {
        "task_id": task.id,
        "status": _STATUS[state],
        "consumed_credits": _credits(task),
        "created_at": iso_seconds(task.created_at),
        "request": echo,
        **given,
        "error_message": "The simulator was told to fail this task." if state == "fail" else None,
    }


def _credits(task: Task) -> int:
    return _CREDITS_PER_SECOND * int(task.request.get("duration", 5))


def _envelope(data: dict[str, Any]) -> dict[str, Any]:
    return {"code": 200, "message": "success", "data": data}


def _refusal(status: int, code: str, message: str) -> Answer:
    return status, {"code": code, "message": message}
