"""
Speak as KIE.ai's `/api/v1/seedance/*` does in seed 000_431750834672cbef: `{code, message, data}`, 0 is good.

The seed shows the create answer, a finished poll and a success callback; these follow it field by field.
UNKNOWN there, and chosen here as the least that can be said: the poll while generating, anything about a
failed task, the HTTP status and `data` of every error, and whether progress is ever called back.
"""

from collections.abc import Mapping
from typing import Any, Final

from simulator.journal import iso_seconds
from simulator.world import Answer, Offer, State, Task

_STATUS: Final[Mapping[State, int]] = {"generating": 0, "success": 1, "fail": 2}
_DURATION, _RESOLUTION = 10, "1080p"  # of the seed's samples; the true defaults are UNKNOWN
# The table of codes is the seed's; the HTTP status is UNKNOWN.
_INVALID_PROMPT: Final[Answer] = (400, {"code": 1001, "message": "Invalid prompt"})
_INVALID_PARAMETERS: Final[Answer] = (400, {"code": 1004, "message": "Invalid parameters"})


def unauthorised() -> Answer:
    """Refuse a wrong key. UNKNOWN: status, code and wording."""
    return 401, {"code": 401, "message": "Unauthorized"}


def busy(status: int) -> Answer:
    """Refuse one request too many by the seed's code 1005; UNKNOWN: what a 503 says."""
    if status == 429:
        return 429, {"code": 1005, "message": "Rate limit exceeded"}
    return status, {"code": status, "message": "Service unavailable"}


def not_found(_task: Task | None) -> Answer:
    """Answer for a task of another route or of nobody. UNKNOWN: status, code and wording."""
    return 404, {"code": 404, "message": "Task not found"}


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves, by the seed's table of codes."""
    prompt = request.get("prompt")
    if not isinstance(prompt, str) or not 0 < len(prompt) <= 1000:
        return _INVALID_PROMPT
    valid = (
        request.get("duration", _DURATION) in (6, 8, 10),
        request.get("resolution", _RESOLUTION) in ("720p", "1080p"),
        isinstance(request.get("callBackUrl", ""), str),
    )
    return None if all(valid) else _INVALID_PARAMETERS


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
