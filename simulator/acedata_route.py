"""
Speak as AceData Cloud's `/seedance/*` does: `{success, task_id, trace_id, data}`, or `error` in place of `data`.

Request fields are of seed 004_c235bfca3c38acf0; the rest of the provider's docs repository AceDataCloud/Docs (read
2026-11): callbacks in three shapes of `data`, polls as a record whose `response` is what a callback says, or in an
older guide as the callback itself. Two ids: `task_id` is AceData's, `data.task_id` or `data.id` Ark's. Times of a
record are seconds as floats. UNKNOWN, and chosen here as the least that can be said: `response` of a running task
(absent, with all that is not required), the HTTP status of errors, links in Ark's shape to a last frame (none), and the
words that `model`, `ratio`, `resolution` and `service_tier` take, whose list the seed lost (any). A field that the seed
does not name is passed over.
"""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, Final

from simulator.rules import FLAG, NUMBER, URL, WORD, Rule, among, offending, whole
from simulator.world import Answer, Offer, State, Task

SHAPES: Final = ("flat", "ark", "ark_list")
POLL_SHAPES: Final = ("record", "callback")
NOT_FOUND: Final = ("empty", "error")
_FAILURE: Final = {"code": "api_error", "message": "The simulator was told to fail this task."}
_FIELDS: Final[Mapping[str, Rule]] = {
    "model": WORD,
    "content": (lambda value: isinstance(value, list) and bool(value) and all(map(_is_entry, value)), "entries"),
    "seed": whole(-1, 4_294_967_295),
    "async": FLAG,
    "ratio": WORD,
    "frames": among(*range(29, 290, 4)),
    "duration": NUMBER,
    "watermark": FLAG,
    "resolution": WORD,
    "camerafixed": FLAG,
    "callback_url": URL,
    "service_tier": WORD,
    "generate_audio": FLAG,
    "return_last_frame": FLAG,
    "execution_expires_after": whole(1, 10**9),
}
_TRACE: Final = "4a4a3721-0001-4000-8000-000000000001"  # of answers that belong to no task


def unauthorised() -> Answer:
    """Refuse a wrong key."""
    return error(401, "invalid_token", "The token is invalid.")


def busy(status: int) -> Answer:
    """Refuse one request too many, or any at all for now. A 503 is UNKNOWN."""
    if status == 429:
        return error(429, "too_many_requests", "Too many requests.")
    return error(status, "api_error", "Service unavailable.")


def not_found(task: Task | None) -> Answer:
    """Answer for a task of nobody: an empty object under HTTP 200, or what one guide says."""
    if task is not None and task.chosen["not_found_as"] == "error":
        return error(404, "not_found", "The task does not exist.")
    return 200, {}


def refusals() -> Mapping[str, Answer]:
    """Every documented error."""
    statuses = {
        400: ("bad_request",),
        401: ("no_token", "invalid_token", "token_expired", "token_mismatched"),
        403: ("disabled", "used_up", "forbidden"),
        404: ("no_api",),
        500: ("api_error",),
        504: ("timeout",),
    }
    answers = {code: error(status, code, f"It is {code}.") for status, codes in statuses.items() for code in codes}
    return answers | {code: error(429, code, "Too many requests.") for code in ("too_many_requests", "rate_limited")}


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves, by the seed's table."""
    wrong = list(offending(request, _FIELDS, {"model", "content"}))
    if {"duration", "frames"} <= request.keys():
        wrong.append("duration with frames")
    return error(400, "bad_request", f"{', '.join(wrong)} is missing or wrong.") if wrong else None


def _is_entry(value: object) -> bool:
    """Whether it has either `text` or `image_url`, as its `type` says."""
    match value:
        case {"text": _, "image_url": _}:
            return False
        case {"type": "text", "text": str(words)}:
            return bool(words)
        case {"type": "image_url", "image_url": {"url": url}}:
            return URL[0](url)
    return False


