"""Where a download goes: a file that is there whole and proved, or not at all."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4


class Sink:
    """Takes the pieces of one file of *size* bytes whose SHA-256 is *sha256*."""

    def __init__(self, file: IO[bytes], size: int, sha256: str) -> None:
        self._file = file
        self._expected = (size, sha256)
        self._size = 0
        self._hash = hashlib.sha256()

        self._start = file.tell() if file.seekable() else None

    @property
    def can_restart(self) -> bool:
        return self._size == 0 or self._start is not None

    def restart(self) -> None:
        """Begin at the first byte, over what an interrupted attempt has left."""
        if self._size and self._start is not None:
            self._file.seek(self._start)
            self._file.truncate()
        self._size = 0
        self._hash = hashlib.sha256()

    def write(self, piece: bytes) -> bool:
        """Take *piece*; False where the file is already longer than it can be, so that no more need be sent."""
        self._size += len(piece)
        if self._size > self._expected[0]:
            return False
        self._hash.update(piece)
        self._file.write(piece)
        return True

    def wrong(self) -> str | None:
        """What is wrong with what came."""
        if self._size != self._expected[0]:
            return "size_mismatch"
        return None if self._hash.hexdigest() == self._expected[1] else "digest_mismatch"


@contextmanager
def landing(to: str | os.PathLike[str] | IO[bytes]) -> Iterator[IO[bytes]]:
    """
    A file to write to. A path gets it under its name when the block ends well, in one step; otherwise nothing is left.

    Of an open file nothing is taken back.
    """
    if not isinstance(to, str | os.PathLike):
        yield to
        return
    path = Path(to)
    part = path.with_name(f".reelkeep-{uuid4().hex}.part")  # beside it: a name cannot be moved to another disk at once
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
