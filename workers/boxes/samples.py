"""
Follow a track's sample tables (8.6-8.7).

Decides where the last byte of a track's samples must lie, and how long they last. Never looks at a sample; knows
neither the file's size nor the track's clock.
"""

from array import array
from operator import mul

from archive.errors import NotMediaError
from workers.boxes.box import Box
from workers.boxes.fields import MALFORMED, counted, numbers, table, unpack

DIGITS = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))


def total_ticks(stbl: Box) -> tuple[int, int]:
    """Return the sum of all sample durations (`stts`), in ticks of the track, and the shortest of them."""
    runs = numbers(counted(stbl.first(b"stts").body, 8), "I")
    return sum(map(mul, runs[::2], runs[1::2])), min(runs[1::2], default=0)


def last_byte(stbl: Box, *, sound: bool) -> int:
    """Return the highest offset at which a sample ends (`stsz`, `stz2`, `stsc`, `stco`, `co64`), or 0."""
    stated, each, count = _sizes(stbl.first(b"stsz", b"stz2"))
    sizes = memoryview(stated)  # its slices are no copies
    if sound and each == 1:
        each = 0  # QuickTime counts PCM frames here, packed by rules of the codec: only the start is known
    stco = stbl.first(b"stco", b"co64")
    offsets = numbers(counted(stco.body, 8), "Q") if stco.kind == b"co64" else numbers(counted(stco.body, 4), "I")
    runs = numbers(counted(stbl.first(b"stsc").body, 12), "I")
    firsts = runs[::3] + array("I", [len(offsets) + 1])
    end = sample = 0
    for first, after, per_chunk in zip(firsts, firsts[1:], runs[1::3], strict=False):
        if not 0 < first < after <= len(offsets) + 1:  # chunks are counted from 1
            raise NotMediaError(MALFORMED)
        for offset in offsets[first - 1 : after - 1]:
            following = min(sample + per_chunk, count)
            end = max(end, offset + (sum(sizes[sample:following]) if sizes else (following - sample) * each))
            sample = following
    if sample < count:
        raise NotMediaError(MALFORMED)
    return end


def _sizes(box: Box) -> tuple["array[int]", int, int]:
    """Return the samples' sizes, or none and the size that all share; and how many samples there are."""
    each, count = unpack(">II", box.body, 4)
    if box.kind == b"stsz":
        return (array("I"), each, count) if each else (numbers(table(box.body, 12, count, 4), "I"), 0, count)
    bits = each & 0xFF  # stz2: three reserved bytes stand before the field size
    if bits not in (4, 8, 16):
        raise NotMediaError(MALFORMED)
    rows = table(box.body, 12, (count * bits + 7) // 8, 1)
    if bits == 4:
        return array("B", rows.hex().encode().translate(DIGITS)), 0, count  # and a padding half
    return numbers(rows, "H" if bits == 16 else "B"), 0, count
