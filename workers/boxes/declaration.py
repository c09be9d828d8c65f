"""
Weigh what a fragmented film declares of itself.

Decides whether such a film is whole: the fragments that were met against a segment index (`sidx`, 8.16.3), the muxer's
last box (`mfra`, 8.8.9-8.8.11) and the duration that `moov` declares. Never takes silence for a proof.
"""

from dataclasses import dataclass, field
from typing import Literal

from archive.errors import NotMediaError
from workers.boxes.box import TRUNCATED, Box
from workers.boxes.fields import numbers, table, unpack, version
from workers.boxes.movie import Movie

MISSING_SECONDS = 0.5  # a fragmented film that much shorter than declared is cut; edit lists explain less
ROUNDING_SECONDS = 0.002  # two ticks of the usual movie timescale: as long as declared


@dataclass(slots=True)
class Declaration:
    """What was met so far of a film's fragments, and of what says how many there should be."""

    fragments: set[int] = field(default_factory=set)  # offset of each moof
    indexed_to: int = 0  # offset: end of what a sidx before the first fragment covers
    has_mfra: bool = False

    def follow_index(self, sidx: Box, anchor: int, size: int, *, leading: bool) -> None:
        """
        Follow a segment index from *anchor*, the end of its box, to its own end, which must lie inside the file.

        Only one that leads and has several references speaks for the whole film: a single one may be the first of many,
        one per segment.
        """
        wide = version(sidx.body)
        offset, _, count = unpack(">QHH" if wide else ">IHH", sidx.body, 20 if wide else 16)
        references = numbers(table(sidx.body, 32 if wide else 24, count, 12), "I")
        end = anchor + offset + sum(reference & 0x7FFF_FFFF for reference in references[::3])  # 31 bits of size
        if end > size:
            raise NotMediaError(TRUNCATED)
        if leading and count > 1:
            self.indexed_to = max(self.indexed_to, end)

    def check_access(self, mfra: Box) -> None:
        """Believe `mfra`, the last box a muxer writes, when the fragments it lists stand where it says."""
        listed = set[int]()
        for tfra in mfra.all(b"tfra"):
            lengths, count = unpack(">II", tfra.body, 8)
            wide = 8 if version(tfra.body) else 4  # bytes of the time, and of the offset after it
            width = 2 * wide + sum((lengths >> shift & 3) + 1 for shift in (4, 2, 0))
            rows = table(tfra.body, 16, count, width)
            listed.update(int.from_bytes(rows[at + wide : at + 2 * wide]) for at in range(0, len(rows), width))
        self.has_mfra = listed <= self.fragments

    def weigh(self, movie: Movie) -> Literal[True] | None:
        """Return True when the film is proved whole, None when nothing tells; raise when it is proved cut."""
        seconds = movie.seconds
        if not seconds:
            raise NotMediaError(TRUNCATED)
        declared = movie.declared
        if declared <= movie.own_seconds:  # mvhd that speaks of moov's own samples only
            declared = 0.0
        reached = max(seconds, *(line.end / line.scale for line in movie.lines.values()))
        if reached < declared - MISSING_SECONDS:
            raise NotMediaError(TRUNCATED)
        as_declared = declared > 0 and abs(seconds - declared) <= ROUNDING_SECONDS
        indexed = self.indexed_to > max(self.fragments, default=0)
        return True if as_declared or indexed or self.has_mfra else None
