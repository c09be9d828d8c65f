"""Whatever a file contains, the walk ends by a refusal or a verdict, within its bounds."""

import io
import struct
import tempfile
import threading
from contextlib import suppress
from typing import IO, NoReturn, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.errors import NotMediaError
from archive.roles import ANY
from tests.media import MAKERS, chunk, made, riff_chunk
from workers.media import check_media
from workers.media.check import AT_ONCE
from workers.media.gif import CHEAP
from workers.media.mpeg_audio import ruler_at
from workers.media.reader import CHUNK, MAX_PARTS, READINGS, SLACK, Reader

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
    "mp3 of false frames": (SYNC.ljust(24, b"\0") * 20, b"\xff\xfb\x90\0"),
}


@pytest.mark.parametrize("name", PARTS)
def test_bounds__endless_parts(name: str) -> None:
    """A file of nothing but tiny parts is refused within its bounds, however long it is, and read in pieces."""
    start, part = PARTS[name]
    file = Repeated(start, part, 5 << 30)
    with pytest.raises(NotMediaError, match="too_many_parts"):
        check_media(cast(IO[bytes], file), file.size, ANY)
    assert file.amount <= READINGS * MAX_PARTS * max(len(part), CHEAP * 2) + SLACK
    assert file.most <= CHUNK


class Repeated:
    """A file of *size* bytes that begins with *start* and repeats *part*, without being anywhere."""

    def __init__(self, start: bytes, part: bytes, size: int) -> None:
        self.start, self.size, self.at = start, size, 0
        self.amount = self.most = 0
        self.part = part
        self.block = part * (2 + CHUNK // len(part))

    def seek(self, at: int) -> int:
        self.at = at
        return at

    def read(self, count: int) -> bytes:
        self.amount += count
        self.most = max(self.most, count)
        head = self.start[self.at : self.at + count]
        phase = max(0, self.at - len(self.start)) % len(self.part)
        data = head + self.block[phase : phase + count - len(head)]
        self.at += len(data)
        return data


FRAME = b"\xff\xfb\x90\0".ljust(417, b"\0")
MANY = 20_000  # repetitions
ROWS = {  # files whose walk would go to and fro, or look far ahead, at every few bytes
    "Lyrics3 behind": FRAME * 100 + b"LYRICSBEGINLYRICSEND" * MANY,
    "Lyrics3 v2 behind": FRAME * 100 + b"LYRICSBEGIN000011LYRICS200" * MANY,
    "APE footers": FRAME * 100 + (b"APETAGEX" + struct.pack("<II", 2000, 32) + bytes(16)) * MANY,
    "ID3v1 behind": FRAME * 100 + b"TAG".ljust(128, b"\0") * MANY,
    "ID3v2 in front": b"ID3\4\0\0\0\0\0\0" * MANY + FRAME * 100,
    "ID3v2 behind": FRAME * 100 + b"ID3\4\0\0\0\0\0\0" * MANY + FRAME,
}


@pytest.mark.parametrize("name", ROWS)
def test_bounds__tags_in_a_row(name: str) -> None:
    """A sound with thousands of tags on either side is refused before its file was read twice."""
    file = CountingFile(cast(io.RawIOBase, io.BytesIO(ROWS[name])))
    with pytest.raises(NotMediaError, match="too_many_parts"):
        check_media(file, len(ROWS[name]), ANY)
    assert file.amount <= 2 * len(ROWS[name]) + 4 * CHUNK


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param(b"LYRICSBEGIN" + bytes(900_000) + b"LYRICSEND", id="Lyrics3"),
        pytest.param(b"ID3\4\0\0\0\0\1\0" + bytes(128), id="ID3v2"),
    ],
)
def test_bounds__tags_between_frames(tag: bytes) -> None:
    """A sound with a tag behind each frame is read about once."""
    data = (FRAME + tag) * 20
    assert walked(data).amount <= len(data) + 8 * CHUNK


def test_bounds__a_look_ahead_is_a_part() -> None:
    """Each header that is looked at to confirm a frame is paid for, so that false ones end a walk sooner."""
    reader = Reader(io.BytesIO(FRAME * 4), 4 * len(FRAME))
    assert ruler_at(reader, 0, reader.size, proof=3)
    assert reader.parts_left == MAX_PARTS - 3


