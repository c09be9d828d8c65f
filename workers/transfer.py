"""What arrives: a body in its spool, hashed and bounded; how fast it comes; what a host packed without being asked."""

import hashlib
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO

from archive.codings import codings
from archive.errors import FetchInterruptedError, LinkRefusedError, TooLargeError

WINDOW = 30.0  # seconds over which the rate is averaged
ROOM_STEP = 16 << 20  # bytes of one file between two looks at the disk
_STEP = 1.0  # seconds between two notes of the rate
_UNPACKED_AT_A_TIME = 1 << 18  # bytes
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = (["gzip"], ["x-gzip"])


class Body:
    """
    The bytes of one download. *spool* is written to, and never holds more than *max_size* bytes.

    *check_room* is asked before each ROOM_STEP bytes after the first; it raises OSError where there is no more room.
    """

    def __init__(self, spool: IO[bytes], max_size: int, check_room: Callable[[], None]) -> None:
        self._spool = spool
        self._max_size = max_size
        self._check_room = check_room
        self._look_at = ROOM_STEP
        self.size = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def expect(self, size: int | None) -> None:
        """Raise TooLargeError where a stated size is above the limit."""
        if size is not None and size > self._max_size:
            raise TooLargeError("too_large")

    def add(self, piece: bytes) -> None:
        self.expect(self.size + len(piece))
        if self.size >= self._look_at:
            self._check_room()
            self._look_at = self.size + ROOM_STEP
        self.size += len(piece)
        self._digest.update(piece)
        self._spool.write(piece)

    def restart(self) -> None:
        """Forget everything."""
        self._spool.seek(0)
        self._spool.truncate()
        self._look_at = ROOM_STEP
        self.size = 0
        self._digest = hashlib.sha256()


class Pace:
    """Whether bytes come at *least* so many a second over each WINDOW. Measures from `start` to `rest`."""

    def __init__(self, least: int, monotonic: Callable[[], float]) -> None:
        self._least = least
        self._monotonic = monotonic
        self._notes: deque[tuple[float, int]] = deque()  # instant, bytes until then; at most one for each second
        self._received = 0

    def start(self) -> None:
        self.rest()
        self._notes.append((self._monotonic(), self._received))

    def rest(self) -> None:
        self._notes.clear()

    def note(self, count: int) -> None:
        self._received += count
        now = self._monotonic()
        if self._notes and now - self._notes[-1][0] >= _STEP:
            self._notes.append((now, self._received))

    @property
    def is_too_slow(self) -> bool:
        now = self._monotonic()
        while len(self._notes) > 1 and self._notes[1][0] <= now - WINDOW:
            self._notes.popleft()
        if not self._notes or self._notes[0][0] > now - WINDOW:
            return False
        since, then = self._notes[0]
        return self._received - then < self._least * (now - since)


def is_plain(encoding: str) -> bool:
    """Whether a body of this Content-Encoding is the file itself."""
    return not codings(encoding)


def unpacking(encoding: str) -> "Gunzip | None":
    """
    How to read a body of this Content-Encoding; None where it is the file itself.

    Raises:
        LinkRefusedError: `encoded_body`; not in a form whose end and checksum we can verify.
    """
    if is_plain(encoding):
        return None
    if codings(encoding) not in _GZIP:
        raise LinkRefusedError("encoded_body")
    return Gunzip()


class Gunzip:
    """
    One gzip member, unpacked piece by piece. A host that packs whatever it is asked for loses us no file that way.

    Bounded in memory by its pieces; who takes them bounds their sum. A body that is no gzip although its header says so
    is passed through: what it is, its content will show.
    """

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)  # a gzip header, its CRC and length at the end
        self._head = b""
        self._is_packed: bool | None = None  # None: too short to say

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """
        The bytes that *piece* adds.

        Raises:
            LinkRefusedError: `encoded_body`; something stands behind the member.
            FetchInterruptedError: `encoding_broken`; it is damaged.
        """
        if self._is_packed is None:
            piece = self._head = self._head + piece
            if len(self._head) < len(_GZIP_MAGIC):
                return
            self._is_packed = self._head.startswith(_GZIP_MAGIC)
        if not self._is_packed:
            yield piece
            return
        while piece:
            if self._inflate.eof:
                raise LinkRefusedError("encoded_body")
            try:
                yield self._inflate.decompress(piece, _UNPACKED_AT_A_TIME)
            except zlib.error as exc:
                raise FetchInterruptedError("encoding_broken") from exc
            piece = self._inflate.unconsumed_tail or self._inflate.unused_data

    def close(self) -> bytes:
        """
        What is left at the end of the body.

        Raises:
            FetchInterruptedError: `encoding_broken`; the member does not end there.
        """
        if self._is_packed is None:
            return self._head
        if self._is_packed and not self._inflate.eof:
            raise FetchInterruptedError("encoding_broken")
        return b""
