"""
seedance2ai.io, public API: its task route. It never calls back. Pure: bytes in, values out.

Source: the provider's page "Seedance 2 AI Public API" (read 2026-11); what comes from public client code says so.
"""

from datetime import datetime, timedelta

from archive.creation import StatusPath
from archive.documents import Reader
from archive.errors import NotUnderstoodError
from archive.grammar import check_name
from archive.model import ApiAnswer, ApiRequest, Callbacks, Event, Output, Pace, Progress
from archive.providers import reading, seedance2ai_create, seedance2ai_products, without

# The page names the bare host. That one answers 307 to www (public client code), and a redirect loses the key.
API_BASE = "https://www.seedance2ai.io"
HOSTS: frozenset[str] = frozenset()  # the examples show none
# Not documented. An image's `request_id` begins with kie_, and 20 minutes are KIE's shortest figure.
LINK_LIFE = timedelta(minutes=20)
CALLBACKS = Callbacks.NONE
PACE = Pace(
    typical=timedelta(seconds=84),  # the page's examples: images 84 and 102 s, a film 192 s; the first to be done
    floor=timedelta(seconds=10),  # a choice: half the limit is one request in 4 s, for all tasks together
    requests=30,  # public client code: 30 in 60 s per account, polling included
    per=timedelta(seconds=60),
)
GONE_AFTER = timedelta(days=1)  # as with KIE; 404 is also what a key of another account hears
TASKS = "tasks"
ROUTES = (TASKS,)
_PATH = "/api/v1/tasks/"
STATUS_PATHS = (StatusPath("GET", _PATH + "{task_id}", TASKS),)
verify, sender_id, normalise, reply = without.verify, without.sender_id, without.normalise, without.reply
batch_request, read_batch = without.batch_request, without.read_batch
fresh_link_request, read_fresh_link = without.fresh_link_request, without.read_fresh_link
sample = without.sample
resign = without.resign
PRODUCTS, CREATE_PATHS = seedance2ai_products.PRODUCTS, seedance2ai_create.CREATE_PATHS
read_created = seedance2ai_create.read_created
_STATES = {"processing": Progress.RUNNING, "completed": Progress.SUCCEEDED, "failed": Progress.FAILED}


def status_request(route: str, task_id: str) -> ApiRequest:
    """The id is one segment of the path whatever it holds: slashes and dots are encoded too."""
    return ApiRequest("GET", _PATH + reading.segment(task_id), route)


def read_status(route: str, answer: ApiAnswer, *, at: datetime) -> Event:  # noqa: ARG001 (there is one)
    """Read a task. Errors come with their HTTP status, which decides; their texts are not read."""
    root = reading.document(answer, at=at)
    name = check_name(root.text("id"), "task_id")
    progress, reason = reading.stated(root.text("status"), _STATES)
    cost = _cost(root)
    if progress is Progress.RUNNING:
        return Event(name, progress, TASKS, reason=reason, credits=cost)
    updated_at = root.raw("updated_at")  # of a task that is over; taken for its end
    completed_at = reading.iso(updated_at if isinstance(updated_at, str) else None, at=at)
    if progress is Progress.FAILED:
        why = _reason(root.raw("error"))
        return Event(name, progress, TASKS, reason=why, completed_at=completed_at, credits=cost)
    outputs = _outputs(root, completed_at + LINK_LIFE)
    if not outputs:
        raise NotUnderstoodError("no_outputs")
    return Event(name, progress, TASKS, tuple(outputs), completed_at=completed_at, credits=cost)


def _cost(root: Reader) -> float | None:
    """`credits_used` without what was given back, as of failures."""
    used = reading.paid(root.raw("credits_used"))
    return None if used is None else max(0.0, used - (reading.paid(root.raw("credits_refunded")) or 0.0))


def _reason(error: object) -> str:
    """What `error` holds is not documented. An object's code is kept where it has one; its text never is."""
    return reading.fail_slug(error.get("code") if isinstance(error, dict) else None)


def _outputs(root: Reader, expires_at: datetime) -> list[Output]:
    """
    The files of a completed task, none where there is no main one.

    `output` has a form for each product: an object with `video_url` and `last_frame_url` (Seedance), a list of links
    (GPT Image), an object with `images` (Nano Banana).
    """
    output = root.raw("output")
    if output is None:
        return []
    if isinstance(output, list):
        return reading.files("image", root.texts("output"), expires_at)
    result = root.object("output")
    video = result.text("video_url")
    if not video:
        return _images(result.objects("images"), expires_at)
    frame = reading.link_or_none(result.raw("last_frame_url"))
    return [
        *reading.files("video", [video], expires_at),
        *reading.files("last_frame", [frame] if frame else [], expires_at),
    ]


def _images(images: list[Reader], expires_at: datetime) -> list[Output]:
    """`provider_url` is the same image at its origin: a second way to it, and the only one where `url` is none."""
    urls, seconds = [], []
    for image in images:
        ways = [way for way in (reading.link_or_none(image.raw(key)) for key in ("url", "provider_url")) if way]
        if not ways:
            raise NotUnderstoodError("link_not_a_url")
        urls.append(ways[0])
        seconds.append(ways[1] if ways[1:] and ways[1] != ways[0] else None)
    return reading.files("image", urls, expires_at, seconds=seconds)
