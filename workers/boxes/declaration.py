"""
Weigh what a fragmented film declares of itself.

Decides whether such a film is whole: the fragments that were met against a segment index (`sidx`, 8.16.3), the muxer's
last box (`mfra`, 8.8.9-8.8.11) and the duration that `moov` declares. Never takes silence for a proof.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

from archive.errors import NotMediaError
from workers.boxes.box import TRUNCATED, Box
from workers.boxes.fields import numbers, table, unpack, version
from workers.boxes.movie import Line, Movie

MISSING_SECONDS = 0.5  # a fragmented film that much shorter than declared is cut; edit lists explain less
ROUNDING_SECONDS = 0.002  # two ticks of the usual movie timescale: as long as declared


@dataclass(slots=True)
class Declaration:
    """What was met so far of a film's boxes, and of what says which there should be."""

    edges: set[int] = field(default_factory=set)  # offset of each box at file level, and of the end
    fragments: set[int] = field(default_factory=set)  # offset of each moof
    indexes: list["array[int]"] = field(default_factory=list)  # offsets at which each leading sidx has a segment begin
    has_mfra: bool = False

    def add_fragment(self, at: int) -> None:
        """Note the `moof` at offset *at*; an `mfra` before it was not the last word."""
        self.fragments.add(at)
        self.has_mfra = False

    def follow_index(self, sidx: Box, anchor: int, size: int, *, leading: bool) -> None:
        """
        Follow a segment index from *anchor*, the end of its box, to its own end, which must lie inside the file.

        Only one that leads and has several references speaks for the whole film: a single one may be the first of many,
        one per segment. Nor does one that refers to further indexes, which would have to be followed.
        """
        wide = version(sidx.body)
        offset, _, count = unpack(">QHH" if wide else ">IHH", sidx.body, 20 if wide else 16)
        references = numbers(table(sidx.body, 32 if wide else 24, count, 12), "I")[::3]
        sizes = (reference & 0x7FFF_FFFF for reference in references)  # the highest bit says that it is an index
        segments = list(accumulate(sizes, initial=anchor + offset))
        if segments[-1] > size:
            raise NotMediaError(TRUNCATED)
        if leading and count > 1 and not max(references) >> 31:
            self.indexes.append(array("Q", segments))

    def check_access(self, mfra: Box) -> None:
        """Believe `mfra`, the last box a muxer writes, when the fragments it lists stand where it says."""
        self.has_mfra = all(at in self.fragments for tfra in mfra.all(b"tfra") for at in _listed(tfra.body))

    def weigh(self, movie: Movie) -> Literal[True] | None:
        """Return True when the film is proved whole, None when nothing tells; raise when it is proved cut."""
        seconds = movie.seconds
        if not seconds:
            raise NotMediaError(TRUNCATED)
        declared = movie.declared_of_all
        reached = max(seconds, *(line.end / line.scale for line in movie.lines.values()))
        if reached < declared - MISSING_SECONDS:
            raise NotMediaError(TRUNCATED)
        near = declared > 0 and abs(seconds - declared) <= ROUNDING_SECONDS
        as_declared = near and not any(_has_room(line, declared) for line in movie.lines.values())
        return True if as_declared or self._is_indexed() or self.has_mfra else None

    def _is_indexed(self) -> bool:
        """
        Tell whether every leading index has each segment begin at a box, and one reaches past the last fragment.

        FFmpeg adds up an index for each of several tracks as if the fragments of the others were not between its own:
        such a one may end anywhere.
        """
        last = max(self.fragments, default=0)
        return any(index[-1] > last for index in self.indexes) and all(
            at in self.edges for index in self.indexes for at in index
        )


def _listed(tfra: memoryview) -> Iterable[int]:
    """Yield the offset of the fragment that each row of a `tfra` names."""
    lengths, count = unpack(">II", tfra, 8)
    wide = 8 if version(tfra) else 4  # bytes of the time, and of the offset after it
    width = 2 * wide + sum((lengths >> shift & 3) + 1 for shift in (4, 2, 0))
    rows = table(tfra, 16, count, width)
    return (int.from_bytes(rows[at + wide : at + 2 * wide]) for at in range(0, len(rows), width))


def _has_room(line: Line, declared: float) -> bool:
    """Tell whether a further sample of *line* could have ended by *declared* seconds: then it may have been cut off."""
    return line.track.kind != "other" and declared - line.seconds >= line.shortest / line.scale
