"""
GlobalAiOpc, zcbservice.aizfw.cn ("kyyAiPower"): what can be ordered and what it answers. Pure.

Source: its page "Seedance Create Video Task" (seed 003_000ae21645a6f43b, read 2026-11), which documents neither errors
nor prices.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from archive.creation import Created, CreatePath, Creation
from archive.errors import ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import ordering, reading
from archive.providers.content import ContentCreation, Image, Text
from archive.providers.parameters import Switch, Whole, require

VIDEOS = "/kyyAiPower/v1/seedance/videos"
CREATE_PATHS: Mapping[str, CreatePath] = {VIDEOS: CreatePath(VIDEOS, None)}

_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_MAX_CHINESE, _MAX_WORDS = 500, 1000
_AUTO = -1
# The 2.0 models say their seconds by name; the page's heading "1-5 seconds" over the first does not match its own.
_SECONDS = {
    **dict.fromkeys(("seedance_1_5_pro_480p", "seedance_1_5_pro_720p", "seedance_1_5_pro_1080p"), range(4, 13)),
    "seedance_2_0_4s_5s": range(4, 6),
    "seedance_2_0_6s_10s": range(6, 11),
    "seedance_2_0_11s_15s": range(11, 16),
}


class Video(ContentCreation):
    """
    `POST /kyyAiPower/v1/seedance/videos` (seed 003, read 2026-11).

    Reference images are documented for "1.0 lite i2v", which is none of the listed models; whether a listed one takes
    them is the provider's to say.
    """

    PATH: ClassVar[str] = VIDEOS

    model: Literal[
        "seedance_1_5_pro_480p",
        "seedance_1_5_pro_720p",
        "seedance_1_5_pro_1080p",
        "seedance_2_0_4s_5s",
        "seedance_2_0_6s_10s",
        "seedance_2_0_11s_15s",
    ]
    ratio: Literal["16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"] | None = None
    duration: Annotated[Whole, Field(ge=_AUTO)] | None = None
    generate_audio: Switch | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Video":
        is_pro, seconds = self.model.startswith("seedance_1_5_pro"), _SECONDS[self.model]
        known = self.duration is None or self.duration in seconds or (is_pro and self.duration == _AUTO)
        rule = f"must be {seconds.start} to {seconds.stop - 1}" + (f", or {_AUTO} for any" if is_pro else "")
        require(known, "duration", f"{rule} for {self.model}")
        require(is_pro or not self.generate_audio, "generate_audio", "only 1.5 pro makes sound")
        for entry in self.content:
            if isinstance(entry, Text):
                require(
                    len(_CHINESE.findall(entry.text)) <= _MAX_CHINESE, "content", "a text is at most 500 characters"
                )
                words = _WORD.findall(_CHINESE.sub(" ", entry.text))
                require(len(words) <= _MAX_WORDS, "content", "a text is at most 1000 words")
        self._images()
        return self

    def _images(self) -> None:
        """First frame, first and last frames, and reference images cannot be mixed."""
        roles = [entry.role or "first_frame" for entry in self.content if isinstance(entry, Image)]
        first, last, references = (roles.count(role) for role in ("first_frame", "last_frame", "reference_image"))
        require(first <= 1, "content", "at most one first_frame, which an image without role is too")
        require(last <= first, "content", "at most one last_frame, and only beside a first_frame")
        require(references <= 4, "content", "at most four reference_image")
        require(not (first and references), "content", "frames and reference_image cannot be mixed")


PRODUCTS: Mapping[str, type[Creation]] = {"video": Video}


def read_created(path: str, answer: ApiAnswer, *, at: datetime) -> Created:  # noqa: ARG001 (there is one)
    """Read `{id, status}`. `error`, elsewhere free text, is not read: HTTP's status says what an error means."""
    root = ordering.opened(answer)
    ordering.check("", answer, at=at, refused={}, busy=frozenset())
    if root.raw("error") is not None and not root.raw("id"):
        raise ProviderRefusedError("refused")
    return ordering.created([reading.optional(root.text, "id")])
