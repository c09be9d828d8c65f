"""
Speak as zcbservice.aizfw.cn's kyyAiPower does: bare objects, `error` a string.

The create answer is of seed 003_000ae21645a6f43b, the poll of
https://docs.globalaiopc.com/en/api-reference/video/seedance-query (read 2026-11), which newer pages have under another
prefix. UNKNOWN, and chosen here as the least that can be said: every answer but those to a request that goes well
(here the status and `{"error": text}`), when a task leaves the queue (plan `queued_for`; else at once), and `error` of
a cancelled task (null). No callback is documented. What the create page forbids is refused. It contradicts itself on
the duration (2-12 seconds in general, other ranges for each model): here each model has its own. A field that it does
not name is passed over; `generate_audio` stands in its sample only.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from simulator.rules import FLAG, URL, Rule, among, offending, text, whole
from simulator.world import Answer, Offer, State, Task

_STATUS: Final[Mapping[State, str]] = {
    "queued": "queued",
    "generating": "processing",
    "success": "completed",
    "fail": "failed",
    "cancelled": "cancelled",
}
_SECONDS: Final[Mapping[str, Rule]] = {
    **{f"seedance_1_5_pro_{lines}p": among(-1, *range(4, 13)) for lines in (480, 720, 1080)},
    "seedance_2_0_4s_5s": whole(1, 5),
    "seedance_2_0_6s_10s": whole(6, 10),
    "seedance_2_0_11s_15s": whole(11, 15),
}
_WITH_SOUND: Final = "seedance_1_5_pro_"
_FIELDS: Final[Mapping[str, Rule]] = {
    "model": among(*_SECONDS),
    "ratio": among("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"),
    "generate_audio": FLAG,
}
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_MOST_HAN, _MOST_WORDS = 500, 1000  # "Chinese up to 500 characters, English up to 1000 words"
_SCENES: Final[tuple[list[str], ...]] = ([], ["first_frame"], ["first_frame", "last_frame"])
_MOST_REFERENCES: Final = 4


def unauthorised() -> Answer:
    """Refuse a wrong key."""
    return 401, {"error": "invalid API key"}


def busy(status: int) -> Answer:
    """Refuse for now."""
    return status, {"error": "too many requests" if status == 429 else "service unavailable"}


def refusals() -> Mapping[str, Answer]:
    """None is documented; these are of HTTP."""
    texts = {
        "400": "invalid parameters",
        "401": "invalid API key",
        "402": "insufficient balance",
        "500": "server error",
    }
    return {code: (int(code), {"error": text}) for code, text in texts.items()}


def not_found(_task: Task | None) -> Answer:
    """Answer for a task of nobody."""
    return 404, {"error": "task not found"}


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves."""
    wrong = list(offending(request, _FIELDS, {"model"}))
    if not wrong:
        model = request["model"]
        wrong += offending(request, {"duration": _SECONDS[model]})
        if request.get("generate_audio") and not model.startswith(_WITH_SOUND):
            wrong.append("generate_audio")
    if not _is_content(request.get("content")):
        wrong.append("content")
    return (400, {"error": f"{', '.join(wrong)} is missing or wrong"}) if wrong else None


def _is_content(value: object) -> bool:
    """Whether it is texts and images, the images in one of the three scenes that exclude each other."""
    if not isinstance(value, list) or not value:
        return False
    roles = []
    for part in value:
        match part:
            case {"type": "text", "text": str(words)} if _is_short(words):
                pass
            case {"type": "image_url", "image_url": {"url": url}} if URL[0](url):
                roles.append(part.get("role", "first_frame"))
            case _:
                return False
    return sorted(roles) in _SCENES or (set(roles) == {"reference_image"} and len(roles) <= _MOST_REFERENCES)


def _is_short(words: str) -> bool:
    return text(1, _MOST_HAN)[0](words) if _HAN.search(words) else 0 < len(words.split()) <= _MOST_WORDS


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
