"""The answer: what the boxes of a film say of it. Values only; reads nothing and judges nothing."""

from dataclasses import dataclass
from typing import Literal

from archive.roles import Kind

Layout = Literal["moov_first", "moov_last", "fragmented"]


@dataclass(frozen=True)
class Track:
    """One track as its header describes it; width and height in pixels, 0 unless it is video."""

    kind: Literal["video", "audio", "other"]
    codec: str
    width: int
    height: int


@dataclass(frozen=True)
class Structure:
    """What the boxes say of a film or sound; `complete` is True, or None if nothing proves a fragmented one whole."""

    kind: Kind  # a film, or a sound where no track has pictures
    content_type: str
    extension: str
    layout: Layout
    duration: float | None
    tracks: tuple[Track, ...]
    complete: Literal[True] | None
