"""
GlobalAiOpc, zcbservice.aizfw.cn ("kyyAiPower"): its status routes. Pure: bytes in, values out.

It documents no callback: tasks are registered here and asked about. Sources, read 2026-11:
https://docs.globalaiopc.com/en/api-reference/video/seedance-query (older),
https://docs.globalaiopc.com/en/api-reference/video/seedance/seedance-query (newer prefix),
https://docs.globalaiopc.com/en/api-reference/video/seedance-x1/seedance-x1-query (`officialMediaUrl`).
"""

from datetime import datetime, timedelta

from archive.creation import StatusPath
from archive.documents import Reader, parse
from archive.errors import MalformedDeliveryError, NotUnderstoodError, ProviderBusyError, TaskUnknownError
from archive.grammar import check_name
from archive.model import ApiAnswer, ApiRequest, Callbacks, Event, Pace, Progress
from archive.providers import kyyaipower_create, reading, without

API_BASE = "https://zcbservice.aizfw.cn"
HOSTS: frozenset[str] = frozenset()  # none is documented; the status API's links are not bound to a list
CALLBACKS = Callbacks.NONE
# "stored for 1 day" on the newer pages, 7 days on the older ones: plan for the shorter. Task, film and link end alike.
LINK_LIFE = timedelta(days=1)
PACE = Pace(
    typical=timedelta(minutes=2),  # "2-5 minutes" for 720p, "3-8 minutes" for 1080p
    floor=timedelta(seconds=30),  # "30-60 seconds" for 1.5, 20-40 for 2.0, 60-120 for offline service
    requests=60,  # no figure is documented: assumed
    per=timedelta(seconds=60),
)
# The longest any page says a task is kept. How an unknown task is told is not documented, and an answer that names no
# task may mean anything, so none is given up before the provider itself would have dropped it.
GONE_AFTER = timedelta(days=7)
verify, sender_id, reply, normalise, sample = (
    without.verify,
    without.sender_id,
    without.reply,
    without.normalise,
    without.sample,
)
batch_request, read_batch = without.batch_request, without.read_batch
fresh_link_request, read_fresh_link = without.fresh_link_request, without.read_fresh_link
resign = without.resign
PRODUCTS, CREATE_PATHS = kyyaipower_create.PRODUCTS, kyyaipower_create.CREATE_PATHS
read_created = kyyaipower_create.read_created
POWER = "power"
REACT = "react"
ROUTES = (POWER, REACT)
_PATHS = {POWER: "/kyyAiPower/v1/result/", REACT: "/kyyReactApiServer/v1/result/"}
STATUS_PATHS = tuple(StatusPath("GET", path + "{task_id}", route) for route, path in _PATHS.items())
_STATES = {
    "queued": Progress.RUNNING,
    "processing": Progress.RUNNING,
    "completed": Progress.SUCCEEDED,
    "failed": Progress.FAILED,
    "cancelled": Progress.FAILED,
}


def status_request(route: str, task_id: str) -> ApiRequest:
    return ApiRequest("GET", _PATHS[route] + reading.segment(task_id), route)


def read_status(route: str, answer: ApiAnswer, *, at: datetime) -> Event:
    """
    Read `{id, status, video_url, officialMediaUrl, error, created}`; `error` is free text and is not kept.

    An answer that names no task (nothing, null, another object) counts as "not known here": only so is the other
    route asked as well. Only a finished film without a task's name is for a person.

    Raises:
        TaskUnknownError: 404, or an answer that names no task.
        ProviderBusyError, ProviderRefusedError: as HTTP says; `answer_not_json`.
        NotUnderstoodError: `task_id_missing`, `status_missing`, `no_outputs`, `link_not_a_url` and the like.
    """
    reading.check_http(answer, at=at)
    root = _object(answer)
    word = (reading.optional(root.text, "status") or "").lower()
    if not root.text("id") and _STATES.get(word) is not Progress.SUCCEEDED:
        raise TaskUnknownError("task_not_found")
    name = check_name(root.text("id"), "task_id")
    progress, reason = reading.stated(word, _STATES)
    if progress is Progress.RUNNING:
        return Event(name, progress, route, reason=reason)
    if progress is Progress.FAILED:
        return Event(name, progress, route, reason="provider_cancelled" if word == "cancelled" else "provider_failed")
    # When it was completed is not told; the film cannot be younger than its task, so the day is counted from that.
    ends_at = reading.unix(reading.optional(root.number, "created"), at=at) + LINK_LIFE
    links = _links(root)
    outputs = reading.files("video", links[:1], ends_at, seconds=links[1:])
    return Event(name, progress, route, tuple(outputs), storage_expires_at=ends_at)


def _object(answer: ApiAnswer) -> Reader:
    """The answer's object. Empty bodies and null are how a service that found nothing may put it."""
    if not answer.body.strip():
        raise TaskUnknownError("task_not_found")
    try:
        document = parse(answer.body)
    except MalformedDeliveryError:
        raise ProviderBusyError("answer_not_json") from None  # a proxy's page, most likely
    if document is None:
        raise TaskUnknownError("task_not_found")
    return Reader(document)


def _links(root: Reader) -> list[str]:
    """
    The links to the one film of a task, the best first.

    `officialMediaUrl` is called the "source video URL" and comes with some models only: the same film where the
    provider had it from. Whether byte for byte is not said, so it only stands in where `video_url` does not serve.
    """
    links = [reading.link_or_none(root.raw(key)) for key in ("video_url", "officialMediaUrl")]
    usable = list(dict.fromkeys(link for link in links if link))
    if not usable:
        raise NotUnderstoodError("link_not_a_url" if root.text("video_url") else "no_outputs")
    return usable
