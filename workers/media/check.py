"""
Recognise a file's format by its first bytes, have it walked to its end, and compare it with what was wanted.

Decides by which refusal a file ends. Never reads beyond the head itself: each format is its own module's business.
"""

import threading
from collections.abc import Callable, Set
from dataclasses import replace
from typing import IO, Literal

from archive.errors import NotMediaError
from archive.roles import Kind
from workers.boxes import STILL, begins_with_box, check_structure
from workers.media.foreign import UNKNOWN, name_foreign
from workers.media.gif import walk_gif
from workers.media.jpeg import walk_jpeg
from workers.media.mp3 import walk_mp3
from workers.media.png import walk_png
from workers.media.reader import Reader
from workers.media.verdict import Media
from workers.media.wav import walk_wav
from workers.media.webp import walk_webp

AT_ONCE = 2  # files in one process: a hostile one costs 40 MiB, and no processor does two walks at a time
HEAD = 4096  # bytes to look at: an HTML page's <html> may stand behind a declaration and comments

PNG = Media(Kind.IMAGE, "png", "image/png", "png")
JPEG = Media(Kind.IMAGE, "jpeg", "image/jpeg", "jpg")
GIF = Media(Kind.IMAGE, "gif", "image/gif", "gif")
WEBP = Media(Kind.IMAGE, "webp", "image/webp", "webp")
WAV = Media(Kind.AUDIO, "wav", "audio/wav", "wav")
MP3 = Media(Kind.AUDIO, "mp3", "audio/mpeg", "mp3")

Walk = Callable[[Reader], Literal[True] | None]
SIGNATURES: tuple[tuple[int, bytes, Media, Walk], ...] = (  # where it stands, what it is, what it says, who walks on
    (0, b"\x89PNG", PNG, walk_png),
    (0, b"\xff\xd8\xff", JPEG, walk_jpeg),
    (0, b"GIF8", GIF, walk_gif),
    (8, b"WEBP", WEBP, walk_webp),
    (8, b"WAVE", WAV, walk_wav),
)
RIFF = (b"RIFF", b"RIFX", b"RF64", b"BW64")  # what the signatures at 8 stand behind
_turns = threading.BoundedSemaphore(AT_ONCE)
WRONG_KIND = {Kind.VIDEO: "video_file", Kind.IMAGE: "image_file", Kind.AUDIO: "audio_file"}


def check_media(file: IO[bytes], size: int, kinds: Set[Kind]) -> Media:
    """
    Say what *file*, *size* bytes long, is. Waits while AT_ONCE others are looked at.

    Raises:
        NotMediaError: it is no media, not of one of *kinds*, or not whole.
    """
    with _turns:
        return _recognised(file, size, kinds)


def _recognised(file: IO[bytes], size: int, kinds: Set[Kind]) -> Media:
    if size == 0:
        raise NotMediaError("empty_file")
    reader = Reader(file, size)
    head = reader.peek(0, HEAD)
    if begins_with_box(head):
        return _wanted(_check_boxes(file, size, kinds), kinds)
    for at, magic, media, walk in SIGNATURES:
        if head[at:].startswith(magic) and (at == 0 or head.startswith(RIFF)):
            return replace(_wanted(media, kinds), complete=walk(reader))
    slug = name_foreign(head)
    if slug != UNKNOWN:
        raise NotMediaError(slug)
    try:
        return _wanted(replace(MP3, complete=walk_mp3(reader)), kinds)
    except NotMediaError as exc:
        if exc.reason == UNKNOWN and kinds == {Kind.VIDEO}:
            raise NotMediaError("not_mp4") from None
        raise


def _wanted(media: Media, kinds: Set[Kind]) -> Media:
    if media.kind not in kinds:
        raise NotMediaError(WRONG_KIND[media.kind])
    return media


def _check_boxes(file: IO[bytes], size: int, kinds: Set[Kind]) -> Media:
    try:
        found = check_structure(file, size)
    except NotMediaError as exc:
        if exc.reason == STILL and Kind.IMAGE not in kinds:  # which picture format it is matters to nobody here
            raise NotMediaError(WRONG_KIND[Kind.IMAGE]) from None
        raise
    return Media(found.kind, "mov", found.content_type, found.extension, found.complete)
