"""Boxes and tables that contradict themselves are refused."""

import struct

import pytest

from tests.films import Edit, box, films, rebuild, refusal, replaced, starts

MANY = b"\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("kind", "at", "new"),
    [
        pytest.param(b"stsz", 8, MANY, id="more sizes than the table has"),
        pytest.param(b"stts", 4, MANY, id="more durations"),
        pytest.param(b"stsc", 4, MANY, id="more runs of chunks"),
        pytest.param(b"stco", 4, MANY, id="more chunks"),
        pytest.param(b"stsc", 8, bytes(4), id="chunk number zero"),
        pytest.param(b"stsc", 8, MANY, id="chunk number past the last"),
        pytest.param(b"stsc", 12, bytes(4), id="samples in no chunk"),
        pytest.param(b"mdhd", 12, bytes(4), id="no ticks in a second"),
        pytest.param(b"mvhd", 12, bytes(4), id="no ticks in the film's second"),
        pytest.param(b"stsd", 8, bytes(4), id="sample entry of size zero"),
        pytest.param(b"stsd", 8, MANY, id="sample entry longer than its parent"),
    ],
)
def test_malformed__table(kind: bytes, at: int, new: bytes) -> None:
    """A table that contradicts its box, or itself, is refused."""
    assert refusal(replaced(films()["moov_last"], kind, at, new)) == "malformed_box"


def test_malformed__run() -> None:
    """A track run that lists more samples than it has room for is refused."""
    assert refusal(replaced(films()["fragmented"], b"trun", 4, MANY)) == "malformed_box"


def test_malformed__chunks_out_of_order() -> None:
    """Runs of chunks that do not go forward, and could be walked without end, are refused."""
    stsc: Edit = lambda body: box(b"stsc", body[:4] + struct.pack(">7I", 2, 1, 99, 1, 1, 99, 1))  # noqa: E731
    assert refusal(rebuild(films()["moov_last"], {b"stsc": stsc})) == "malformed_box"


@pytest.mark.parametrize("size", [0, 1, 2, 7, 0xFFFF])
def test_malformed__child_size(size: int) -> None:
    """A child with an impossible size, or one that overruns its parent, is refused."""
    film = films()["moov_last"]
    (moov,) = starts(film, b"moov")
    assert refusal(film[: moov + 8] + struct.pack(">I", size) + film[moov + 12 :]) == "malformed_box"


@pytest.mark.parametrize("size", [1, 2, 7])
def test_malformed__file_level_size(size: int) -> None:
    """A box smaller than its own header is refused at file level."""
    assert refusal(films()["moov_last"] + struct.pack(">I4sQ", size, b"free", size)) == "malformed_box"


def test_malformed__two_movies() -> None:
    """Two `moov` boxes would be two films to two readers."""
    film = films()["moov_last"]
    assert refusal(film + film[starts(film, b"moov")[0] :]) == "malformed_box"
