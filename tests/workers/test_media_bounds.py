"""Whatever a file contains, the walk ends by a refusal or a verdict, within its bounds."""

import io
import struct
import tempfile
from contextlib import suppress
from time import process_time
from typing import IO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.errors import NotMediaError
from archive.roles import ANY
from tests.media import MAKERS, chunk, made, riff_chunk
from workers.media import check_media
from workers.media.reader import CHUNK, MAX_PARTS

STARTS = (
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF89a",
    b"RIFF\xff\0\0\0WEBP",
    b"RIFF\xff\0\0\0WAVE",
    b"RF64\xff\xff\xff\xffWAVEds64",
    b"ID3\4\0\0\0\0\0\0",
    b"\xff\xfb\x90\x64",
    b"\xff\xfb\x00\x64",
)


class CountingFile(io.BufferedReader):
    """A file that counts how much is read in all, and at once."""

    amount = most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.amount += len(data)
        self.most = max(self.most, len(data))
        return data


def walked(data: bytes) -> CountingFile:
    file = CountingFile(cast(io.RawIOBase, io.BytesIO(data)))
    with suppress(NotMediaError):
        check_media(file, len(data), ANY)
    return file


@given(st.binary(max_size=600), st.sampled_from(STARTS))
def test_hostile__random(data: bytes, start: bytes) -> None:
    """Random bytes behind any signature end by name, never by accident."""
    walked(start + data)


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(sorted(MAKERS)),
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.sampled_from([b"\0", b"\1", b"\x7f", b"\xff", b"\xff\xd8", b"\xff\xd9", bytes(4), b"\xff" * 4, b"data"]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 40),
)
def test_hostile__mutated(name: str, mutations: list[tuple[float, bytes]], cut: int) -> None:
    """A real file with mutated bytes, most near its start, is accepted or refused by name, and read about once."""
    data = bytearray(made(name))
    for place, new in mutations:
        at = int(place**3 * (len(data) - 1))
        data[at : at + len(new)] = new
    file = walked(bytes(data[: len(data) - cut]))
    assert file.amount <= 8 * CHUNK


GIF = b"GIF89a\1\0\1\0\0\0\0"
IMAGE = b",\0\0\0\0\1\0\1\0\0\2"
SYNC = struct.pack(">I", 0xFFF3_1400)  # of a frame 24 bytes long
PARTS = {  # what a hostile file begins with, and the smallest part of its format, which it repeats
    "png": (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)), chunk(b"IDAT")),
    "jpeg": (b"\xff\xd8", b"\xff\xe0\0\2"),
    "gif": (GIF, IMAGE + b"\0"),
    "gif of sub-blocks": (GIF + IMAGE, b"\1\1"),
    "webp": (b"RIFF\xf0\xff\xff\xffWEBP", riff_chunk(b"VP8L", b"\x2f\0\0\0\0")),
    "wav": (b"RIFF\xf0\xff\xff\xffWAVE", b"JUNK\0\0\0\0"),
    "mp3": (b"ID3\4\0\0\0\0\0\0", SYNC.ljust(24, b"\0")),
    "mp3 of torn frames": (SYNC.ljust(24, b"\0") * 3, SYNC * 12 + bytes(24)),
    "mp3 of tags": (b"", b"ID3\4\0\0\0\0\0\0"),
}


@pytest.mark.parametrize("name", PARTS)
def test_bounds__endless_parts(name: str) -> None:
    """A file of nothing but tiny parts is refused in bounded time, however long it is, and read in pieces."""
    start, part = PARTS[name]
    with Repeated(start, part, 5 << 30) as file:
        began = process_time()
        with pytest.raises(NotMediaError, match="too_many_parts"):
            check_media(cast(IO[bytes], file), file.size, ANY)
        assert process_time() - began < 60  # seconds: a tenth of it on the machine this was written on
    assert file.most <= CHUNK


class Repeated:
    """A file of *size* bytes that begins with *start* and repeats *part*, without being anywhere."""

    def __init__(self, start: bytes, part: bytes, size: int) -> None:
        self.start, self.size, self.at, self.most = start, size, 0, 0
        self.part = part
        self.block = part * (2 + CHUNK // len(part))

    def __enter__(self) -> "Repeated":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def seek(self, at: int) -> int:
        self.at = at
        return at

    def read(self, count: int) -> bytes:
        self.most = max(self.most, count)
        head = self.start[self.at : self.at + count]
        phase = max(0, self.at - len(self.start)) % len(self.part)
        data = head + self.block[phase : phase + count - len(head)]
        self.at += len(data)
        return data


def test_bounds__samples_are_not_read() -> None:
    """The samples of a large WAV are passed over, not read."""
    with tempfile.TemporaryFile(buffering=0) as sparse:
        head = b"RIFF" + struct.pack("<I", 36 + (2 << 30)) + b"WAVE"
        head += riff_chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)) + b"data"
        sparse.write(head + struct.pack("<I", 2 << 30))
        size = sparse.truncate(44 + (2 << 30))
        file = CountingFile(cast(io.RawIOBase, sparse))
        assert check_media(file, size, ANY).complete
    assert file.amount <= 2 * CHUNK
    assert file.most <= CHUNK


def test_bounds__leave_room_for_what_is_real() -> None:
    """The bound on parts is 14 hours of MP3 at 44,100 Hz, and half a gigabyte of GIF."""
    assert MAX_PARTS * 1152 / 44100 / 3600 > 14
    assert MAX_PARTS * 256 > 500_000_000
