"""
AceData Cloud, its Seedance service: callbacks and task records. Pure: bytes in, values out.

Two ids stand in one document: the outer `task_id` (a record's `id`) is the task's, `data.task_id` and `data.id` are
the upstream's and name nothing here. Sources, of github.com/AceDataCloud/Docs, read 2026-11:
en/concepts/async-tasks.mdx, en/concepts/responses.mdx, en/guides/seedance/*.mdx, openapi/seedance.json.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

from archive.creation import StatusPath
from archive.documents import Reader, parse
from archive.errors import (
    MalformedDeliveryError,
    NotUnderstoodError,
    ProviderBusyError,
    ProviderRefusedError,
    TaskUnknownError,
)
from archive.grammar import check_name
from archive.model import ApiAnswer, ApiRequest, Callbacks, Event, Output, Pace, Progress
from archive.providers import acedata_create, reading, without

API_BASE = "https://api.acedata.cloud"
HOSTS = frozenset({"platform.cdn.acedata.cloud", "platform2.cdn.acedata.cloud", "cdn.acedata.cloud"})
CALLBACKS = Callbacks.UNSIGNED
# Its storage table has other services (30 days) but not Seedance. Links that lead to the upstream's own host live 24 h,
# so that is planned for every link.
LINK_LIFE = timedelta(hours=24)
PACE = Pace(
    typical=timedelta(minutes=1),  # "approximately 1-2 minutes"
    floor=timedelta(seconds=10),  # "every 10-30 s" for videos
    # The guide says "under 1 req/s", the FAQ 60 a second: the smaller. Over ten seconds, since over a minute the whole
    # minute's share could go out in one burst, and over one second half a request would remain for us.
    requests=10,
    per=timedelta(seconds=10),
    batch=20,  # no maximum is documented: assumed
)
GONE_AFTER = timedelta(days=3)  # a task may run for 72 h (`execution_expires_after` of at most 259,200 s)
verify, sender_id, reply = without.verify, without.sender_id, without.reply
fresh_link_request, read_fresh_link = without.fresh_link_request, without.read_fresh_link
resign = without.resign
PRODUCTS, CREATE_PATHS = acedata_create.PRODUCTS, acedata_create.CREATE_PATHS
read_created = acedata_create.read_created
TASKS = "tasks"
ROUTES = (TASKS,)
_PATHS = {TASKS: "/seedance/tasks"}
STATUS_PATHS = (StatusPath("POST", _PATHS[TASKS], TASKS),)
_STATES = {
    "processing": Progress.RUNNING,
    "queued": Progress.RUNNING,  # these and the last two are the upstream's, whose objects are passed on
    "running": Progress.RUNNING,
    "succeeded": Progress.SUCCEEDED,
    "failed": Progress.FAILED,
    "cancelled": Progress.FAILED,
    "expired": Progress.FAILED,
}
_BUSY = {"too_many_requests", "rate_limited", "api_error", "timeout"}
_REFUSED = {
    "bad_request", "no_token", "invalid_token", "token_expired", "token_mismatched", "disabled", "used_up",
    "forbidden", "no_api", "api_not_implemented",
}  # fmt: skip


def normalise(document: Any, *, at: datetime, task_id: str | None = None) -> Event:
    """
    Read a callback; *at* is when it reached us, *task_id* whose it is where the body does not say.

    Raises:
        NotUnderstoodError: `task_id_missing`, `status_missing`, `no_outputs`, `link_not_a_url` and the like.
    """
    root = Reader(document)
    return _told(root, root.text("task_id") or task_id, at=at)


def status_request(route: str, task_id: str) -> ApiRequest:
    return ApiRequest("POST", _PATHS[route], route, json={"id": task_id, "action": "retrieve"})


def read_status(route: str, answer: ApiAnswer, *, at: datetime) -> Event:  # noqa: ARG001
    """
    Read a task's record, `{id, response, finished_at}`, or, by an older guide, the callback's own body.

    Raises:
        TaskUnknownError: `not_found`, an empty object, an empty list of records.
        ProviderBusyError, ProviderRefusedError: as `error.code` or HTTP says; `answer_not_json`.
        NotUnderstoodError: as for callbacks; `response_missing`, `task_ids_differ`.
    """
    document = _document(answer, at)
    if document == {} or (isinstance(document, dict) and document.get("items") == []):
        raise TaskUnknownError("task_not_found")
    return _state(Reader(document), at)


def batch_request(route: str, task_ids: Sequence[str]) -> ApiRequest | None:
    return ApiRequest("POST", _PATHS[route], route, json={"ids": list(task_ids), "action": "retrieve_batch"})


def read_batch(route: str, answer: ApiAnswer, *, at: datetime) -> dict[str, Event | NotUnderstoodError]:  # noqa: ARG001
    """Read `{items, count}`. An item that names no task is left out; no item costs another."""
    document = _document(answer, at)
    if document == {}:
        return {}
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise NotUnderstoodError("items_missing")
    found: dict[str, Event | NotUnderstoodError] = {}
    for item in items:
        try:
            root = Reader(item)
            name = _name(root)
        except NotUnderstoodError:
            continue
        try:
            found[name] = _state(root, at)
        except NotUnderstoodError as exc:
            found.setdefault(name, exc)
    return found


def sample(task_id: str, url: str, *, key: str | None, now: datetime) -> tuple[dict[str, str], bytes]:  # noqa: ARG001
    """A callback of the flat shape, to try by hand. Nothing signs it."""
    document = {
        "success": True,
        "task_id": task_id,
        "trace_id": "4a4a3721-00fb-43d2-aff2-3b516ac01a8a",
        "data": {
            "task_id": "cgt-20251222073134-54qcw",
            "status": "succeeded",
            "video_url": url,
            "last_frame_url": None,
            "model": "doubao-seedance-1-0-pro-250528",
        },
    }
    return {"Content-Type": "application/json"}, json.dumps(document).encode()


def _document(answer: ApiAnswer, at: datetime) -> Any:
    """
    The answer's JSON, unless it speaks of the call instead of a task.

    Errors of a call name no task and may come under HTTP 200; beside a task's id an error is that task's end.
    """
    try:
        document = parse(answer.body)
    except MalformedDeliveryError:
        if answer.status < 400:
            raise ProviderBusyError("answer_not_json") from None  # a proxy's page, most likely
        document = None
    root = Reader(document if isinstance(document, dict) else {})
    named = any(reading.optional(root.text, key) for key in ("id", "task_id"))
    if answer.status >= 400 or (not named and reading.optional(root.object, "error") is not None):
        _refuse(answer, root, at)
    return document


def _refuse(answer: ApiAnswer, root: Reader, at: datetime) -> NoReturn:
    code = _code(root)
    if code == "not_found":
        raise TaskUnknownError("task_not_found")
    if code in _BUSY:
        raise ProviderBusyError(code, reading.retry_after(answer, at=at))
    if code in _REFUSED:
        raise ProviderRefusedError(code)
    if answer.status == 404:
        # Documented as "endpoint not found": a mistake in `api_base` must not let every task count as gone.
        raise ProviderRefusedError("http_404")
    reading.check_http(answer, at=at)
    raise ProviderRefusedError(reading.fail_slug(code))


def _code(holder: Reader) -> str | None:
    """`error.code`; the message beside it is free text and not kept."""
    error = reading.optional(holder.object, "error")
    return None if error is None else reading.optional(error.text, "code")


def _is_record(root: Reader) -> bool:
    return "id" in root and "success" not in root and "data" not in root


def _name(root: Reader) -> str:
    """Whose a record or a callback's body is."""
    return check_name(root.text("id" if _is_record(root) else "task_id"), "task_id")


