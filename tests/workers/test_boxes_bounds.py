"""Whatever a file contains, the walk ends by a refusal or a verdict, within its bounds."""

import io
import struct
import tempfile
from contextlib import suppress
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.errors import NotMediaError
from tests.films import LAYOUTS, Layout, box, boxes, check, films, rebuild, refusal
from workers.boxes import check_structure
from workers.boxes.box import MAX_BOXES, MAX_DEPTH, MAX_METADATA


class CountingFile(io.BufferedReader):
    """A file that counts how often and how much is read."""

    reads = amount = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.reads += 1
        self.amount += len(data)
        return data


def counting(data: bytes) -> CountingFile:
    return CountingFile(cast(io.RawIOBase, io.BytesIO(data)))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 20_000])
def test_malformed__depth(depth: int) -> None:
    """Boxes nested too deep are refused before the stack knows."""
    data = b"".join(struct.pack(">I4s", 8 * (depth - n), b"moov") for n in range(depth))
    assert refusal(data) == "malformed_box"


def test_malformed__too_many_boxes() -> None:
    """The walk ends at a bounded number of boxes."""
    data = box(b"free") * (MAX_BOXES + 1000)
    file = counting(data)
    with pytest.raises(NotMediaError, match="malformed_box"):
        check_structure(file, len(data))
    assert file.reads <= MAX_BOXES + 1


def test_malformed__giant_movie_is_never_read() -> None:
    """A `moov` past the bound is refused unread."""
    with tempfile.TemporaryFile(buffering=0) as sparse:
        sparse.write(struct.pack(">I4s", MAX_METADATA + 9, b"moov"))
        size = sparse.truncate(MAX_METADATA + 9)
        file = CountingFile(cast(io.RawIOBase, sparse))
        with pytest.raises(NotMediaError, match="malformed_box"):
            check_structure(file, size)
    assert file.amount <= 4096 + 16


@pytest.mark.parametrize(
    "kind", b"ftyp mvhd tkhd mdhd hdlr stsd stts stsc stsz stco trex tfhd trun tfdt sidx tfra".split()
)
@pytest.mark.parametrize("layout", ["moov_last", "indexed"])
def test_malformed__short_body(layout: Layout, kind: bytes) -> None:
    """A box too short for its fields is refused, or not missed, at every length."""
    for length in range(40):
        film = rebuild(films()[layout], {kind: lambda body: box(kind, body[:length])})  # noqa: B023
        with suppress(NotMediaError):
            check(film)


@given(
    st.binary(max_size=600),
    st.sampled_from([b"", b"\0\0\0\x10ftypisom\0\0\0\0", b"\0\0\2\0moov", b"\0\0\1\0moof"]),
)
def test_hostile__random(data: bytes, start: bytes) -> None:
    """Random bytes are refused by name, never by accident."""
    assert refusal(start + data)


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(LAYOUTS),
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.sampled_from([b"\0", b"\1", b"\x7f", b"\xff", bytes(4), b"\xff" * 4, b"moov", b"trun"]),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_hostile__mutated(layout: Layout, mutations: list[tuple[float, bytes]]) -> None:
    """A film with mutated metadata is accepted or refused by name, with bounded reading."""
    data = bytearray(films()[layout])
    metadata = [
        n for at, kind, body in boxes(films()[layout]) if kind != b"mdat" for n in range(at, at + 8 + len(body))
    ]
    for place, new in mutations:
        at = metadata[int(place * (len(metadata) - 1))]
        data[at : at + len(new)] = new
    file = counting(bytes(data))
    with suppress(NotMediaError):
        check_structure(file, len(data))
    assert file.reads <= len(data) // 4 + 1
    assert file.amount <= 3 * len(data) + 4096
