"""
The envelope that KIE.ai's documented routes share: `{code, msg, data}`, where code 200 is good.

The codes are documented (https://docs.kie.ai/market/common/get-task-detail and the market pages, read 2026-11); the
HTTP statuses that go with them, all wording, and anything like a 503 are UNKNOWN.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from simulator.rules import URL, WORD, offending
from simulator.world import Answer, Task

_CODES: Final[Mapping[int, str]] = {
    400: "Bad request",
    401: "You do not have access permissions",
    402: "Insufficient credits",
    408: "Upstream timeout",
    422: "Parameters invalid",
    433: "Request limit exceeded",
    455: "Service under maintenance",
    500: "Server error",
    501: "Generation failed",
    505: "Feature disabled",
}


def good(data: dict[str, Any]) -> dict[str, Any]:
    """Wrap what went well."""
    return {"code": 200, "msg": "success", "data": data}


def refusal(code: int, reason: str) -> Answer:
    """Refuse under HTTP 200, as the docs say that failures may come too."""
    return 200, {"code": code, "msg": reason, "data": None}


def unauthorised() -> Answer:
    """Refuse a wrong key."""
    return 401, {"code": 401, "msg": "You do not have access permissions"}


def busy(status: int) -> Answer:
    """Refuse one request too many, or any at all for now."""
    wording = {429: "Too many requests", 503: "Service unavailable"}[status]
    return status, {"code": status, "msg": wording, "data": None}


def not_found(_task: Task | None) -> Answer:
    """Answer for a task of another route or of nobody, where that is UNKNOWN: the market route's answer."""
    return refusal(422, "recordInfo is null")


def refusals() -> Mapping[str, Answer]:
    """Every documented code but 429, each under HTTP 200."""
    return {str(code): refusal(code, wording) for code, wording in _CODES.items()}


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves where what a route demands is UNKNOWN: next to none."""
    wrong = offending(request, {"prompt": WORD, "callBackUrl": URL}, {"prompt"})
    return refusal(422, "prompt is a text, callBackUrl a URL") if wrong else None


def created(task: Task) -> dict[str, Any]:
    """Answer a create request."""
    return good({"taskId": task.id})


def compact(value: object) -> str:
    """Write JSON as KIE's strings hold it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def milliseconds(at: datetime) -> int:
    """Return Unix milliseconds."""
    return round(at.timestamp() * 1000)
