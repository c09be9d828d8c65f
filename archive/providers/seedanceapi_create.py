"""
seedanceapi.org, API v2: what can be ordered, for how much, and what it answers. Pure.

Source: the provider's page "Seedance 2.0 API Documentation" (seed 001_7afcf58364257041, read 2026-11).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from archive.creation import Cost, Created, CreatePath, Creation
from archive.errors import ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import ordering, reading
from archive.providers.parameters import AsList, Url, Whole, require

GENERATE = "/v2/generate"
# The page shows the webhook's description without its name; the v1 page and public client code have this one.
CREATE_PATHS: Mapping[str, CreatePath] = {GENERATE: CreatePath(GENERATE, "callback_url")}
_REFUSED = {
    "INVALID_PROMPT": "invalid_prompt",
    "INVALID_ASPECT_RATIO": "invalid_aspect_ratio",
    "INVALID_DURATION": "invalid_duration",
    "TOO_MANY_IMAGES": "too_many_images",
    "INVALID_API_KEY": "key_refused",
    "INSUFFICIENT_CREDITS": "insufficient_credits",
    # The page lists HTTP statuses beside its codes without showing the JSON, so `code` may hold either.
    "400": "invalid_parameters",
    "401": "key_refused",
    "402": "insufficient_credits",
}
_BUSY = frozenset({"INTERNAL_ERROR", "429", "500"})

_STANDARD, _FAST, _MINI = "seedance-2.0", "seedance-2.0-fast", "seedance-2-mini"
_CREDITS = {  # by seconds, whatever the resolution
    _STANDARD: {5: 240, 10: 480, 15: 720},
    _FAST: {5: 160, 10: 320, 15: 480},
}
_MINI_CREDITS = {  # a second, by resolution and whether reference videos are given; rounded up as a whole
    ("480p", False): Decimal("14.25"),
    ("480p", True): Decimal(9),
    ("720p", False): Decimal("30.75"),
    ("720p", True): Decimal("18.75"),
}
_CREDITS_PER_DOLLAR = 100


class Video(Creation):
    """
    `POST /v2/generate` (seed 001, read 2026-11). Left out, the model is 2.0, the duration 5 seconds.

    The page describes reference audio, the webhook and the gallery's visibility without the names of their fields, so
    the first and the last cannot be ordered here.
    """

    PATH: ClassVar[str] = GENERATE

    prompt: str = Field(min_length=1, max_length=2000)
    duration: Whole | None = None
    resolution: Literal["480p", "720p", "1080p"] | None = None
    aspect_ratio: Literal["16:9", "9:16", "4:3", "3:4", "1:1", "21:9", "adaptive"] | None = None
    images: Annotated[list[Url], Field(min_length=1, max_length=4), AsList] | None = None
    reference_video_urls: Annotated[list[Url], Field(min_length=1), AsList] | None = None
    model: Literal["seedance-2.0", "seedance-2.0-fast", "seedance-2-mini"] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Video":
        is_mini, wanted = self.model == _MINI, self.duration
        if is_mini:
            require(wanted is None or 4 <= wanted <= 15, "duration", "must be 4 to 15")
        else:
            require(wanted in {None, 5, 10, 15}, "duration", f"must be 5, 10 or 15 unless the model is {_MINI}")
            square = self.aspect_ratio in {"1:1", "21:9", "adaptive"}
            require(not square, "aspect_ratio", f"must be 16:9, 9:16, 4:3 or 3:4 unless the model is {_MINI}")
            require(self.reference_video_urls is None, "reference_video_urls", f"needs the model {_MINI}")
        require(
            self.aspect_ratio is None or self.images is None, "aspect_ratio", "cannot be given together with images"
        )
        return self

    def cost(self) -> Cost:
        """Mini's 1080p "is billed and sent upstream as 720p"."""
        seconds = self.duration or 5
        if self.model == _MINI:
            resolution = "480p" if self.resolution == "480p" else "720p"
            rate = _MINI_CREDITS[resolution, self.reference_video_urls is not None]
            amount = (rate * seconds).to_integral_value(ROUND_CEILING)
        else:
            amount = Decimal(_CREDITS[self.model or _STANDARD][seconds])
        return Cost(amount / _CREDITS_PER_DOLLAR, amount)


PRODUCTS: Mapping[str, type[Creation]] = {"video": Video}


def read_created(path: str, answer: ApiAnswer, *, at: datetime) -> Created:  # noqa: ARG001 (there is one)
    """Read `{code, data: {task_id, consumed_credits}}`."""
    root = ordering.opened(answer)
    code = ordering.code(root.raw("code"))
    ordering.check(code, answer, at=at, refused=_REFUSED, busy=_BUSY)
    if code not in {"", "200"}:
        raise ProviderRefusedError(ordering.unknown(code))
    data = root.object("data")
    return ordering.created([reading.optional(data.text, "task_id")], data.raw("consumed_credits"))
