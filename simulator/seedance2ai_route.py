"""
Speak as seedance2ai.io's API does in seed 002_02ca32f38aa9b0f8: bare objects, errors `{"error": {code, message}}`.

The seed shows the submit answer and a completed poll of each of three products; these follow it field by field.
UNKNOWN, and chosen here as the least that can be said: `output` of a task that runs or failed (null), `error` of a
failed one (an object with code and message, or plan `error_as`: its text), what a failure refunds (all of it),
`last_frame_url` of a task without last frame (null), and of a batch: whether `id` is one of `batch_task_ids` (the
first), what `batch_success` and `batch_failed` are (counts) and what it costs (each task its own). A field that a
product's table does not have is refused, as the table of errors says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from simulator.journal import iso
from simulator.rules import FLAG, HTTPS, Rule, among, offending, some, text, whole
from simulator.world import Answer, Offer, State, Task

ERRORS: Final = ("object", "text")
_STATUS: Final[Mapping[State, str]] = {"generating": "processing", "success": "completed", "fail": "failed"}
_FAILURE: Final = "The simulator was told to fail this task."


@dataclass(frozen=True)
class Product:
    """One of the three."""

    model: str
    credits: int
    fields: Mapping[str, Rule]
    required: frozenset[str]
    fit: Callable[[dict[str, Any]], bool]  # whether fields that are good each for itself go together
    facts: Callable[[Task], dict[str, Any]]  # what stands between `model` and `credits_used`
    first_facts: Callable[[Task], dict[str, Any]]  # what only the submit answer has at its end
    output: Callable[[Task, Offer], Any]

    def unauthorised(self) -> Answer:
        """Refuse a wrong key."""
        return self.refusals()["unauthorized"]

    def busy(self, status: int) -> Answer:
        """Refuse one request too many, or any at all for now."""
        return self.refusals()["rate_limited" if status == 429 else "service_busy"]

    def not_found(self, _task: Task | None) -> Answer:
        """Answer for a task of nobody."""
        return error(404, "not_found", "Task does not exist or does not belong to this key owner.")

    def refusals(self) -> Mapping[str, Answer]:
        """Every error of the seed's table that a create request may meet."""
        return {
            code: error(status, code, message)
            for code, status, message in (
                ("unauthorized", 401, "Missing, invalid, or revoked API key."),
                ("invalid_request", 400, "Invalid request body"),
                ("insufficient_credits", 402, "Not enough credits on the key owner's balance."),
                ("rate_limited", 429, "Too many requests for this account."),
                ("idempotency_conflict", 409, "Same Idempotency-Key reused with a different body, or still running."),
                ("service_busy", 503, "Temporary upstream or credit-concurrency issue. Retry."),
                ("internal_error", 500, "Unexpected server-side failure."),
            )
        }

    def complaint(self, request: dict[str, Any]) -> Answer | None:
        """Return the error that *request* deserves, by the product's table."""
        unknown = request.keys() - self.fields.keys()
        if unknown or offending(request, self.fields, self.required) or not self.fit(request):
            return self.refusals()["invalid_request"]
        return None

    def ordered(self, request: dict[str, Any]) -> int:
        """How many tasks are to be made."""
        return int(request.get("batch_count", 1))

    def created_batch(self, tasks: Sequence[Task], failed: int) -> dict[str, Any]:
        """Answer a create request for several tasks, of which *failed* were not made."""
        ids = [task.id for task in tasks]
        batch = {"batch_task_ids": ids, "batch_success": len(ids), "batch_failed": failed}
        return self.created(tasks[0]) | {"credits_used": self.credits * len(ids)} | batch

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


def _fits_video(request: dict[str, Any]) -> bool:
    """Each mode has its media, two resolutions are of pro, and a seed is not for everyone."""
    mode, tier = request.get("mode", "text-to-video"), request.get("quality_tier", "standard")
    wants_pro = request.get("resolution") in {"1080p-plus", "4k"}
    has_no_seed = request.get("channel") == "real" or tier == "mini"
    return (
        ("image_url" in request) == (mode == "image-to-video")
        and ("media_urls" in request) == (mode == "media-to-video")
        and not ("end_image_url" in request and mode == "text-to-video")
        and not (wants_pro and tier != "pro")
        and not ("seed" in request and has_no_seed)
    )


def _fits_image(request: dict[str, Any]) -> bool:
    """Images are there to be made others of, and only then."""
    makes_others: bool = request["type"] == "image-to-image"
    return ("image_urls" in request) == makes_others


_SIZES: Final = among("1K", "2K", "4K")
_TYPES: Final = among("text-to-image", "image-to-image")
_RATIOS: Final = ("auto", "1:1", "5:4", "9:16", "21:9", "16:9", "4:3", "3:2", "4:5", "3:4", "2:3")

VIDEO: Final = Product(
    "seedance2",
    30,
    {
        "mode": among("text-to-video", "image-to-video", "media-to-video"),
        "quality_tier": among("mini", "standard", "pro"),
        "channel": among("standard", "real", "wild"),
        "prompt": text(3, 10_000),
        "aspect_ratio": among("1:1", "21:9", "4:3", "3:4", "16:9", "9:16", "adaptive"),
        "duration": among(*map(str, range(4, 16))),  # a string, says the table
        "resolution": among("720p", "1080p", "1080p-plus", "4k"),
        "image_url": HTTPS,
        "end_image_url": HTTPS,
        "media_urls": some(HTTPS, 1, 12),
        "generate_audio": FLAG,
        "fixed_lens": FLAG,
        "seed": whole(-1, 4_294_967_295),
    },
    frozenset({"prompt"}),
    _fits_video,
    _tiers,
    _nothing,
    _video,
)
GPT_IMAGE: Final = Product(
    "gpt-image-2",
    8,
    {
        "type": _TYPES,
        "prompt": text(3, 20_000),
        "resolution": _SIZES,
        "aspect_ratio": among(*_RATIOS, "2:1", "1:2", "3:1", "1:3", "9:21"),
        "channel": among("standard", "economy"),
        "batch_count": whole(1, 4),
        "image_urls": some(HTTPS, 1, 10),
    },
    frozenset({"type", "prompt", "resolution", "aspect_ratio"}),
    _fits_image,
    _nothing,
    _remaining,
    lambda _task, offer: list(offer.results),
)
NANO_BANANA: Final = Product(
    "nano-banana-pro",
    12,
    {
        "type": _TYPES,
        "prompt": text(3, 10_000),
        "image_size": among(*_RATIOS),
        "output_format": among("png", "jpeg"),
        "resolution": _SIZES,
        "image_urls": some(HTTPS, 1, 8),
    },
    frozenset({"type", "prompt"}),
    _fits_image,
    _nothing,
    _remaining,
    _images,
)
