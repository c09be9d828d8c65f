"""
Read one fragment, a `moof` (8.8.4-8.8.8).

Decides that the samples of each of its track runs lie inside the file, and adds what they last to the timelines. Never
decides whether more fragments should follow.
"""

from array import array
from struct import calcsize

from archive.errors import NotMediaError
from workers.boxes.box import TRUNCATED, Box
from workers.boxes.fields import MALFORMED, numbers, table, unpack, version
from workers.boxes.movie import Line

BASE_IS_MOOF = 0x02_0000  # flag of tfhd
TFHD_FIELDS = (  # flag, name and form of what a tfhd may state, in its order
    (0x01, "base", ">Q"),
    (0x02, "description", ">I"),
    (0x08, "duration", ">I"),
    (0x10, "size", ">I"),
)
DATA_OFFSET, FIRST_SAMPLE_FLAGS = 0x01, 0x04  # flags of trun: these fields stand before its table
TRUN_COLUMNS = (  # flag and name of its table's columns, in their order, four bytes each
    (0x100, "duration"),
    (0x200, "size"),
    (0x400, "flags"),
    (0x800, "composition"),
)


def read_fragment(moof: Box, origin: int, lines: dict[int, Line], size: int) -> None:
    """Add the `moof` that begins at *origin* in a file *size* bytes long to the timelines *lines*."""
    follows = origin  # 8.8.7: without a stated base, data follows the previous track's
    for traf in moof.all(b"traf"):
        tfhd = traf.first(b"tfhd").body
        flags, number = unpack(">II", tfhd)
        if number not in lines:
            raise NotMediaError(MALFORMED)
        line = lines[number]
        stated, at = dict[str, int](), 8
        for flag, name, code in TFHD_FIELDS:
            if flags & flag:
                (stated[name],) = unpack(code, tfhd, at)
                at += calcsize(code)
        base = stated.get("base", origin if flags & BASE_IS_MOOF else follows)
        duration, sample_size = line.defaults
        defaults = stated.get("duration", duration), stated.get("size", sample_size)
        follows, ticks, shortest = _read_runs(traf, base, defaults, size)
        if ticks:
            line.add(ticks, shortest)
        for tfdt in traf.all(b"tfdt"):
            (began,) = unpack(">Q" if version(tfdt.body) else ">I", tfdt.body, 4)
            line.end = max(line.end, began + ticks)


def _read_runs(traf: Box, base: int, defaults: tuple[int, int], size: int) -> tuple[int, int, int]:
    """Return where the data of *traf* ends in the file, its ticks, and those of its shortest sample."""
    at, ticks, shortest = base, 0, 0xFFFF_FFFF
    for trun in traf.all(b"trun"):
        flags, count = unpack(">II", trun.body)
        if flags & DATA_OFFSET:
            at = base + unpack(">i", trun.body, 8)[0]
        first_row = 8 + 4 * bool(flags & DATA_OFFSET) + 4 * bool(flags & FIRST_SAMPLE_FLAGS)
        columns = [name for flag, name in TRUN_COLUMNS if flags & flag]
        cells = numbers(table(trun.body, first_row, count, 4 * len(columns)), "I")
        (run_ticks, least), (run_bytes, _) = (
            _sum_and_least(cells[columns.index(name) :: len(columns)])
            if name in columns
            else (count * default, default)
            for name, default in zip(("duration", "size"), defaults, strict=True)
        )
        if at < 0:
            raise NotMediaError(MALFORMED)
        at += run_bytes
        ticks += run_ticks
        shortest = min(shortest, least) if count else shortest
        if at > size:
            raise NotMediaError(TRUNCATED)
    return at, ticks, shortest


def _sum_and_least(column: "array[int]") -> tuple[int, int]:
    return sum(column), min(column, default=0)
