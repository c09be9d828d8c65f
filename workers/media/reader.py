"""
Read a file by position through one buffer.

Decides how much may be spent on one file: `CHUNK` bytes of memory, and `MAX_PARTS` steps, whatever its format counts as
a part. Never knows a format.
"""

import re
from collections.abc import Iterator
from typing import IO, Any

from archive.errors import NotMediaError
from workers.boxes.fields import unpack

CHUNK = 1 << 18  # bytes
MAX_PARTS = 2_000_000  # 14 hours of MP3, 500 MB of GIF; some five seconds of our time

TRUNCATED = "truncated"
MALFORMED = "malformed_file"
TOO_MANY_PARTS = "too_many_parts"
NO_SIZE = "zero_dimension"


class Reader:
    """Reads one file, *size* bytes long, and keeps account of what may still be spent on it."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.size = size
        self.parts_left = MAX_PARTS
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
            self._file.seek(at)
            self._held, self._at, index = self._file.read(max(0, min(max(CHUNK, least), self.size - at))), at, 0
        return self._held, index

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
            piece = self.take(at, min(count, CHUNK))
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
