"""
Read `moov`: the tracks, their clocks, and how long the film says it is.

Decides that every sample of its own tables lies inside the file. Never decides whether the film is whole: fragments may
follow, and add to the timelines kept here.
"""

from dataclasses import dataclass
from typing import Literal

from archive.errors import NotMediaError
from workers.boxes.box import TRUNCATED, Box, span_of
from workers.boxes.fields import MALFORMED, unpack, version
from workers.boxes.reference import check_own_media
from workers.boxes.samples import last_byte, total_ticks
from workers.boxes.structure import Layout, Track

UNKNOWN_DURATION = frozenset((0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF))  # ticks: unstated, in either width (8.2.2.3)


@dataclass(slots=True)
class Line:
    """A track's timeline, in ticks of its own scale."""

    track: Track
    scale: int  # ticks a second
    ticks: int  # sum of all sample durations
    shortest: int = 0  # ticks of its shortest sample
    end: int = 0  # where its last fragment ends, on the film's clock
    defaults: tuple[int, int] = (0, 0)  # trex: sample duration in ticks, sample size in bytes

    @property
    def seconds(self) -> float:
        """How long its samples last."""
        return self.ticks / self.scale

    def add(self, ticks: int, shortest: int) -> None:
        """Add samples that last *ticks*, the shortest of them *shortest*."""
        self.shortest = min(self.shortest, shortest) if self.ticks else shortest
        self.ticks += ticks


@dataclass(slots=True)
class Movie:
    """What `moov` says, and what fragments added since."""

    layout: Layout
    declared: float  # seconds; 0.0 if unstated
    declared_of_all: float  # seconds, where that is said of the fragments too, else 0.0
    lines: dict[int, Line]  # by track number

    @property
    def seconds(self) -> float:
        """How long the samples of its longest track last."""
        return max((line.seconds for line in self.lines.values()), default=0.0)

    def of(self, kind: Literal["video", "audio"]) -> list[Line]:
        """Return the timelines of its tracks of *kind*."""
        return [line for line in self.lines.values() if line.track.kind == kind]


def read_movie(moov: Box, size: int, *, after_media: bool) -> Movie:
    """Read the `moov` of a file *size* bytes long."""
    layout: Layout = "moov_last" if after_media else "moov_first"
    lines = dict[int, Line]()
    scale, declared = _clock(moov.first(b"mvhd").body)
    fragmented: int | None = None
    for trak in moov.all(b"trak"):
        tkhd = trak.first(b"tkhd").body
        (number,) = unpack(">I", tkhd, 20 if version(tkhd) else 12)
        lines[number] = _read_line(trak.first(b"mdia"), size)
    for mvex in moov.all(b"mvex"):
        layout = "fragmented"
        for trex in mvex.all(b"trex"):
            number, _, duration, sample_size = unpack(">IIII", trex.body, 4)
            if number in lines:
                lines[number].defaults = (duration, sample_size)
        for mehd in mvex.all(b"mehd"):
            (fragmented,) = unpack(">Q" if version(mehd.body) else ">I", mehd.body, 4)
    # Beside samples of moov's own, FFmpeg's mvhd speaks of those only (8.2.2: it need not know of fragments).
    of_all = declared if fragmented is None and not any(line.ticks for line in lines.values()) else fragmented
    seconds, of_all_seconds = (
        0.0 if n in UNKNOWN_DURATION else n / scale for n in (fragmented or declared, of_all or 0)
    )
    return Movie(layout, seconds, of_all_seconds, lines)


def _read_line(mdia: Box, size: int) -> Line:
    scale, _ = _clock(mdia.first(b"mdhd").body)
    (handler,) = unpack(">4s", mdia.first(b"hdlr").body, 8)
    minf = mdia.first(b"minf")
    if handler in (b"vide", b"soun"):
        check_own_media(minf)
    stbl = minf.first(b"stbl")
    stsd = stbl.first(b"stsd").body
    codec, width, height = b"", 0, 0
    if unpack(">I", stsd, 4)[0]:
        entry = span_of(stsd[8:24], 8, len(stsd))
        codec = entry.kind
        if handler == b"vide":
            width, height = unpack(">HH", stsd, entry.start + 24)
    track = Track(
        kind="video" if handler == b"vide" else "audio" if handler == b"soun" else "other",
        codec=codec.decode("latin-1").rstrip(),
        width=width,
        height=height,
    )
    if last_byte(stbl, sound=track.kind == "audio") > size:
        raise NotMediaError(TRUNCATED)
    return Line(track, scale, *total_ticks(stbl))


def _clock(body: memoryview) -> tuple[int, int]:
    """Return timescale (ticks a second) and duration (ticks) of an `mvhd` or `mdhd`."""
    scale, duration = unpack(">IQ", body, 20) if version(body) else unpack(">II", body, 12)
    if not scale:
        raise NotMediaError(MALFORMED)
    return scale, duration
