"""
Walk the chunks of a WebP (RFC 9649) to the end its RIFF header states.

Decides that the whole is there, and in it a picture or a frame that begins as VP8 (RFC 6386, 9.1) or VP8L (RFC 9649,
3.4) must. What follows the stated end is passed over. Never decodes a picture.
"""

from collections.abc import Iterator
from typing import Literal

from archive.errors import NotMediaError
from workers.media.reader import MALFORMED, NO_SIZE, Reader

FIRST = frozenset((b"VP8 ", b"VP8L", b"VP8X"))
FRAME_HEADER = 16  # bytes of an ANMF before its own chunks (2.7.1.1)


def walk_webp(reader: Reader) -> Literal[True]:
    """Return True; raise `NotMediaError` unless *reader*'s file is a whole WebP."""
    (length,) = reader.fields("<I", 4, 4)
    end = reader.inside(8 + length)
    pictures = 0
    for number, (kind, at, stop) in enumerate(_chunks(reader, 12, end)):
        if not number and kind not in FIRST:
            raise NotMediaError(MALFORMED)
        if kind == b"ANMF":
            pictures += sum(_is_picture(reader, *chunk) for chunk in _chunks(reader, at + FRAME_HEADER, stop))
        else:
            pictures += _is_picture(reader, kind, at, stop)
    if not pictures:
        raise NotMediaError(MALFORMED)
    return True


def _chunks(reader: Reader, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the body of each chunk from *at*; none reaches behind *end*."""
    while end - at >= 8:
        reader.spend()
        kind, length = reader.fields("<4sI", at, 8)
        stop = at + 8 + length
        if stop > end:
            raise NotMediaError(MALFORMED)
        yield kind, at + 8, stop
        at = stop + (length & 1)


def _is_picture(reader: Reader, kind: bytes, at: int, stop: int) -> bool:
    """Tell whether a chunk is a picture; one that is must begin as its codec demands."""
    head = reader.peek(at, min(10, stop - at))
    if kind == b"VP8 ":
        tag = int.from_bytes(head[:3], "little")
        # a key frame, its start code, and a first partition that lies inside
        if len(head) < 10 or tag & 1 or head[3:6] != b"\x9d\x01\x2a" or tag >> 5 >= stop - at:
            raise NotMediaError(MALFORMED)
        if not all(int.from_bytes(head[n : n + 2], "little") & 0x3FFF for n in (6, 8)):
            raise NotMediaError(NO_SIZE)
    elif kind == b"VP8L":
        if len(head) < 5 or head[0] != 0x2F or head[4] >> 5:  # signature; the version is 0
            raise NotMediaError(MALFORMED)
    else:
        return False
    return True
