"""
Measure frames of MPEG audio (ISO/IEC 11172-3, 2.4.1-2.4.2; 13818-3, 2.4.2; the unofficial 2.5), layers I to III.

Decides whether a header can begin a frame, how long that is, and whether it belongs to the same stream as another.
Never decodes a frame.
"""

import re
import struct
from dataclasses import dataclass

from workers.media.reader import Reader

SYNC = re.compile(rb"\xff[\xe2-\xe7\xf2-\xff]")  # no reserved version or layer
SAME = 0xFFFE_0C00  # bits of a header that all frames of a stream share: sync, version, layer, sample rate
BITRATE = 0xF000
HEADER = 4  # bytes
MAX_FREE = 8192  # bytes of a free-format frame; encoders go to 640 kbit/s, which is 2,880
LIKELY = 3  # frames that follow each other: no accident where sound is to be expected

_RATES = ((11025, 12000, 8000), (), (22050, 24000, 16000), (44100, 48000, 32000))  # by version, Hz
_KBITS = {  # by whether the version is 1, and by layer
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def is_header(word: int) -> bool:
    """Tell whether a 32-bit *word* can be a frame's header."""
    version, layer, rate = word >> 19 & 3, word >> 17 & 3, word >> 10 & 3
    return word >> 21 == 0x7FF and version != 1 and layer != 0 and rate != 3 and word & BITRATE != BITRATE


def _length(word: int) -> int:
    """Return the bytes of the frame with the header *word*, whose bitrate is stated."""
    version, layer = word >> 19 & 3, 4 - (word >> 17 & 3)
    kbits = _KBITS[version == 3, layer][(word >> 12 & 15) - 1]
    rate = _RATES[version][word >> 10 & 3]
    if layer == 1:
        return 12_000 * kbits // rate * 4 + _padding(word)
    slots = 72_000 if layer == 3 and version != 3 else 144_000
    return slots * kbits // rate + _padding(word)


@dataclass(frozen=True, slots=True)
class Ruler:
    """Measures the frames of one stream: those that share the header *like*; *free* is the bytes of an unpadded one."""

    like: int
    free: int = 0

    def measure(self, word: int) -> int:
        """Return the bytes of the frame with the header *word*, or 0 if it is none of this stream's."""
        if (word ^ self.like) & SAME or not is_header(word):
            return 0
        if word & BITRATE:
            return _length(word)
        return self.free + _padding(word) if self.free else 0


def ruler_at(reader: Reader, at: int, end: int, *, proof: int = 0) -> Ruler | None:
    """
    Return a ruler for the stream that begins at *at* in what ends at *end*; None where none begins.

    *proof* is the number of frames that must follow each other; without it `LIKELY` ones, or all up to the end: where a
    stream is to be expected it may be a short one, or a cut one.
    """
    word = header_at(reader, at, end)
    if not is_header(word):
        return None
    if word & BITRATE:
        ruler = Ruler(word)
        return ruler if _confirmed(reader, ruler, at, end, proof) else None
    return None if proof else _free_ruler(reader, word, at, end)


def _free_ruler(reader: Reader, word: int, at: int, end: int) -> Ruler | None:
    """Measure a stream whose bitrate is free (bits 0), by the distance to its second frame."""
    for place in reader.finds(SYNC, 2, at + HEADER, min(end, at + MAX_FREE)):
        ruler = Ruler(word, place - at - _padding(word))
        alike = not (header_at(reader, place, end) ^ word) & (SAME | BITRATE)
        if alike and _confirmed(reader, ruler, at, end, 0):
            return ruler
    return None


def header_at(reader: Reader, at: int, end: int) -> int:
    """Return the 32 bits at *at*, or 0 where they do not end by *end*."""
    return int(struct.unpack(">I", reader.take(at, HEADER))[0]) if at + HEADER <= end else 0


def _padding(word: int) -> int:
    """Return the bytes by which padding lengthens the frame: a slot, which is 4 bytes in layer I."""
    return (word >> 9 & 1) * (4 if word >> 17 & 3 == 3 else 1)


def _confirmed(reader: Reader, ruler: Ruler, at: int, end: int, proof: int) -> bool:
    for _ in range(proof or LIKELY):
        reader.spend()
        length = ruler.measure(header_at(reader, at, end))
        if not length:
            return False
        at += length
        if at + HEADER > end:
            return not proof
    return True
