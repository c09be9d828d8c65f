"""
Walk the chunks of a PNG (5.3) to IEND.

Decides that every chunk is there, that the critical ones are undamaged (their CRC) and that the header describes a
picture (11.2.1). A damaged ancillary chunk is passed over, as libpng does; so are IEND's CRC, which guards nothing, and
what follows it. APNG is a PNG whose further frames are ancillary chunks. Never inflates pixels.
"""

from typing import Literal
from zlib import crc32

from archive.errors import NotMediaError
from workers.media.reader import MALFORMED, NO_SIZE, Reader

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_LENGTH = 2**31 - 1  # 5.3
PALETTE = 3
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), PALETTE: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
ANCILLARY = 0x20  # bit 5 of a type's first byte (5.4)


def walk_png(reader: Reader) -> Literal[True]:
    """Return True; raise `NotMediaError` unless *reader*'s file is a whole PNG."""
    if reader.take(0, len(SIGNATURE)) != SIGNATURE:
        raise NotMediaError(MALFORMED)
    at, colour, seen = len(SIGNATURE), -1, set[bytes]()
    while b"IEND" not in seen:
        reader.spend()
        length, kind = reader.fields(">I4s", at, 8)
        if length > MAX_LENGTH or not kind.isalpha():
            raise NotMediaError(MALFORMED)
        end = reader.inside(at + 12 + length)
        ancillary = kind[0] & ANCILLARY
        if not seen and (kind, length) != (b"IHDR", 13):
            raise NotMediaError(MALFORMED)
        if not ancillary and kind != b"IEND":
            _check_sum(reader, at, length)
        if kind == b"IHDR":
            colour = _colour_type(reader, at + 8)
        if kind == b"IDAT" and colour == PALETTE and b"PLTE" not in seen:
            raise NotMediaError(MALFORMED)
        if (not ancillary and length) or kind == b"IEND":  # an empty IDAT holds no picture
            seen.add(kind)
        at = end
    if b"IDAT" not in seen:
        raise NotMediaError(MALFORMED)
    return True


def _check_sum(reader: Reader, at: int, length: int) -> None:
    """Compare the CRC of the chunk at *at*: over its type and its data (5.5)."""
    crc = 0
    for piece in reader.pieces(at + 4, 4 + length):
        crc = crc32(piece, crc)
    if reader.fields(">I", at + 8 + length, 4) != (crc,):
        raise NotMediaError(MALFORMED)


def _colour_type(reader: Reader, at: int) -> int:
    width, height, depth, colour, compression, filtering, interlace = reader.fields(">IIBBBBB", at, 13)
    if not width or not height:
        raise NotMediaError(NO_SIZE)
    known = depth in DEPTHS.get(colour, ()) and (compression, filtering) == (0, 0) and interlace in (0, 1)
    if not known or max(width, height) > MAX_LENGTH:
        raise NotMediaError(MALFORMED)
    return int(colour)