def _state(root: Reader, at: datetime) -> Event:
    name = _name(root)
    if not _is_record(root):
        return _told(root, name, at=at)
    response = reading.optional(root.object, "response")
    if not response:
        if root.number("finished_at") is None:
            return Event(name, Progress.RUNNING, TASKS)
        raise NotUnderstoodError("response_missing")  # done, but how? Neither a success nor given up
    if reading.optional(response.text, "task_id") not in (None, "", name):
        raise NotUnderstoodError("task_ids_differ")
    unfinished = root.raw("finished_at") is None and response.raw("success") is None
    if unfinished and _code(response) in _BUSY:
        return Event(name, Progress.RUNNING, TASKS)  # the upstream was asked too much for now; that is no end
    return _told(response, name, at=at, finished_at=reading.optional(root.number, "finished_at"))


def _told(body: Reader, task_id: str | None, *, at: datetime, finished_at: float | None = None) -> Event:
    """Read `{success, data, error}`: a callback, or what a record says the task was answered with."""
    name = check_name(task_id, "task_id")
    completed_at = reading.unix(finished_at, at=at)
    success = body.boolean("success")
    if success is None and reading.optional(body.object, "error") is not None:
        success = False  # answers to calls that wait for the film lack `success` when they fail
    if success is False:
        return Event(name, Progress.FAILED, TASKS, reason=reading.fail_slug(_code(body)), completed_at=completed_at)
    items = _items(body)
    states = [_progress(item, success=success, finished=finished_at is not None) for item in items]
    if None in states or Progress.RUNNING in states:
        return Event(name, Progress.RUNNING, TASKS, reason="state_unknown" if None in states else None)
    good = [item for item, state in zip(items, states, strict=True) if state is Progress.SUCCEEDED]
    if items and not good:
        code = _code(body) or _code(items[0]) or items[0].text("status")
        return Event(name, Progress.FAILED, TASKS, reason=reading.fail_slug(code), completed_at=completed_at)
    # A link that was just handed out was signed at the earliest when the task was done, at the latest now.
    return Event(
        name, Progress.SUCCEEDED, TASKS, tuple(_outputs(good, completed_at + LINK_LIFE)), completed_at=completed_at
    )


