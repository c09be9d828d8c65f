"""
Read the boxes of a file.

Decides what is a box (4.2) and how much may be spent on one file: each box at file level costs one read of 16 bytes, a
loaded one another, of all its body; then see the constants. Never reads media data, never knows what a box says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

from archive.errors import NotMediaError
from workers.boxes.fields import MALFORMED, unpack

MAX_METADATA = 8 << 20  # bytes of all loaded boxes: two hours of 60 fps; memory peaks at 40 MiB, time at 0.6 s
MAX_BOXES = 100_000  # two hours of one-second fragments with two tracks; 0.7 s of our time and 35 MiB
MAX_DEPTH = 8  # stsd's parent stands at 5

TRUNCATED = "truncated"
HEADER = 16  # bytes: 32-bit size, kind, and the 64-bit size that may follow
CONTAINERS = frozenset(b"moov trak mdia minf dinf stbl mvex moof traf mfra".split())


class Span(NamedTuple):
    """Where a box lies: its first byte, the first of its body, the first after it."""

    kind: bytes
    at: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Box:
    """A loaded box; `parts` are its children if it is one of `CONTAINERS`."""

    kind: bytes
    body: memoryview
    parts: tuple["Box", ...]

    def all(self, kind: bytes) -> Iterator["Box"]:
        """Return its children of *kind*."""
        return (part for part in self.parts if part.kind == kind)

    def first(self, *kinds: bytes) -> "Box":
        """Return its first child of one of *kinds*, which it must have."""
        for part in self.parts:
            if part.kind in kinds:
                return part
        raise NotMediaError(MALFORMED)


@dataclass(slots=True)
class BoxReader:
    """Reads one file, *size* bytes long, and keeps account of what may still be spent on it."""

    file: IO[bytes]
    size: int
    boxes_left: int = MAX_BOXES
    bytes_left: int = MAX_METADATA

    def outermost(self) -> Iterator[Span]:
        """Find the boxes at file level, in order; they must fill the file exactly."""
        at = 0
        while at < self.size:
            self._spend(boxes=1)
            self.file.seek(at)
            span = span_of(self.file.read(min(HEADER, self.size - at)), at, self.size, outermost=True)
            yield span
            at = span.stop

    def load(self, span: Span) -> Box:
        """Read a box found at file level, with all that is inside."""
        size = span.stop - span.start
        self._spend(size=size)
        self.file.seek(span.start)
        body = memoryview(self.file.read(size))
        if len(body) < size:
            raise NotMediaError(TRUNCATED)
        return self._box(span.kind, body, depth=1)

    def _box(self, kind: bytes, body: memoryview, depth: int) -> Box:
        return Box(kind, body, tuple(self._parts(body, depth)) if kind in CONTAINERS else ())

    def _parts(self, body: memoryview, depth: int) -> Iterator[Box]:
        if depth > MAX_DEPTH:
            raise NotMediaError(MALFORMED)
        at = 0
        while len(body) - at >= 8:
            self._spend(boxes=1)
            span = span_of(body[at : at + HEADER], at, len(body))
            yield self._box(span.kind, body[span.start : span.stop], depth + 1)
            at = span.stop
        if any(body[at:]):  # QuickTime may end a list with four zero bytes
            raise NotMediaError(MALFORMED)

    def _spend(self, *, boxes: int = 0, size: int = 0) -> None:
        self.boxes_left -= boxes
        self.bytes_left -= size
        if self.boxes_left < 0 or self.bytes_left < 0:
            raise NotMediaError(MALFORMED)


def span_of(head: bytes | memoryview, at: int, limit: int, *, outermost: bool = False) -> Span:
    """
    Return the span of the box that begins at *at* with *head* and must end by *limit*.

    One that overruns the file was cut, one that overruns its parent is malformed. Only an outermost box may have size
    0: to the end of the file.
    """
    overrun = TRUNCATED if outermost else MALFORMED
    if len(head) < 8:
        raise NotMediaError(overrun)
    size, kind = unpack(">I4s", head)
    start = at + 8
    if size == 1:
        if len(head) < HEADER:
            raise NotMediaError(overrun)
        (size,) = unpack(">Q", head, 8)
        start = at + HEADER
    elif size == 0 and outermost:
        size = limit - at
    if at + size < start or min(kind) < 0x20:  # no kind has control characters
        raise NotMediaError(MALFORMED)
    if at + size > limit:
        raise NotMediaError(overrun)
    return Span(kind, at, start, at + size)
