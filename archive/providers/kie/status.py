"""
KIE's status routes and its call for fresh links. Pure.

Sources: https://docs.kie.ai/market/common/get-task-detail, https://docs.kie.ai/runway-api/get-ai-video-details,
https://docs.kie.ai/veo3-api/get-veo-3-video-details, https://docs.kie.ai/common-api/download-url (read 2026-11). An
answer has a code of its own, and HTTP 200 may carry any of them.
"""

from datetime import datetime, timedelta
from typing import Any

from archive.creation import StatusPath
from archive.documents import parse
from archive.errors import (
    MalformedDeliveryError,
    NotUnderstoodError,
    ProviderBusyError,
    ProviderRefusedError,
    TaskUnknownError,
)
from archive.grammar import check_url
from archive.model import ApiAnswer, ApiRequest, Event, ExpiryOrigin, Link, Progress
from archive.providers import reading
from archive.providers.kie import shapes
from archive.providers.kie.fields import record, text, word
from archive.providers.kie.shapes import MARKET, RUNWAY, SEEDANCE, VEO

ROUTES = (SEEDANCE, MARKET, VEO, RUNWAY)
_PATHS = {
    SEEDANCE: "/api/v1/seedance/record-info",
    MARKET: "/api/v1/jobs/recordInfo",
    VEO: "/api/v1/veo/record-info",
    RUNWAY: "/api/v1/runway/record-detail",
}
_FRESH_LINK = "/api/v1/common/download-url"
STATUS_PATHS = (
    *(StatusPath("GET", path, route) for route, path in _PATHS.items()),
    StatusPath("POST", _FRESH_LINK, None),
    StatusPath("GET", "/api/v1/veo/get-1080p-video", None),
)
GOOD = {"", "0", "200"}  # 0 is the seedance route's
# 408: the upstream is silent; 455: maintenance; 505: switched off for now; 1005: the seedance route's own 429.
BUSY = {"408", "425", "429", "433", "455", "500", "502", "503", "504", "505", "1005"}
# Codes 422 say in words what they mean. The last one: records are kept for 14 days.
_NO_SUCH_TASK = ("is null", "not found", "within 14 days")


def status_request(route: str, task_id: str) -> ApiRequest:
    """Every route takes the id as `taskId`."""
    return ApiRequest("GET", _PATHS[route], route, params={"taskId": task_id})


def read_status(route: str, answer: ApiAnswer, *, at: datetime) -> Event:
    """
    Read the answer of *route*.

    A failure that the task's own record states is one under whatever code it comes. So is code 501, "content generation
    task failed", about a task that the answer names; one that names none is ProviderRefusedError, and no task fails.
    """
    root = _opened(answer, at=at)
    data = record(root.get("data"))
    told = shapes.stated(route, data)
    if told is Progress.FAILED:
        return shapes.READERS[route](data, at=at)
    code = word(root.get("code"))
    if code == "501" and told is None and text(data.get("taskId")):
        return shapes.tell(
            route, data["taskId"], Progress.FAILED, list, at=at, fail_code=code, cost=shapes.credits_of(data)
        )
    _check(root, answer, at=at)
    if not data:
        raise NotUnderstoodError("not_an_object")
    if shapes.STATES[route][0] not in data:
        raise NotUnderstoodError("state_missing")
    return shapes.READERS[route](data, at=at)


def fresh_link_request(url: str) -> ApiRequest | None:
    """KIE signs a link of its own anew."""
    return ApiRequest("POST", _FRESH_LINK, "download-url", json={"url": url})


def read_fresh_link(answer: ApiAnswer, *, at: datetime) -> Link:
    """`data` is the link itself; it lives 20 minutes."""
    root = _opened(answer, at=at)
    _check(root, answer, at=at)
    return Link(check_url(text(root.get("data"))), at + timedelta(minutes=20), ExpiryOrigin.STATED)


def _opened(answer: ApiAnswer, *, at: datetime) -> dict[str, Any]:
    """The answer's object. What has none is judged by its HTTP status; below 400 it is a proxy's page, most likely."""
    if answer.status != 500 and str(answer.status) in BUSY:  # 500 may be a code's: documented for all of them
        raise ProviderBusyError(f"http_{answer.status}", reading.retry_after(answer, at=at))
    try:
        root = parse(answer.body)
    except MalformedDeliveryError:
        reading.check_http(answer, at=at)
        raise ProviderBusyError("answer_not_json") from None
    if not isinstance(root, dict):
        reading.check_http(answer, at=at)
        raise NotUnderstoodError("not_an_object")
    return root


def _check(root: dict[str, Any], answer: ApiAnswer, *, at: datetime) -> None:
    """Raise what the code says; where it says nothing, what the HTTP status says."""
    code = word(root.get("code"))
    message = (text(root.get("msg")) or text(root.get("message"))).lower()
    if code == "404" or (code == "422" and any(words in message for words in _NO_SUCH_TASK)):
        raise TaskUnknownError("task_not_found")
    if code in BUSY:
        raise ProviderBusyError(f"code_{code}", reading.retry_after(answer, at=at))
    if code == "422" and message.startswith("record "):  # "record status is not success", "record result data is blank"
        raise ProviderBusyError("record_not_ready", reading.retry_after(answer, at=at))
    if code not in GOOD and answer.status != 404:
        raise ProviderRefusedError(f"code_{code}" if code.isdecimal() and code.isascii() else "code_unknown")
    reading.check_http(answer, at=at)
    if answer.status >= 300:
        raise ProviderRefusedError(f"http_{answer.status}")
