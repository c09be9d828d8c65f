"""
KIE.ai: its callbacks, status routes and fresh links. Pure: bytes in, values out.

Two of its shapes are read here: the flat one of `/api/v1/seedance/*` (not on docs.kie.ai today, treated as legacy)
and the market one of `/api/v1/jobs/*`. Sources: https://docs.kie.ai/common-api/webhook-verification,
https://docs.kie.ai/market/common/get-task-detail, https://docs.kie.ai/common-api/download-url (read 2026-11).
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from archive.documents import Reader, parse
from archive.errors import (
    MalformedDeliveryError,
    NotUnderstoodError,
    ProviderBusyError,
    ProviderRefusedError,
    TaskUnknownError,
    VerificationError,
)
from archive.grammar import check_name, check_url
from archive.model import (
    ApiAnswer,
    ApiRequest,
    Callbacks,
    Delivery,
    Event,
    ExpiryOrigin,
    Link,
    Pace,
    Progress,
    Verdict,
)
from archive.providers import reading, without
from archive.signature import hmac_sha256_base64, is_fresh, matches_any, timestamp

API_BASE = "https://api.kie.ai"
# Seen in documentation and client code; KIE publishes no list. The status API's links are not bound to it.
HOSTS = frozenset(
    {
        "storage.kie.ai",
        "tempfile.aiquickdraw.com",
        "file.aiquickdraw.com",
        "static.aiquickdraw.com",
        "tempfile.redpandaai.co",
    }
)
LINK_LIFE = timedelta(
    minutes=20
)  # "Download TTL" of the seedance page; the market page says 24 h: plan for the shorter
STORAGE_LIFE = timedelta(days=14)
CALLBACKS = Callbacks.SIGNED
PACE = Pace(
    typical=timedelta(seconds=55),  # "~55 secs (fast)"; the standard models take 3-4 minutes
    floor=timedelta(seconds=5),  # "poll status every 5 seconds"
    requests=20,  # documented for new generations; for status requests no limit is, so we take the same
    per=timedelta(seconds=10),
)
GONE_AFTER = timedelta(days=1)
sender_id, batch_request, read_batch = without.sender_id, without.batch_request, without.read_batch
SEEDANCE = "seedance"
MARKET = "market"
ROUTES = (SEEDANCE, MARKET)
_PATHS = {SEEDANCE: "/api/v1/seedance/record-info", MARKET: "/api/v1/jobs/recordInfo"}
_FLAT = {0: Progress.RUNNING, 1: Progress.SUCCEEDED, 2: Progress.FAILED}
_STATES = {
    "waiting": Progress.RUNNING,
    "queuing": Progress.RUNNING,
    "generating": Progress.RUNNING,
    "success": Progress.SUCCEEDED,
    "fail": Progress.FAILED,
}
_BUSY = {408, 429, 433, 455, 500, 502, 503, 504, 505}


def verify(delivery: Delivery, document: Any, keys: Sequence[str], *, now: datetime) -> Verdict:
    """
    Check `X-Webhook-Signature`, base64 HMAC-SHA256 over "<task id>.<X-Webhook-Timestamp>".

    The body is not covered: whoever has seen one callback can send another body under the same signature while the
    window lasts. So the best verdict here is SIGNED_ID.

    Raises:
        VerificationError: `signature_missing`, `timestamp_malformed`, `task_id_missing`, `task_ids_differ`,
            `signature_mismatch`.
    """
    given = delivery.headers.get("x-webhook-signature")
    signed_at = delivery.headers.get("x-webhook-timestamp")
    if not given or not signed_at:
        raise VerificationError("signature_missing")
    instant = timestamp(signed_at)
    task_id = _signed_task_id(document)
    message = f"{task_id}.{signed_at}".encode("utf-8", "surrogatepass")
    if not matches_any(given, [hmac_sha256_base64(key, message) for key in keys]):
        raise VerificationError("signature_mismatch")
    return Verdict.SIGNED_ID if is_fresh(instant, now) else Verdict.STALE


def reply() -> dict[str, Any]:
    """The answer KIE documents: HTTP 200 with code 200 and msg success."""
    return {"code": 200, "msg": "success"}


def normalise(document: Any, *, at: datetime, task_id: str | None = None) -> Event:  # noqa: ARG001
    """Read a callback of either shape; *at* is when it reached us."""
    root = Reader(document)
    if "data" in root:
        data = root.object("data")
        if "state" not in data:
            raise NotUnderstoodError("shape_unknown")
        return _market(data, at)
    return _flat(root, at)


def status_request(route: str, task_id: str) -> ApiRequest:
    return ApiRequest("GET", _PATHS[route], route, params={"taskId": task_id})


def read_status(route: str, answer: ApiAnswer, *, at: datetime) -> Event:
    """Read a record-info answer. HTTP 200 may carry a failure: `code` decides (0 flat, 200 market)."""
    root = _envelope(answer, at)
    data = root.object("data")
    return _flat(data, at) if route == SEEDANCE else _market(data, at)


def fresh_link_request(url: str) -> ApiRequest | None:
    return ApiRequest("POST", "/api/v1/common/download-url", "download-url", json={"url": url})


def read_fresh_link(answer: ApiAnswer, *, at: datetime) -> Link:
    """`data` is the link itself; it lives 20 minutes."""
    url = check_url(_envelope(answer, at).text("data") or "")
    return Link(url, at + timedelta(minutes=20), ExpiryOrigin.STATED)


def sample(task_id: str, url: str, *, key: str | None, now: datetime) -> tuple[dict[str, str], bytes]:
    """A callback of the flat shape, to try by hand."""
    document = {
        "taskId": task_id,
        "status": 1,
        "videoUrl": url,
        "duration": 10,
        "resolution": "1080p",
        "completedAt": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    headers = {"Content-Type": "application/json"}
    if key is not None:
        signed_at = str(int(now.timestamp()))
        headers["X-Webhook-Timestamp"] = signed_at
        headers["X-Webhook-Signature"] = hmac_sha256_base64(key, f"{task_id}.{signed_at}".encode())
    return headers, json.dumps(document).encode()


def _envelope(answer: ApiAnswer, at: datetime) -> Reader:
    """Turn HTTP status and body code into the answer or into one of our errors."""
    if answer.status in _BUSY:
        raise ProviderBusyError(f"http_{answer.status}", reading.retry_after(answer, at=at))
    try:
        root = Reader(parse(answer.body))
    except MalformedDeliveryError:
        if answer.status == 404:
            raise TaskUnknownError("task_not_found") from None
        raise ProviderBusyError("answer_not_json") from None  # a proxy's page, most likely
    code = root.integer("code")
    if (
        answer.status == 404
        or code == 404
        or (code == 422 and "not found" in _message(root))
        or (code == 422 and "is null" in _message(root))
    ):
        raise TaskUnknownError("task_not_found")
    if code in _BUSY or code == 1005:
        raise ProviderBusyError(f"code_{code}", reading.retry_after(answer, at=at))
    if answer.status >= 400 or code not in (0, 200):
        raise ProviderRefusedError(f"code_{code if code is not None else answer.status}")
    return root


def _message(root: Reader) -> str:
    return (root.text("msg") or root.text("message") or "").lower()


def _flat(root: Reader, at: datetime) -> Event:
    status = root.integer("status")
    progress = _FLAT.get(-1 if status is None else status)
    if progress is None:
        raise NotUnderstoodError("status_unknown")
    completed_at = reading.iso(root.text("completedAt"), at=at)
    url = root.text("videoUrl")
    return _event(root.text("taskId"), progress, SEEDANCE, [url] if url else [], completed_at, at)


def _market(data: Reader, at: datetime) -> Event:
    progress = _STATES.get((data.text("state") or "").lower())
    if progress is None:
        raise NotUnderstoodError("state_unknown")
    result = data.embedded("resultJson") if progress is Progress.SUCCEEDED else None
    urls = result.texts("resultUrls") if result else []
    completed_at = reading.unix(data.integer("completeTime"), at=at, per_second=1000)
    reason = data.text("failCode") if progress is Progress.FAILED else None
    return _event(data.text("taskId"), progress, MARKET, urls, completed_at, at, reason)


def _event(
    task_id: str | None,
    progress: Progress,
    route: str,
    urls: Sequence[str],
    completed_at: datetime,
    at: datetime,
    fail_code: str | None = None,
) -> Event:
    name = check_name(task_id, "task_id")
    if progress is Progress.RUNNING:
        return Event(name, progress, route)
    if progress is Progress.FAILED:
        return Event(name, progress, route, reason=reading.fail_slug(fail_code), completed_at=completed_at)
    if not urls:
        raise NotUnderstoodError("no_outputs")
    # A link that was just handed out was signed at the earliest when the task was done, at the latest now.
    outputs = reading.files("video", urls, min(completed_at + LINK_LIFE, at + LINK_LIFE))
    return Event(
        name,
        progress,
        route,
        tuple(outputs),
        completed_at=completed_at,
        storage_expires_at=completed_at + STORAGE_LIFE,
    )


def _signed_task_id(document: Any) -> str:
    """
    The id the signature speaks of: `data.task_id`, `data.taskId` or `taskId`, whichever exists.

    A body that names two different ones is refused, or the signature of one task could vouch for another.
    """
    root = document if isinstance(document, dict) else {}
    nested = root.get("data")
    data = nested if isinstance(nested, dict) else {}
    named = {value for value in (data.get("task_id"), data.get("taskId"), root.get("taskId")) if isinstance(value, str)}
    named.discard("")
    if not named:
        raise VerificationError("task_id_missing")
    if len(named) > 1:
        raise VerificationError("task_ids_differ")
    return named.pop()
