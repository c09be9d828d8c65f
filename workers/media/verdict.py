"""The answer: what a media file is. Values only; reads nothing and judges nothing."""

from dataclasses import dataclass
from typing import Literal

from archive.roles import Kind

Format = Literal["mov", "png", "jpeg", "webp", "gif", "mp3", "wav"]


@dataclass(frozen=True)
class Media:
    """A file whose format was walked to its end; `complete` is True, or None if it declares no end."""

    kind: Kind
    format: Format
    content_type: str
    extension: str
    complete: Literal[True] | None = True
