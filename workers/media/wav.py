"""
Walk the chunks of a WAV: RIFF, its big-endian form RIFX, and RF64 or BW64 with 64-bit lengths (EBU Tech 3306).

Decides that a format with channels, and all samples and chunks that are declared, are there. A writer that could not
seek back leaves the length of `data` open: then nothing declares the end. Passed over, as in FFmpeg: missing padding, a
RIFF length that is too small or a few bytes too large, stray bytes behind the samples. Never reads a sample.
"""

from typing import Literal

from archive.errors import NotMediaError
from workers.media.reader import MALFORMED, TRUNCATED, Reader

WIDE = frozenset((b"RF64", b"BW64"))
UNCOUNTED = 8  # bytes that writers announce too many: the RIFF header itself, or padding they leave out


def walk_wav(reader: Reader) -> Literal[True] | None:
    """Return True, or None where no length is declared; raise `NotMediaError` unless the file is a WAV, and whole."""
    form = reader.take(0, 4)
    order = ">" if form == b"RIFX" else "<"
    (riff,) = reader.fields(order + "I", 4, 4)
    at, channels, rate, wide_data = 12, 0, 0, 0
    while True:
        reader.spend()
        kind, length = reader.fields(order + "4sI", at, 8)
        if kind == b"data":
            break
        if kind == b"ds64" and form in WIDE:
            riff, wide_data = reader.fields("<QQ", at + 8, 16)
        elif kind == b"fmt ":
            channels, rate = reader.fields(order + "2xHI", at + 8, 8)
        at = _after(reader, at, length)
    if not channels or not rate:
        raise NotMediaError(MALFORMED)
    if form in WIDE and length == 0xFFFF_FFFF:
        length = wide_data
    samples = reader.size - (at + 8)
    if not samples:
        raise NotMediaError(TRUNCATED if length else "zero_duration")
    if _is_open(length) and not 0 < length <= samples:
        return None
    _walk_rest(reader, _after(reader, at, length), order, riff)
    return True


def _walk_rest(reader: Reader, at: int, order: str, riff: int) -> None:
    """Walk the chunks behind the samples, as far as the RIFF header's length reaches."""
    announced = 8 + riff
    while at < min(reader.size, announced) and all(0x20 <= byte < 0x7F for byte in reader.peek(at, 4)):
        reader.spend()
        at = _after(reader, at, reader.fields(order + "4xI", at, 8)[0])
    if announced > reader.size + UNCOUNTED and not _is_open(riff):
        raise NotMediaError(TRUNCATED)


def _after(reader: Reader, at: int, length: int) -> int:
    """Return where the chunk after that at *at* begins; the padding of an odd *length* may have been left out."""
    end = reader.inside(at + 8 + length)
    return end + (length & 1 and reader.peek(end, 1) == b"\0")


def _is_open(length: int) -> bool:
    """Tell whether *length* is what writers put in until they know it: nothing, or (nearly) the highest number."""
    return length in (0, 1 << 31) or length >> 63 == 1 or length & 0x7FFF_FFFF >= 0x7FFF_F000
