"""Where a track's last sample ends, by each form of the tables."""

import io
import struct

import pytest

from archive.errors import NotMediaError
from tests.films import box
from workers.boxes.box import Box, BoxReader
from workers.boxes.samples import last_byte


def counted(kind: bytes, code: str, *rows: int) -> bytes:
    width = len(code)  # fields to a row
    return box(kind, struct.pack(f">II{code * (len(rows) // width)}", 0, len(rows) // width, *rows))


def stsz(each: int, count: int) -> bytes:
    return box(b"stsz", struct.pack(">III", 0, each, count))


def stz2(bits: int, count: int, sizes: bytes) -> bytes:
    return box(b"stz2", struct.pack(">III", 0, bits, count) + sizes)


def stbl(*tables: bytes) -> Box:
    data = box(b"stbl", b"".join(tables))
    reader = BoxReader(io.BytesIO(data), len(data))
    return reader.load(next(reader.outermost()))


TWO_CHUNKS = counted(b"stco", "I", 100, 200)
THREE_A_CHUNK = counted(b"stsc", "III", 1, 3, 1)


@pytest.mark.parametrize(
    ("sizes", "end"),
    [
        pytest.param(stz2(4, 5, b"\x12\x34\x50"), 209, id="four bits"),
        pytest.param(stz2(8, 5, bytes([1, 2, 3, 4, 255])), 459, id="eight bits"),
        pytest.param(stz2(16, 5, struct.pack(">5H", 900, 1, 1, 1, 1)), 1002, id="sixteen bits, the first chunk last"),
        pytest.param(stsz(10, 5), 220, id="all of one size"),
        pytest.param(stsz(1, 5), 202, id="all of one byte"),
    ],
)
def test_last_byte(sizes: bytes, end: int) -> None:
    """The furthest end of any chunk counts, of its own samples only."""
    assert last_byte(stbl(sizes, TWO_CHUNKS, THREE_A_CHUNK), sound=False) == end


def test_last_byte__sound_by_frames() -> None:
    """Sound in units of one byte is QuickTime's PCM, which are not bytes: only where chunks begin is known."""
    assert last_byte(stbl(stsz(1, 5), TWO_CHUNKS, THREE_A_CHUNK), sound=True) == 200
    assert last_byte(stbl(stsz(2, 5), TWO_CHUNKS, THREE_A_CHUNK), sound=True) == 204


def test_last_byte__far() -> None:
    """Offsets past 4 GiB are read whole."""
    far = 1 << 40
    assert last_byte(stbl(stsz(10, 6), counted(b"co64", "Q", 100, far), THREE_A_CHUNK), sound=False) == far + 30


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param((stz2(5, 5, bytes(5)), TWO_CHUNKS, THREE_A_CHUNK), id="five bits"),
        pytest.param((stz2(4, 5, bytes(2)), TWO_CHUNKS, THREE_A_CHUNK), id="half a byte short"),
        pytest.param((stsz(1, 7), TWO_CHUNKS, THREE_A_CHUNK), id="more samples than chunks hold"),
        pytest.param((stsz(1, 5), TWO_CHUNKS, counted(b"stsc", "III", 2, 3, 1, 1, 3, 1)), id="runs go backwards"),
        pytest.param((stsz(1, 5), TWO_CHUNKS), id="no runs"),
    ],
)
def test_last_byte__malformed(tables: tuple[bytes, ...]) -> None:
    """Tables that contradict each other are refused."""
    with pytest.raises(NotMediaError, match="malformed_box"):
        last_byte(stbl(*tables), sound=False)
