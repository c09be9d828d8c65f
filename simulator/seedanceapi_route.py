"""
Speak as seedanceapi.org's v2 does in seed 001_7afcf58364257041: `{code, message, data}`, code 200 is good.

The seed shows the create answer and a finished poll; these follow it field by field. The seed names no field for
the callback URL; v1's docs call it `callback_url`. UNKNOWN, and chosen here as the least that can be said: the whole
callback (played in two readings, the status answer or its bare `data`; no signature), `response` of a task without
result (three readings), the JSON of an error (the table's word as `code`, and `message`), a rate limit (none), the
codes for what the table of errors does not name (INVALID_ and the field), and whether an unnamed field is refused (no).
Not played: that the callback URL may not be of localhost, where all of this runs.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from simulator.journal import iso_seconds
from simulator.rules import URL, Rule, among, offending, some, text, whole
from simulator.world import Answer, Offer, State, Task

SHAPES: Final = ("envelope", "bare")
EMPTY: Final = ("absent", "null", "list")
_STATUS: Final[Mapping[State, str]] = {"generating": "IN_PROGRESS", "success": "SUCCESS", "fail": "FAILED"}
_DEFAULTS: Final = {"aspect_ratio": "16:9", "duration": 5}
_MINI: Final = "seedance-2-mini"
_CREDITS_PER_SECOND: Final = {"seedance-2.0": 48, "seedance-2.0-fast": 32}
_MINI_CREDITS_PER_SECOND: Final = {(480, False): 14.25, (480, True): 9, (720, False): 30.75, (720, True): 18.75}
_MANY: Final = 1_000  # where no bound is documented
# In this order; the first that is offended answers.
_ALL: Final[Mapping[str, Rule]] = {
    "prompt": text(1, 2000),
    "model": among(*_CREDITS_PER_SECOND, _MINI),
    "resolution": among("480p", "720p", "1080p"),
    "images": some(URL, 1, 4),
    "reference_video_urls": some(URL, 0, _MANY),
    "callback_url": URL,
}
_RATIOS: Final = ("16:9", "9:16", "4:3", "3:4")
_OTHERS: Final[Mapping[str, Rule]] = {"aspect_ratio": among(*_RATIOS), "duration": among(5, 10, 15)}
_OF_MINI: Final[Mapping[str, Rule]] = {
    "aspect_ratio": among(*_RATIOS, "1:1", "21:9", "adaptive"),
    "duration": whole(4, 15),
}
_MESSAGES: Final[Mapping[str, str]] = {
    "prompt": "Prompt missing or invalid",
    "aspect_ratio": "Unsupported aspect_ratio for the selected model",
    "duration": "duration must be 5, 10, or 15 for 2.0 / Fast, or 4-15 for Mini",
}


def unauthorised() -> Answer:
    """Refuse a wrong key."""
    return _refusal(401, "INVALID_API_KEY", "API key missing or invalid")


def busy(status: int) -> Answer:
    """Refuse for now. UNKNOWN: neither answer is documented."""
    return _refusal(status, "TOO_MANY_REQUESTS" if status == 429 else "SERVICE_UNAVAILABLE", "Try again later")


def not_found(_task: Task | None) -> Answer:
    """Answer for a task of nobody."""
    return _refusal(404, "TASK_NOT_FOUND", "Task not found")


def refusals() -> Mapping[str, Answer]:
    """The errors of the seed's table that a create request may meet."""
    return {
        "INVALID_PROMPT": _invalid("prompt"),
        "INVALID_ASPECT_RATIO": _invalid("aspect_ratio"),
        "INVALID_DURATION": _invalid("duration"),
        "TOO_MANY_IMAGES": _TOO_MANY_IMAGES,
        "INVALID_API_KEY": unauthorised(),
        "INSUFFICIENT_CREDITS": _refusal(402, "INSUFFICIENT_CREDITS", "Not enough credits"),
        "INTERNAL_ERROR": _refusal(500, "INTERNAL_ERROR", "Server error"),
    }


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves, by the seed's tables of parameters and codes."""
    rules = {**_ALL, **(_OF_MINI if request.get("model") == _MINI else _OTHERS)}
    wrong = offending(request, rules, {"prompt"})
    images = request.get("images")
    if wrong[:1] == ["images"] and isinstance(images, list) and len(images) > 4:
        return _TOO_MANY_IMAGES
    return _invalid(wrong[0]) if wrong else None


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
    """The seed's price tables. Mini's 1080p is billed as 720p."""
    model, seconds = task.request.get("model", "seedance-2.0"), int(task.request.get("duration", 5))
    if model != _MINI:
        return _CREDITS_PER_SECOND[model] * seconds
    lines = 480 if task.request.get("resolution") == "480p" else 720
    return math.ceil(_MINI_CREDITS_PER_SECOND[lines, bool(task.request.get("reference_video_urls"))] * seconds)


def _invalid(name: str) -> Answer:
    return _refusal(400, f"INVALID_{name.upper()}", _MESSAGES.get(name, f"{name} invalid"))


def _envelope(data: dict[str, Any]) -> dict[str, Any]:
    return {"code": 200, "message": "success", "data": data}


def _refusal(status: int, code: str, message: str) -> Answer:
    return status, {"code": code, "message": message}


_TOO_MANY_IMAGES: Final = _refusal(400, "TOO_MANY_IMAGES", "Too many images (max 4)")