@pytest.mark.parametrize("step", [32, 1000, CHUNK // 3])
def test_reader__backwards(step: int) -> None:
    """A walk backwards by steps within the buffer reads the file about twice, not the buffer at every step."""
    size = 6 * CHUNK
    file = CountingFile(cast(io.RawIOBase, io.BytesIO(bytes(size))))
    reader = Reader(file, size)
    for at in range(size - 32, 0, -step):
        assert len(reader.peek(at, 32)) == 32
    assert file.amount <= 2 * size + CHUNK


def test_reader__to_and_fro_at_an_edge() -> None:
    """A look ahead over the buffer's end and back, at every byte there, does not fill the buffer again each time."""
    file = CountingFile(cast(io.RawIOBase, io.BytesIO(bytes(4 * CHUNK))))
    reader = Reader(file, 4 * CHUNK)
    for at in range(CHUNK - 1000, CHUNK):
        reader.peek(at, 4)
        reader.peek(at + 2000, 4)
    assert file.amount <= 4 * CHUNK


@given(st.lists(st.tuples(st.integers(0, 8 * CHUNK), st.integers(1, 4096)), min_size=1, max_size=40))
def test_reader__any_order(places: list[tuple[int, int]]) -> None:
    """Whatever is read in whatever order is what stands there, at most a buffer at a time."""
    data = struct.pack(">I", 0x1234_5678) * (2 * CHUNK) + bytes(range(256))
    file = CountingFile(cast(io.RawIOBase, io.BytesIO(data)))
    reader = Reader(file, len(data))
    for at, count in places:
        assert reader.peek(at, count) == data[at : at + count]
    assert file.most <= CHUNK


def test_reader__is_refused_beyond_the_bound() -> None:
    """No pattern of reads takes more from a file than its size twice and a constant, however it jumps."""
    size = 8 * CHUNK
    file = CountingFile(cast(io.RawIOBase, io.BytesIO(bytes(size))))
    reader = Reader(file, size)

    def jump() -> None:
        for _ in range(1000):
            reader.peek(0, 1)
            reader.peek(size - CHUNK, CHUNK)

    with pytest.raises(NotMediaError, match="too_many_parts"):
        jump()
    assert file.amount <= READINGS * size + SLACK


def test_bounds__pieces_use_what_is_held() -> None:
    """A picture in chunks as large as the buffer is read about once."""
    start, _ = PARTS["png"]
    data = start + chunk(b"IDAT", bytes(CHUNK)) * 20 + chunk(b"IEND")
    assert walked(data).amount <= 1.2 * len(data) + CHUNK


def test_bounds__torn_every_few_frames() -> None:
    """A sound with stray bytes between every few frames is accepted, and read about once."""
    data = (FRAME * 3 + b"\xff\xe2\xff") * 20_000
    file = CountingFile(cast(io.RawIOBase, io.BytesIO(data)))
    assert check_media(file, len(data), ANY).format == "mp3"
    assert file.amount <= 1.2 * len(data) + 8 * CHUNK


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
    """The bound on parts is nearly three hours of MP3 at 44,100 Hz, and half a gigabyte of GIF."""
    assert MAX_PARTS * 1152 / 44100 / 3600 > 2.8
    assert MAX_PARTS * CHEAP * 256 > 500_000_000


def test_hostile__many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many transfers end at once, no more than AT_ONCE files are looked at: sixteen took 420 MiB."""
    too_many = threading.Barrier(AT_ONCE + 1)

    def look(*_: object) -> NoReturn:
        with suppress(threading.BrokenBarrierError):
            too_many.wait(0.3)
            crowds.append(AT_ONCE + 1)
        raise NotMediaError("not_mp4")

    crowds: list[int] = []
    monkeypatch.setattr("workers.media.check.name_foreign", look)
    threads = [threading.Thread(target=walked, args=(b"what nobody knows",)) for _ in range(4 * AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (True, []) == (too_many.broken, crowds)
