"""
Speak as KIE.ai's `/api/v1/seedance/*` does in seed 000_431750834672cbef: `{code, message, data}`, 0 is good.

The seed shows the create answer, a finished poll and a success callback; these follow it field by field.
UNKNOWN there, and chosen here as the least that can be said: the poll while generating, anything about a
failed task, the HTTP status and `data` of every error, and whether progress is ever called back. Also UNKNOWN: which
code stands for a model that is given an image it does not take, or none that it needs (here 1004), and whether fields
that the table does not have are refused (here not). Images are not fetched: 1007 is said only when planned.
"""

from collections.abc import Mapping
from typing import Any, Final

from simulator.journal import iso_seconds
from simulator.rules import FLAG, URL, Rule, among, offending, text, whole
from simulator.world import Answer, Offer, State, Task

_STATUS: Final[Mapping[State, int]] = {"generating": 0, "success": 1, "fail": 2}
_DURATION, _RESOLUTION = 10, "1080p"  # of the seed's samples; the true defaults are UNKNOWN
# The table of codes is the seed's; the HTTP status is UNKNOWN.
_ERRORS: Final[Mapping[str, Answer]] = {
    str(code): (status, {"code": code, "message": message})
    for code, status, message in (
        (1001, 400, "Invalid prompt"),
        (1002, 400, "Invalid image"),
        (1003, 402, "Insufficient credits"),
        (1004, 400, "Invalid parameters"),
        (1005, 429, "Rate limit exceeded"),
        (1006, 400, "Content unsafe"),
        (1007, 400, "Image too large"),
    )
}
_PROMPT: Final[Mapping[str, Rule]] = {"prompt": text(1, 1000)}
_IMAGES: Final[Mapping[str, Rule]] = {"imageUrl": URL, "endImage": URL}
_TEXT_ONLY, _IMAGE_ONLY = "seedance-1-0-lite", "seedance-1-0-pro-fast"
_PARAMETERS: Final[Mapping[str, Rule]] = {
    "model": among(_TEXT_ONLY, "seedance-1-0-pro", _IMAGE_ONLY),
    "duration": among(6, 8, 10),
    "resolution": among("720p", "1080p"),
    "aspectRatio": among("16:9", "9:16", "1:1"),
    "seed": whole(-1, 99_999),
    "safetyChecker": FLAG,
    "callBackUrl": URL,
}


def unauthorised() -> Answer:
    """Refuse a wrong key. UNKNOWN: status, code and wording."""
    return 401, {"code": 401, "message": "Unauthorized"}


def busy(status: int) -> Answer:
    """Refuse one request too many by the seed's code 1005; UNKNOWN: what a 503 says."""
    if status == 429:
        return _ERRORS["1005"]
    return status, {"code": status, "message": "Service unavailable"}


def not_found(_task: Task | None) -> Answer:
    """Answer for a task of another route or of nobody. UNKNOWN: status, code and wording."""
    return 404, {"code": 404, "message": "Task not found"}


def refusals() -> Mapping[str, Answer]:
    """Every error of the seed's table."""
    return _ERRORS


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves, by the seed's tables of parameters, models and codes."""
    if offending(request, _PROMPT, {"prompt"}):
        return _ERRORS["1001"]
    if offending(request, _IMAGES):
        return _ERRORS["1002"]
    has_image = "imageUrl" in request
    mismatched = request.get("model") == (_TEXT_ONLY if has_image else _IMAGE_ONLY)
    return _ERRORS["1004"] if mismatched or offending(request, _PARAMETERS) else None


def created(task: Task) -> dict[str, Any]:
    """Answer a create request."""
    return _envelope({"taskId": task.id, "status": 0})


def polled(task: Task, offer: Offer) -> dict[str, Any]:
    """Answer a status request."""
    return _envelope(_record(task, task.state, offer, {"createdAt": iso_seconds(task.created_at)}))


def called_back(task: Task, state: State, offer: Offer) -> dict[str, Any]:
    """Return the flat body of a callback that claims *state*."""
    return _record(task, state, offer, {})


def _record(task: Task, state: State, offer: Offer, extra: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {"taskId": task.id, "status": _STATUS[state]}
    if state == "generating":
        return record
    if state == "success":
        record["videoUrl"] = offer.results[0]
    return record | {
        "duration": task.request.get("duration", _DURATION),
        "resolution": task.request.get("resolution", _RESOLUTION),
        **extra,
        "completedAt": iso_seconds(task.changed_at),
    }


def _envelope(data: dict[str, Any]) -> dict[str, Any]:
    return {"code": 0, "message": "success", "data": data}
