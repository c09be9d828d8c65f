"""
Walk the frames of an MP3 (MPEG audio of any layer) from tag to tag.

Decides that the last frame is there to its end and, where the first one declares their number (Xing, Info or VBRI),
that all are. Without that number a cut between two frames leaves a flawless shorter sound: `complete` is then None.
Tags around the frames, zero bytes or a torn frame before the first, and stray bytes between frames are passed over, as
decoders do.
"""

import re
from dataclasses import dataclass
from typing import Literal

from archive.errors import NotMediaError
from workers.media.foreign import UNKNOWN
from workers.media.mpeg_audio import HEADER, LIKELY, SYNC, Ruler, header_at, ruler_at
from workers.media.reader import TRUNCATED, Reader
from workers.media.tags import after_leading, after_trailing, before_trailing

MAX_LEAD = 1 << 16  # bytes before the first frame that are neither tag nor padding nor frame
MAX_PADDING = 1 << 19  # zero bytes before those, which editors leave where a tag or its picture was
WRITTEN = re.compile(rb"[^\0]")
CERTAIN = 16  # frames that follow each other in a file that nothing else says to be sound
HAS_FRAMES, HAS_BYTES = 1, 2  # flags of a Xing or Info tag
XING_AT = frozenset((13, 15, 21, 23, 36, 38))  # behind the side information, which the version and channels size


def walk_mp3(reader: Reader) -> Literal[True] | None:
    """Return True, or None where no number of frames is declared; raise `NotMediaError` unless it is a whole MP3."""
    start, end = after_leading(reader, 0), before_trailing(reader)
    tagged = start > 0
    at = _behind_padding(reader, start, end)
    limit = min(end, at + MAX_LEAD)
    expected = ruler_at(reader, at, end) if tagged or not at else None
    found = (at, expected) if expected else _find_stream(reader, at, limit, end, LIKELY if tagged else CERTAIN)
    if found is None:
        raise NotMediaError(TRUNCATED if tagged and limit == end else UNKNOWN)
    first, ruler = found
    walked = _walk_frames(reader, first, end, ruler)
    if not tagged and first and 2 * walked.size < end - at:  # pixels can look like a few frames
        raise NotMediaError(UNKNOWN)
    head = reader.take(first, min(ruler.measure(header_at(reader, first, end)), end - first))
    declared, size = declaration(head)
    if declared is None:
        return None
    # The frame that declares is no sound itself. Some encoders count it, which their number of bytes shows.
    if walked.frames - 1 >= declared or (walked.frames == declared and 0 < size <= walked.end - first):
        return True
    raise NotMediaError(TRUNCATED)


def _behind_padding(reader: Reader, at: int, end: int) -> int:
    """Return the offset behind the zero bytes from *at*, no more than `MAX_PADDING`."""
    limit = min(end, at + MAX_PADDING)
    written = reader.find(WRITTEN, 1, at, limit)
    return max(at, limit) if written is None else written


def _find_stream(reader: Reader, at: int, limit: int, end: int, proof: int) -> tuple[int, Ruler] | None:
    """Return where a stream of at least *proof* frames begins, between *at* and *limit*, and its ruler."""
    for place in reader.finds(SYNC, 2, at, limit):
        if ruler := ruler_at(reader, place, end, proof=proof):
            return place, ruler
    return None


@dataclass(slots=True)
class Walked:
    """What a walk met: the frames, their bytes, and where the last one ends."""

    end: int
    frames: int = 0
    size: int = 0


def _walk_frames(reader: Reader, at: int, end: int, ruler: Ruler) -> Walked:
    """Walk the frames from *at* to *end*."""
    walked = Walked(at)
    while at < end:
        reader.spend()
        length = ruler.measure(header_at(reader, at, end))
        if length:
            at += length
            walked.end = at
            walked.frames += 1
            walked.size += length
            if at > end:
                raise NotMediaError(TRUNCATED)
        elif end - at < HEADER and reader.peek(at, 1) == b"\xff":
            raise NotMediaError(TRUNCATED)
        elif (behind := after_trailing(reader, at, end)) > at:
            at = behind
        elif found := _find_stream(reader, at, end, end, LIKELY):
            at, ruler = found
        else:
            break
    return walked


def declaration(frame: bytes) -> tuple[int | None, int]:
    """Return the number of frames and of bytes that the first *frame* declares; None and 0 where it does not."""
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54]) or None, int.from_bytes(frame[46:50])
    for at in XING_AT:
        if frame[at : at + 4] in (b"Xing", b"Info") and len(frame) >= at + 16:
            flags, one, two = (int.from_bytes(frame[at + n : at + n + 4]) for n in (4, 8, 12))
            size = (two if flags & HAS_FRAMES else one) if flags & HAS_BYTES else 0
            return (one or None) if flags & HAS_FRAMES else None, size
    return None, 0
