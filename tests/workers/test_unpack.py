"""Bodies that came compressed: unpacked within a bound, whole, or not at all."""

import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.unpack import PackedBodyError, TooLargeBodyError, collect

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "": bytes,
    "UTF-8": bytes,  # no coding
}


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[begin:end] for begin, end in itertools.pairwise(at)]


@given(st.binary(max_size=2000), st.sampled_from(sorted(PACKERS)), st.lists(st.integers(0, 5000), max_size=8))
def test_collect__is_what_was_packed_however_it_arrives(data: bytes, encoding: str, cuts: list[int]) -> None:
    """In whatever pieces a body comes, what is collected is what was packed; one byte less of room is too little."""
    sent = pieces(PACKERS[encoding](data), cuts)
    room = max(len(data), sum(map(len, sent)))
    assert data == collect(sent, encoding, room)
    if room:
        with pytest.raises(TooLargeBodyError):
            collect(sent, encoding, room - 1)


@given(st.binary(min_size=1, max_size=500), st.sampled_from(["gzip", "deflate"]), st.data())
def test_collect__a_cut_or_lengthened_one_is_none(data: bytes, encoding: str, draw: st.DataObject) -> None:
    """F48: a compressed body without its end, or with something behind it, is not taken for whole."""
    packed = PACKERS[encoding](data)
    cut = draw.draw(st.integers(1, len(packed) - 1))
    for wrong in (packed[:cut], packed + b"\x00", packed + packed):
        with pytest.raises(PackedBodyError):
            collect([wrong], encoding, 10_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_collect__a_bomb_costs_no_more_than_the_bound(encoding: str) -> None:
    """F48: 50 MiB in 50 KiB end at the bound, in memory too."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    bomb = b"".join(packing.compress(bytes(1 << 20)) for _ in range(50)) + packing.flush()
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeBodyError):
            collect([bomb], encoding, 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_collect__what_unpacks_to_nothing_is_bounded_too() -> None:
    """F48: an endless body that brings nothing forth ends when as much has been read."""
    packing = zlib.compressobj()
    empty = packing.compress(b"") + packing.flush(zlib.Z_FULL_FLUSH)
    nothing = packing.flush(zlib.Z_FULL_FLUSH) or b"\x00\x00\x00\xff\xff"
    with pytest.raises(TooLargeBodyError):
        collect((empty if n == 0 else nothing for n in range(1_000_000)), "deflate", 10_000)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate, br"])
def test_collect__unknown_ways_are_not_guessed(encoding: str) -> None:
    """F48: what we have no way to unpack is refused by its name alone."""
    with pytest.raises(PackedBodyError):
        collect([b"x"], encoding, 10)
