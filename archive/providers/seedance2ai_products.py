"""
The three products of seedance2ai.io and the tables of their parameters. Pure.

Source: the provider's page "Seedance 2 AI Public API" (seed 002_02ca32f38aa9b0f8, read 2026-11). It has no prices: the
credits in its examples are examples.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from archive.creation import Creation
from archive.providers.parameters import AsList, HttpsUrl, Seed, Switch, Whole, require, whole


def _seconds(value: Any) -> str:
    """The page's duration is text that holds a number."""
    seconds = whole(value)
    if not 4 <= seconds <= 15:
        raise ValueError("must be 4 to 15")
    return str(seconds)


class Seedance2(Creation):
    """
    Films: `POST /api/v1/video/seedance2` (seed 002, read 2026-11).

    Left out, the mode is text-to-video, tier and channel are standard.
    """

    PATH: ClassVar[str] = "/api/v1/video/seedance2"

    mode: Literal["text-to-video", "image-to-video", "media-to-video"] | None = None
    quality_tier: Literal["mini", "standard", "pro"] | None = None
    channel: Literal["standard", "real", "wild"] | None = None
    prompt: str = Field(min_length=3, max_length=10_000)
    aspect_ratio: Literal["1:1", "21:9", "4:3", "3:4", "16:9", "9:16", "adaptive"] | None = None
    duration: Annotated[str, BeforeValidator(_seconds)] | None = None
    resolution: Literal["720p", "1080p", "1080p-plus", "4k"] | None = None
    image_url: HttpsUrl | None = None
    end_image_url: HttpsUrl | None = None
    media_urls: Annotated[list[HttpsUrl], Field(min_length=1, max_length=12), AsList] | None = None
    generate_audio: Switch | None = None
    fixed_lens: Switch | None = None
    seed: Seed | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Seedance2":
        mode = self.mode or "text-to-video"
        for field, given, owner in (
            ("image_url", self.image_url, "image-to-video"),
            ("media_urls", self.media_urls, "media-to-video"),
        ):
            require(given is None or mode == owner, field, f"only with mode {owner}")
            require(given is not None or mode != owner, field, f"needed with mode {owner}")
        assetless = mode == "text-to-video"
        require(self.end_image_url is None or not assetless, "end_image_url", "not with mode text-to-video")
        pro_only = self.resolution in {"1080p-plus", "4k"}
        require(not pro_only or self.quality_tier == "pro", "resolution", "1080p-plus and 4k need quality_tier pro")
        require(self.seed is None or self.channel != "real", "seed", "not on the channel real")
        require(self.seed is None or self.quality_tier != "mini", "seed", "not with quality_tier mini")
        return self


class _Image(Creation):
    """What both image products share: images are given exactly where the type says so."""

    type: Literal["text-to-image", "image-to-image"]

    def _check_images(self, given: list[str] | None) -> None:
        wanted = self.type == "image-to-image"
        require(given is None or wanted, "image_urls", "only with type image-to-image")
        require(given is not None or not wanted, "image_urls", "needed with type image-to-image")


class GptImage2(_Image):
    """Images: `POST /api/v1/image/gpt-image-2` (seed 002, read 2026-11). A batch becomes several tasks."""

    PATH: ClassVar[str] = "/api/v1/image/gpt-image-2"

    prompt: str = Field(min_length=3, max_length=20_000)
    resolution: Literal["1K", "2K", "4K"]
    aspect_ratio: Literal[
        "auto",
        "1:1",
        "5:4",
        "9:16",
        "21:9",
        "16:9",
        "4:3",
        "3:2",
        "4:5",
        "3:4",
        "2:3",
        "2:1",
        "1:2",
        "3:1",
        "1:3",
        "9:21",
    ]
    channel: Literal["standard", "economy"] | None = None
    batch_count: Annotated[Whole, Field(ge=1, le=4)] | None = None
    image_urls: Annotated[list[HttpsUrl], Field(min_length=1, max_length=10), AsList] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "GptImage2":
        self._check_images(self.image_urls)
        return self


class NanoBananaPro(_Image):
    """Images: `POST /api/v1/image/nano-banana-pro` (seed 002, read 2026-11)."""

    PATH: ClassVar[str] = "/api/v1/image/nano-banana-pro"

    prompt: str = Field(min_length=3, max_length=10_000)
    image_size: Literal["1:1", "9:16", "16:9", "3:4", "4:3", "3:2", "2:3", "5:4", "4:5", "21:9", "auto"] | None = None
    output_format: Literal["png", "jpeg"] | None = None
    resolution: Literal["1K", "2K", "4K"] | None = None
    image_urls: Annotated[list[HttpsUrl], Field(min_length=1, max_length=8), AsList] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "NanoBananaPro":
        self._check_images(self.image_urls)
        return self


PRODUCTS: Mapping[str, type[Creation]] = {
    "seedance2": Seedance2,
    "gpt-image-2": GptImage2,
    "nano-banana-pro": NanoBananaPro,
}
