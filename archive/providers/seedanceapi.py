"""
seedanceapi.org, API v2: its callbacks and its status route. Pure: bytes in, values out.

What a callback holds is documented nowhere: it is read as a status answer or as the bare `data` of one, and believed
only after asking. Source: the provider's page "Seedance 2.0 API Documentation", API v2 (read 2026-11).
"""

import json
from datetime import datetime, timedelta
from typing import Any

from archive.creation import StatusPath
from archive.documents import Reader
from archive.errors import NotUnderstoodError, ProviderRefusedError
from archive.grammar import check_name
from archive.model import ApiAnswer, ApiRequest, Callbacks, Event, Pace, Progress
from archive.providers import reading, seedanceapi_create, without

API_BASE = "https://seedanceapi.org"
HOSTS: frozenset[str] = frozenset()  # the examples show cdn.example.com; that results stand on KIE's hosts is a guess
# Not documented. The price list names KIE as what stands behind it, and 20 minutes are KIE's shortest figure.
LINK_LIFE = timedelta(minutes=20)
CALLBACKS = Callbacks.UNSIGNED  # a webhook URL is taken, a signature is mentioned nowhere
PACE = Pace(
    typical=timedelta(seconds=60),  # not documented; KIE says "~55 secs" of its fast models
    floor=timedelta(seconds=5),  # not documented; public clients ask every 5 to 10 s
    requests=60,  # assumed: no limit is documented
    per=timedelta(seconds=60),
)
GONE_AFTER = timedelta(days=1)  # as with KIE, where a task is unknown right after its creation too
STATUS = "status"
ROUTES = (STATUS,)
_PATH = "/v2/status"
STATUS_PATHS = (StatusPath("GET", _PATH, STATUS),)
verify, sender_id, reply = without.verify, without.sender_id, without.reply
batch_request, read_batch = without.batch_request, without.read_batch
fresh_link_request, read_fresh_link = without.fresh_link_request, without.read_fresh_link
resign = without.resign
PRODUCTS, CREATE_PATHS = seedanceapi_create.PRODUCTS, seedanceapi_create.CREATE_PATHS
read_created = seedanceapi_create.read_created
_STATES = {"in_progress": Progress.RUNNING, "success": Progress.SUCCEEDED, "failed": Progress.FAILED}
# The page lists these beside HTTP statuses without showing the JSON, so `code` may hold either.
_CODES = {"INVALID_API_KEY": 401, "INSUFFICIENT_CREDITS": 402, "TASK_NOT_FOUND": 404, "INTERNAL_ERROR": 500}


def normalise(document: Any, *, at: datetime, task_id: str | None = None) -> Event:
    """Read a callback: the envelope `{code, message, data}` or what stands in its `data`. `code` says nothing here."""
    return _event(_data(Reader(document)), at, task_id)


def status_request(route: str, task_id: str) -> ApiRequest:
    return ApiRequest("GET", _PATH, route, params={"task_id": task_id})


def read_status(route: str, answer: ApiAnswer, *, at: datetime) -> Event:  # noqa: ARG001 (there is one)
    """Read a status answer. HTTP's status decides; under HTTP 200 a `code` other than 200 is that error."""
    root = reading.document(answer, at=at)
    word = root.raw("code")
    code = _CODES.get(word) if isinstance(word, str) else root.integer("code")
    if code is None and word is not None:
        raise NotUnderstoodError("code_unknown")
    if code not in (None, 200):
        reading.check_code(code, answer, at=at)
        raise ProviderRefusedError("code_unknown")
    return _event(_data(root), at)


def sample(task_id: str, url: str, *, key: str | None, now: datetime) -> tuple[dict[str, str], bytes]:  # noqa: ARG001
    """A callback in the form of the status answer, to try by hand."""
    data = {
        "task_id": task_id,
        "status": "SUCCESS",
        "created_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "response": [url],
        "error_message": None,
    }
    document = {"code": 200, "message": "success", "data": data}
    return {"Content-Type": "application/json"}, json.dumps(document).encode()


def _data(root: Reader) -> Reader:
    return root.object("data") if "data" in root else root


def _event(data: Reader, at: datetime, task_id: str | None = None) -> Event:
    """
    `response` is looked at only after success: before it may be a list, null or absent. `error_message` never is.

    There is no instant of completion (`created_at` is the task's), so none is claimed, and links are taken to die one
    link life after *at*, when we saw them. Counted from `created_at`, a long generation would be given up before its
    first try; too late a date costs a few vain tries.
    """
    name = check_name(data.text("task_id") or task_id, "task_id")
    progress, reason = reading.stated(data.text("status"), _STATES)
    cost = reading.paid(data.raw("consumed_credits"))
    if progress is Progress.RUNNING:
        return Event(name, progress, STATUS, reason=reason, credits=cost)
    if progress is Progress.FAILED:
        return Event(name, progress, STATUS, reason="provider_failed", credits=cost)
    urls = data.texts("response")
    if not urls:
        raise NotUnderstoodError("no_outputs")
    # "An array of video URLs": the page says what they are, so their extensions are not asked.
    return Event(name, progress, STATUS, tuple(reading.files("video", urls, at + LINK_LIFE)), credits=cost)
