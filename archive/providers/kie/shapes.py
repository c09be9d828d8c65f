"""
What each of KIE's shapes says about its task, in callbacks and status answers alike. Pure.

Needed to decide are the task's id, its state and, of a success, the links to what was made; of every other field any
type will do. A state nobody documented is not final.

Sources: https://docs.kie.ai/market/common/get-task-detail, https://docs.kie.ai/runway-api/get-ai-video-details,
https://docs.kie.ai/veo3-api/get-veo-3-video-details (read 2026-11).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from archive.errors import NotUnderstoodError
from archive.grammar import check_name
from archive.model import Event, Output, Progress
from archive.providers import reading
from archive.providers.kie.fields import embedded, instant, links, links_beside, record, text, word
from archive.roles import role_of

# "Download TTL" of the seedance page. The market page says 24 h, Runway's 14 days: plan for the shortest.
LINK_LIFE = timedelta(minutes=20)
STORAGE_LIFE = timedelta(days=14)

SEEDANCE, MARKET, VEO, RUNWAY = "seedance", "market", "veo", "runway"
# No status route: Veo's, asked about the same id, may know the ordinary film only, which must not pass for this one.
VEO_4K = "veo_4k"

Files = list[tuple[str, str]]  # role and URL

_FLAT = {"0": Progress.RUNNING, "1": Progress.SUCCEEDED, "2": Progress.FAILED}
_VEO = {**_FLAT, "3": Progress.FAILED}
_RUNNING = ("wait", "waiting", "queuing", "queueing", "generating")  # both spellings are documented, one a route
_STATES = {**dict.fromkeys(_RUNNING, Progress.RUNNING), "success": Progress.SUCCEEDED, "fail": Progress.FAILED}
# Where a shape's state stands, and its words.
STATES: Mapping[str, tuple[str, Mapping[str, Progress]]] = {
    SEEDANCE: ("status", _FLAT),
    MARKET: ("state", _STATES),
    VEO: ("successFlag", _VEO),
    RUNWAY: ("state", _STATES),
}


def stated(route: str, data: Mapping[str, Any]) -> Progress | None:
    """How far the task is, as told in the shape of *route*; None where that is not told, or in no known word."""
    key, words = STATES[route]
    return words.get(word(data.get(key)))


def credits_of(data: Mapping[str, Any]) -> float | None:
    """`creditsConsumed` of the market and of 4K films, `consumeCredits` in older examples; nothing elsewhere."""
    return reading.paid(data.get("creditsConsumed"), data.get("consumeCredits"))


def flat(data: Mapping[str, Any], *, at: datetime) -> Event:
    """`taskId`, `status` 0, 1 or 2, `videoUrl`, `completedAt`."""
    return tell(
        SEEDANCE, data.get("taskId"), stated(SEEDANCE, data),
        lambda: _all("video", data.get("videoUrl")), at=at, completed=data.get("completedAt"), cost=credits_of(data),
    )  # fmt: skip


def market(data: Mapping[str, Any], *, at: datetime) -> Event:
    """`taskId`, `state`, `resultJson` (text) with `resultUrls`: films, pictures, sound, told apart by their paths."""

    def made() -> Files:
        result = embedded(data.get("resultJson"), "result_json_not_json")
        return [(role_of(urlsplit(url).path), url) for url in links(result.get("resultUrls"))]

    if stated(MARKET, data) is Progress.SUCCEEDED and _is_text(data.get("resultJson")):
        name = check_name(text(data.get("taskId")), "task_id")
        completed_at = instant(data.get("completeTime"), at=at)
        cost = credits_of(data)
        return Event(name, Progress.SUCCEEDED, MARKET, reason="no_files", completed_at=completed_at, credits=cost)
    return tell(
        MARKET, data.get("taskId"), stated(MARKET, data), made,
        at=at, completed=data.get("completeTime"), fail_code=data.get("failCode"), cost=credits_of(data),
    )  # fmt: skip


def _is_text(result_json: Any) -> bool:
    """Whether the result is `resultObject`, as of models that write: there is no file, and none to wait for."""
    result = embedded(result_json, "result_json_not_json")
    return result.get("resultObject") is not None and not result.get("resultUrls")


def runway(data: Mapping[str, Any], *, at: datetime) -> Event:
    """A status answer: `state`, `videoInfo` with `videoUrl` and `imageUrl`. An older page has the id in `videoInfo`."""
    info = record(data.get("videoInfo"))
    return tell(
        RUNWAY, data.get("taskId") or info.get("taskId"), stated(RUNWAY, data),
        lambda: runway_files(info.get("videoUrl"), info.get("imageUrl")),
        at=at, completed=data.get("generateTime"), fail_code=data.get("failCode"), cost=credits_of(data),
    )  # fmt: skip


def veo(data: Mapping[str, Any], *, at: datetime) -> Event:
    """A status answer: `successFlag` 0 to 3, `response` with what a callback has in `info`; older ones have no such."""
    info = record(data.get("response")) or data
    again = is_4k(info) or "mediaIds" in data
    return tell(
        VEO_4K if again else VEO, data.get("taskId"), stated(VEO, data), lambda: veo_files(info, again=again),
        at=at, completed=data.get("completeTime"), fail_code=data.get("errorCode"), cost=credits_of(data),
    )  # fmt: skip


READERS = {SEEDANCE: flat, MARKET: market, VEO: veo, RUNWAY: runway}


def runway_files(video: Any, image: Any) -> Files:
    """The film and its cover, each a URL; nothing where the film's is empty or absent."""
    return _with(_all("video", video), cover=image)


