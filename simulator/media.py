"""Name the kinds of files that providers give, and what a file host says of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Layout = Literal["moov_first", "moov_last", "fragmented"]
Media = Literal["mp4", "png", "jpeg", "webp", "gif", "mp3", "wav", "m4a"]  # also the suffix of the file's name
Kind = Literal["video", "image", "audio"]


@dataclass(frozen=True)
class Film:
    """One finished file, with the digest of the bytes as they were made. Images and sounds are films too, here."""

    path: Path
    size: int
    sha256: str
    layout: Layout | None  # None: no MP4 film


@dataclass(frozen=True)
class Shelf:
    """What the file host says of a medium, and in which folder it keeps it."""

    kind: Kind
    content_type: str
    folder: str


SHELVES: Final[Mapping[Media, Shelf]] = {
    "mp4": Shelf("video", "video/mp4", "videos"),
    "png": Shelf("image", "image/png", "images"),
    "jpeg": Shelf("image", "image/jpeg", "images"),
    "webp": Shelf("image", "image/webp", "images"),
    "gif": Shelf("image", "image/gif", "images"),
    "mp3": Shelf("audio", "audio/mpeg", "audio"),
    "wav": Shelf("audio", "audio/wav", "audio"),
    "m4a": Shelf("audio", "audio/mp4", "audio"),
}
SECOND_FOLDER: Final = "provider"  # where seedance2ai's `provider_url` leads: the same bytes by another path
FOLDERS: Final = (*dict.fromkeys(shelf.folder for shelf in SHELVES.values()), SECOND_FOLDER)
