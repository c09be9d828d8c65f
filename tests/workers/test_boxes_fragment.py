"""What one fragment adds to a track, by each way of saying where its data lies and how long it lasts."""

import io
import struct

import pytest

from archive.errors import NotMediaError
from tests.films import box
from workers.boxes.box import BoxReader
from workers.boxes.fragment import read_fragment
from workers.boxes.movie import Line
from workers.boxes.structure import Track

ORIGIN = 1000  # where the moof begins
DEFAULTS = (10, 100)  # trex: ticks and bytes of a sample


def tfhd(flags: int = 0, fields: bytes = b"", *, track: int = 1) -> bytes:
    return box(b"tfhd", struct.pack(">II", flags, track) + fields)


def trun(flags: int, count: int, fields: bytes = b"") -> bytes:
    return box(b"trun", struct.pack(">II", flags, count) + fields)


def read(size: int, *trafs: bytes) -> Line:
    """Read a fragment of *trafs* in a file *size* bytes long and return the timeline of track 1."""
    line = Line(Track("video", "avc1", 320, 180), scale=1000, ticks=0, defaults=DEFAULTS)
    data = box(b"moof", b"".join(box(b"traf", traf) for traf in trafs))
    reader = BoxReader(io.BytesIO(data), len(data))
    read_fragment(reader.load(next(reader.outermost())), ORIGIN, {1: line}, size)
    return line


@pytest.mark.parametrize(
    ("ticks", "end", "trafs"),
    [
        pytest.param(30, 1300, [tfhd() + trun(0, 3)], id="defaults of the film"),
        pytest.param(21, 1015, [tfhd(0x1A, struct.pack(">III", 1, 7, 5)) + trun(0, 3)], id="defaults of the fragment"),
        pytest.param(30, 5300, [tfhd(0x01, struct.pack(">Q", 5000)) + trun(0, 3)], id="base stated"),
        pytest.param(60, 1600, [tfhd() + trun(0, 3), tfhd() + trun(0, 3)], id="after the previous track"),
        pytest.param(60, 1300, [tfhd(0x020000) + trun(0, 3)] * 2, id="from the moof"),
        pytest.param(60, 1600, [tfhd() + trun(0, 3) + trun(0, 3)], id="after the previous run"),
        pytest.param(30, 1350, [tfhd() + trun(0x05, 3, struct.pack(">iI", 50, 0))], id="offset of the run"),
        pytest.param(30, 800, [tfhd() + trun(0x01, 3, struct.pack(">i", -500))], id="offset before the moof"),
        pytest.param(
            5,
            1030,
            [tfhd() + trun(0xF00, 2, struct.pack(">8I", 2, 10, 0, 0, 3, 20, 0, 0))],
            id="all columns",
        ),
        pytest.param(20, 1030, [tfhd() + trun(0xA00, 2, struct.pack(">4I", 10, 0, 20, 0))], id="some columns"),
    ],
)
def test_read_fragment(ticks: int, end: int, trafs: list[bytes]) -> None:
    """Samples last as stated, and must end inside the file to the byte."""
    assert read(end, *trafs).ticks == ticks
    with pytest.raises(NotMediaError, match="truncated"):
        read(end - 1, *trafs)


@pytest.mark.parametrize("began", [struct.pack(">II", 0, 500), struct.pack(">IQ", 1 << 24, 500)])
def test_read_fragment__clock(began: bytes) -> None:
    """A fragment that says when it begins says when it ends."""
    assert read(9999, tfhd() + box(b"tfdt", began) + trun(0, 3)).end == 530


@pytest.mark.parametrize(
    "traf",
    [
        pytest.param(tfhd(track=2) + trun(0, 3), id="of no known track"),
        pytest.param(tfhd() + trun(0x01, 3, struct.pack(">i", -ORIGIN - 1)), id="before the file"),
        pytest.param(trun(0, 3), id="without header"),
    ],
)
def test_read_fragment__malformed(traf: bytes) -> None:
    """A fragment that no reader could place is refused."""
    with pytest.raises(NotMediaError, match="malformed_box"):
        read(9999, traf)