def is_4k(info: Mapping[str, Any]) -> bool:
    """Whether Veo tells of a film made again in 4K: by pictures or media ids beside the film, or by its resolution."""
    return "imageUrls" in info or "mediaIds" in info or word(info.get("resolution")) == "4k"


def veo_files(info: Mapping[str, Any], *, again: bool) -> Files:
    """
    `resultUrls`, with `originUrls` (unless the film is 16:9) and `fullResultUrls` (an extended film as a whole).

    A film made *again* in 4K has a role of its own, as its task has the ordinary one too; its `imageUrls` are covers.
    """
    films = _all("upscaled" if again else "video", info.get("resultUrls"))
    named = {url for _, url in films}
    whole = [url for url in links_beside(info.get("fullResultUrls")) if url not in named]
    return _with(films, original=info.get("originUrls"), extended=whole, cover=info.get("imageUrls"))


def tell(
    route: str,
    task_id: Any,
    progress: Progress | None,
    made: Callable[[], Files],
    *,
    at: datetime,
    completed: Any = None,
    fail_code: Any = None,
    cost: float | None = None,
) -> Event:
    """
    Put together what was read. *made* is called for a success only.

    Raises:
        NotUnderstoodError: `task_id_…`; of a success `no_outputs` (its result may be text), or what *made* raises.
    """
    name = check_name(text(task_id), "task_id")
    if progress is None:
        return Event(name, Progress.RUNNING, route, reason="state_unknown", credits=cost)
    if progress is Progress.RUNNING:
        return Event(name, progress, route, credits=cost)
    completed_at = instant(completed, at=at)
    if progress is Progress.FAILED:
        why = reading.fail_slug(fail_code)
        return Event(name, progress, route, reason=why, completed_at=completed_at, credits=cost)
    files = made()
    if not files:
        raise NotUnderstoodError("no_outputs")
    # A link that was just handed out was signed at the earliest when the task was done, and that is never after *at*.
    outputs = _outputs(files, completed_at + LINK_LIFE)
    stored_until = completed_at + STORAGE_LIFE
    return Event(
        name, progress, route, outputs, completed_at=completed_at, storage_expires_at=stored_until, credits=cost
    )


def _all(role: str, value: Any) -> Files:
    return [(role, url) for url in links(value)]


def _with(films: Files, **beside: Any) -> Files:
    """The films and what comes along with them, by role; without a film nothing."""
    return films and films + [(role, url) for role, value in beside.items() for url in links_beside(value)]


def _outputs(files: Sequence[tuple[str, str]], expires_at: datetime) -> tuple[Output, ...]:
    """The files in their order, each counted within its role."""
    roles = dict.fromkeys(role for role, _ in files)
    made = {role: iter(reading.files(role, [url for r, url in files if r == role], expires_at)) for role in roles}
    return tuple(next(made[role]) for role, _ in files)