def waits(request: dict[str, Any]) -> bool:
    """Tell whether the create request blocks until the task has ended."""
    return not request.get("async") and not request.get("callback_url")


def created(task: Task) -> dict[str, Any]:
    """Answer a create request that does not wait."""
    return {"task_id": task.id}


def waited(task: Task, offer: Offer) -> Answer:
    """Answer a create request that waited; errors have no `success` then."""
    if task.state == "success":
        return 200, _document(task, task.state, offer)
    return 500, {"error": _FAILURE, "trace_id": _trace(task)}


def polled(task: Task, offer: Offer) -> dict[str, Any]:
    """Answer a request to retrieve one task."""
    if task.chosen["poll_shape"] == "callback":
        return _document(task, task.state, offer)
    created_at = task.created_at.timestamp()
    record: dict[str, Any] = {
        "_id": _hex(task, "record")[:24],
        "id": task.id,
        "type": "videos",
        "trace_id": _trace(task),
        "created_at": round(created_at, 3),
        "request": task.request,
    }
    if task.ready_at is None:
        return record
    finished_at = task.ready_at.timestamp()
    return record | {
        "response": _document(task, task.state, offer),
        "started_at": round(created_at, 3),
        "finished_at": round(finished_at, 3),
        "elapsed": round(finished_at - created_at, 3),
    }


def called_back(task: Task, state: State, offer: Offer) -> dict[str, Any]:
    """Return the body of a callback that claims *state*; the guide's sample of a failure has no `task_id`."""
    document = _document(task, state, offer)
    if state == "fail" and task.plan.missing_task_id:
        del document["task_id"]
    return document


def error(status: int, code: str, message: str) -> Answer:
    """Return an error as synchronous calls have it."""
    return status, {"error": {"code": code, "message": message}, "trace_id": _TRACE}


def _document(task: Task, state: State, offer: Offer) -> dict[str, Any]:
    if state == "fail":
        return {"success": False, "task_id": task.id, "trace_id": _trace(task), "error": _FAILURE}
    head = {"success": True, "task_id": task.id, "trace_id": _trace(task)}
    if state != "success":
        return head | {"data": {"task_id": _ark_id(task), "status": "processing"}}
    shape = task.chosen["shape"]
    if shape == "flat":
        return head | {"data": _flat(task, offer)}
    return head | {"data": _ark(task, offer) if shape == "ark" else [_ark(task, offer)]}


def _flat(task: Task, offer: Offer) -> dict[str, Any]:
    return {
        "task_id": _ark_id(task),
        "status": "succeeded",
        "video_url": offer.results[0],
        "last_frame_url": offer.last_frame,
        "model": task.request["model"],
        **_form(task, "duration", "resolution", "ratio"),
    }


def _ark(task: Task, offer: Offer) -> dict[str, Any]:
    return {
        "id": _ark_id(task),
        "model": task.request["model"],
        "status": "succeeded",
        "content": {"video_url": offer.results[0]},
        "seed": task.request.get("seed", 655),
        **_form(task, "resolution", "ratio", "duration"),
        "framespersecond": 24,
        "usage": {"completion_tokens": 108900, "total_tokens": 108900},
        "created_at": int(task.created_at.timestamp()),
        "updated_at": int(task.changed_at.timestamp()),
    }


def _form(task: Task, *keys: str) -> dict[str, Any]:
    defaults = {"duration": 5, "resolution": "720p", "ratio": "16:9"}
    return {key: task.request.get(key, defaults[key]) for key in keys}


def _ark_id(task: Task) -> str:
    return f"cgt-{task.created_at:%Y%m%d%H%M%S}-{_hex(task, 'ark')[:5]}"


def _trace(task: Task) -> str:
    return str(uuid.UUID(_hex(task, "trace")[:32]))


def _hex(task: Task, what: str) -> str:
    return hashlib.sha256(f"{what} {task.id}".encode()).hexdigest()
