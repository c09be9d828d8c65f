"""
Speak as seedance2ai.io's API does in seed 002_02ca32f38aa9b0f8: bare objects, errors `{"error": {code, message}}`.

The seed shows the submit answer and a completed poll of each of three products; these follow it field by field.
UNKNOWN, and chosen here as the least that can be said: `output` of a task that runs or failed (null), `error` of a
failed one (an object with code and message, or plan `error_as`: its text), what a failure refunds (all of it), and
`last_frame_url` of a task without last frame (null). Not played: `batch_count` above 1, which is refused.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from simulator.journal import iso
from simulator.world import Answer, Offer, State, Task

ERRORS: Final = ("object", "text")
_STATUS: Final[Mapping[State, str]] = {"generating": "processing", "success": "completed", "fail": "failed"}
_FAILURE: Final = "The simulator was told to fail this task."


@dataclass(frozen=True)
class Product:
    """One of the three."""

    model: str
    credits: int
    longest_prompt: int
    required: Mapping[str, Collection[str]]  # the fields that must be there, and what they may say
    facts: Callable[[Task], dict[str, Any]]  # what stands between `model` and `credits_used`
    first_facts: Callable[[Task], dict[str, Any]]  # what only the submit answer has at its end
    output: Callable[[Task, Offer], Any]

    def unauthorised(self) -> Answer:
        """Refuse a wrong key."""
        return error(401, "unauthorized", "Missing, invalid, or revoked API key.")

    def busy(self, status: int) -> Answer:
        """Refuse one request too many, or any at all for now."""
        if status == 429:
            return error(429, "rate_limited", "Too many requests for this account.")
        return error(status, "service_busy", "Temporary upstream or credit-concurrency issue. Retry.")

    def not_found(self, _task: Task | None) -> Answer:
        """Answer for a task of nobody."""
        return error(404, "not_found", "Task does not exist or does not belong to this key owner.")

    def complaint(self, request: dict[str, Any]) -> Answer | None:
        """Return the error that *request* deserves."""
        prompt = request.get("prompt")
        valid = (
            isinstance(prompt, str) and 3 <= len(prompt) <= self.longest_prompt,
            all(request.get(name) in values for name, values in self.required.items()),
            not request.keys() & {"provider", "teamSlug"},
            request.get("batch_count", 1) == 1,
        )
        return None if all(valid) else error(400, "invalid_request", "Invalid request body")

    def created(self, task: Task) -> dict[str, Any]:
        """Answer a create request."""
        answer = {"id": task.id, "status": "processing", "model": self.model, **self.facts(task)}
        if self.model == "nano-banana-pro":  # its answer alone has this, and in second place
            answer = {"id": task.id, "request_id": task.id.replace("nbp_", "kie_", 1)} | answer
        return answer | {"credits_used": self.credits} | self.first_facts(task)

    def polled(self, task: Task, offer: Offer) -> dict[str, Any]:
        """Answer a status request."""
        has_failed = task.state == "fail"
        text: Any = _FAILURE
        failure = text if task.chosen["error_as"] == "text" else {"code": "generation_failed", "message": text}
        return {
            "id": task.id,
            "status": _STATUS[task.state],
            "model": self.model,
            **self.facts(task),
            "credits_used": self.credits,
            "credits_refunded": self.credits if has_failed else 0,
            "output": self.output(task, offer) if task.state == "success" else None,
            "error": failure if has_failed else None,
            "created_at": iso(task.created_at),
            "updated_at": iso(task.changed_at),
        }


def error(status: int, code: str, message: str) -> Answer:
    """Return an error as all of them look."""
    return status, {"error": {"code": code, "message": message}}


def _tiers(task: Task) -> dict[str, Any]:
    return {key: task.request.get(key, "standard") for key in ("quality_tier", "channel")}


def _video(task: Task, offer: Offer) -> dict[str, Any]:
    seed = task.request.get("seed", 123)
    return {"video_url": offer.results[0], "last_frame_url": offer.last_frame, "seed": seed}


def _images(_task: Task, offer: Offer) -> dict[str, Any]:
    pairs = zip(offer.results, offer.seconds, strict=True)
    return {"images": [{"url": first, "provider_url": second} for first, second in pairs]}


def _nothing(_task: Task) -> dict[str, Any]:
    return {}


def _remaining(_task: Task) -> dict[str, Any]:
    return {"remaining_credits": 120}


_SIZES: Final = {"1K", "2K", "4K"}
_TYPES: Final = {"text-to-image", "image-to-image"}
_SQUARE_TO_WIDE: Final = {"auto", "1:1", "5:4", "4:3", "3:2", "16:9", "2:1", "21:9", "3:1"}
_RATIOS: Final = _SQUARE_TO_WIDE | {"4:5", "3:4", "2:3", "9:16", "1:2", "9:21", "1:3"}

VIDEO: Final = Product("seedance2", 30, 10_000, {}, _tiers, _nothing, _video)
GPT_IMAGE: Final = Product(
    "gpt-image-2",
    8,
    20_000,
    {"type": _TYPES, "resolution": _SIZES, "aspect_ratio": _RATIOS},
    _nothing,
    _remaining,
    lambda _task, offer: list(offer.results),
)
NANO_BANANA: Final = Product("nano-banana-pro", 12, 10_000, {"type": _TYPES}, _nothing, _remaining, _images)
