"""
Read a file by position through one buffer.

Decides how much may be spent on one file: `CHUNK` bytes of memory, `MAX_PARTS` steps, whatever its format counts as a
part, and reading it about twice, whichever way a walk goes to and fro. Never knows a format.
"""

import re
from collections.abc import Iterator
from typing import IO, Any

from archive.errors import NotMediaError
from workers.boxes.fields import unpack

CHUNK = 1 << 18  # bytes
BEHIND = CHUNK // 8  # bytes of them kept behind a place ahead: a walk that looked ahead, some frames far, returns
MAX_PARTS = 400_000  # nearly three hours of MP3, 1.6 GB of GIF; a second of our time
READINGS = 2  # of the whole file: a walk goes forward, and looks back at little
SLACK = 64 * CHUNK  # bytes read beyond that: as often a small file may fill the buffer

TRUNCATED = "truncated"
MALFORMED = "malformed_file"
TOO_MANY_PARTS = "too_many_parts"
NO_SIZE = "zero_dimension"


class Reader:
    """Reads one file, *size* bytes long, and keeps account of what may still be spent on it."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.size = size
        self.parts_left = MAX_PARTS
        self.bytes_left = READINGS * size + SLACK
        self._file = file
        self._held = b""
        self._at = 0  # offset of what is held

    def spend(self, parts: int = 1) -> None:
        """Count *parts* more; raise when there were too many."""
        self.parts_left -= parts
        if self.parts_left < 0:
            raise NotMediaError(TOO_MANY_PARTS)

    def window(self, at: int, least: int = 1) -> tuple[bytes, int]:
        """Return bytes that are held, and the index of offset *at* in them; *least* follow it, or all that are left."""
        index = at - self._at
        if index < 0 or index + min(least, self.size - at) > len(self._held):
            start = max(0, at - (CHUNK // 2 if index < 0 else BEHIND))  # a walk backwards goes on backwards
            self._load(start, max(CHUNK, at - start + least))
        return self._held, at - self._at

    def _load(self, at: int, count: int) -> None:
        """Hold *count* bytes from offset *at*, or all that are left; raise when too many were read."""
        count = max(0, min(count, self.size - at))
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise NotMediaError(TOO_MANY_PARTS)
        self._file.seek(at)
        self._held, self._at = self._file.read(count), at

    def peek(self, at: int, count: int) -> bytes:
        """Return *count* bytes from offset *at*, fewer at the end of the file."""
        held, index = self.window(at, count)
        return held[index : index + count]

    def take(self, at: int, count: int) -> bytes:
        """Return *count* bytes from offset *at*; the file is cut if they are not there."""
        data = self.peek(at, count)
        if len(data) < count:
            raise NotMediaError(TRUNCATED)
        return data

    def fields(self, code: str, at: int, width: int) -> tuple[Any, ...]:
        """Read the fields that *code* describes, in the language of `struct`, *width* bytes from offset *at*."""
        return unpack(code, self.take(at, width))

    def inside(self, end: int) -> int:
        """Return the offset *end*, which must not lie behind the end of the file."""
        if end > self.size:
            raise NotMediaError(TRUNCATED)
        return end

    def pieces(self, at: int, count: int) -> Iterator[bytes]:
        """Read *count* bytes from offset *at* in pieces no larger than the buffer."""
        while count:
            held, index = self.window(at)
            piece = held[index : index + count]
            if not piece:
                raise NotMediaError(TRUNCATED)
            yield piece
            at += len(piece)
            count -= len(piece)

    def find(self, pattern: re.Pattern[bytes], width: int, at: int, limit: int) -> int | None:
        """Return the first offset from *at* where *pattern*, *width* bytes, stands and ends by *limit*; else None."""
        while at + width <= limit:
            held, index = self.window(at, width)
            stop = index + limit - at
            if found := pattern.search(held, index, stop):
                return at + found.start() - index
            if len(held) - index < width:  # the file has shrunk
                return None
            at += min(len(held), stop) - index - width + 1
        return None

    def finds(self, pattern: re.Pattern[bytes], width: int, at: int, limit: int) -> Iterator[int]:
        """Yield every offset that `find` finds; each is a part."""
        while (found := self.find(pattern, width, at, limit)) is not None:
            self.spend()
            yield found
            at = found + 1