def _items(body: Reader) -> list[Reader]:
    """`data` is one object in most pages, in one a list of them."""
    one = reading.optional(body.object, "data")
    return body.objects("data") if one is None else [one]


def _progress(item: Reader, *, success: bool | None, finished: bool) -> Progress | None:
    """
    What the word of state says; None where nobody documented it.

    Words "differ between the services", so what is finished and a success needs no word that we know.
    """
    word = (item.text("status") or "").lower()
    if not word and not success:
        raise NotUnderstoodError("status_missing")
    if success and (not word or finished):
        return _STATES.get(word, Progress.SUCCEEDED)
    return _STATES.get(word)


def _outputs(items: Sequence[Reader], expires_at: datetime) -> list[Output]:
    """
    Films, files and last frames of all *items*, whose links stand in them or under `content`.

    `file_url` is what the upstream gives for a film that is no mp4; it does not say what else that may be, so the
    role is `file`. Without a film or a file there is no success: a last frame alone would end the task without it.
    """
    places = [place for item in items for place in (item, reading.optional(item.object, "content")) if place]
    videos = _distinct(place.text("video_url") for place in places)
    others = _distinct(reading.link_or_none(place.raw("file_url")) for place in places)
    frames = _distinct(reading.link_or_none(place.raw("last_frame_url")) for place in places)
    if not videos and not others:
        raise NotUnderstoodError("no_outputs")
    return [
        *reading.files("video", videos, expires_at),
        *reading.files("file", [url for url in others if url not in videos], expires_at),
        *reading.files("last_frame", frames, expires_at),
    ]


def _distinct(urls: Iterable[str | None]) -> list[str]:
    """Each file once: two links to one path are signings of the same."""
    return list({url.split("?")[0]: url for url in urls if url}.values())
