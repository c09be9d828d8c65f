"""
Speak as zcbservice.aizfw.cn's kyyAiPower does: bare objects, `error` a string.

The create answer is of seed 003_000ae21645a6f43b, the poll of
https://docs.globalaiopc.com/en/api-reference/video/seedance-query (read 2026-11), which newer pages have under another
prefix. UNKNOWN, and chosen here as the least that can be said: every answer but those to a request that goes well
(here the status and `{"error": text}`), when a task leaves the queue (plan `queued_for`; else at once), and `error` of
a cancelled task (null). No callback is documented.
"""

from collections.abc import Mapping
from typing import Any, Final

from simulator.world import Answer, Offer, State, Task

_STATUS: Final[Mapping[State, str]] = {
    "queued": "queued",
    "generating": "processing",
    "success": "completed",
    "fail": "failed",
    "cancelled": "cancelled",
}


def unauthorised() -> Answer:
    """Refuse a wrong key."""
    return 401, {"error": "invalid API key"}


def busy(status: int) -> Answer:
    """Refuse for now."""
    return status, {"error": "too many requests" if status == 429 else "service unavailable"}


def not_found(_task: Task | None) -> Answer:
    """Answer for a task of nobody."""
    return 404, {"error": "task not found"}


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves."""
    if not isinstance(request.get("model"), str) or not isinstance(request.get("content"), list):
        return 400, {"error": "model and content are required"}
    return None


def created(task: Task) -> dict[str, Any]:
    """Answer a create request."""
    return _head(task, "queued")


def polled(task: Task, offer: Offer) -> dict[str, Any]:
    """Answer a status request: `actualDuration` and `totalTokens` on success only."""
    head = _head(task, task.state)
    if task.state == "success":
        facts = {"actualDuration": float(task.request.get("duration", 5)), "totalTokens": 108900}
        return head | {"video_url": offer.results[0]} | facts | {"error": None}
    reason = "The simulator was told to fail this task." if task.state == "fail" else None
    return head | {"video_url": None, "error": reason}


def _head(task: Task, state: State) -> dict[str, Any]:
    created_at = int(task.created_at.timestamp())
    model = task.request["model"]
    return {"id": task.id, "object": "video", "created": created_at, "model": model, "status": _STATUS[state]}
