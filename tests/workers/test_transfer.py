"""The rate of a download, and bodies that a host packed without being asked."""

import gzip
import os
import zlib

import pytest

from archive.errors import FetchInterruptedError, LinkRefusedError
from workers.transfer import WINDOW, Pace, unpacking

BODY = os.urandom(100_000)
PACKED = gzip.compress(BODY)


class Ticks:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("rate", "least", "slow_at"),
    [(1023, 1024, WINDOW), (1024, 1024, None), (0, 1, WINDOW), (5, 0, None)],
)
def test_pace__is_measured_over_half_a_minute(rate: int, least: int, slow_at: float | None) -> None:
    """F46: less than the least rate is too slow after half a minute, not before; exactly the rate is enough."""
    ticks = Ticks()
    pace = Pace(least, ticks)
    pace.start()
    first = None
    while ticks.now < 100 and first is None:
        first = ticks.now if pace.is_too_slow else None
        ticks.now += 1
        pace.note(rate)
    assert slow_at == first


def test_pace__what_came_fast_before_is_no_excuse() -> None:
    """F46: a body of which 99 percent came at once is too slow half a minute after it stalled."""
    ticks = Ticks()
    pace = Pace(1024, ticks)
    pace.start()
    pace.note(1 << 30)
    for _ in range(int(WINDOW) + 1):
        assert not pace.is_too_slow
        ticks.now += 1
        pace.note(1)
    assert pace.is_too_slow


def test_pace__does_not_run_between_answers() -> None:
    """F46: waiting for the next answer is not slowness, and each body is measured from its own start."""
    ticks = Ticks()
    pace = Pace(1024, ticks)
    pace.start()
    pace.rest()
    ticks.now += 1000
    assert not pace.is_too_slow
    pace.start()
    assert not pace.is_too_slow


def test_pace__keeps_few_notes() -> None:
    """F46: however small the pieces and however long it takes, the measure takes no more than a note a second."""
    ticks = Ticks()
    pace = Pace(1, ticks)
    pace.start()
    for _ in range(100_000):
        ticks.now += 0.01
        pace.note(1)
        pace.is_too_slow  # noqa: B018 (it is what forgets)
    assert len(pace._notes) <= WINDOW + 2


def unpacked(data: bytes, encoding: str = "gzip", size: int = 1000) -> bytes:
    packed = unpacking(encoding)
    assert packed is not None
    found = b"".join(part for at in range(0, len(data), size) for part in packed.feed(data[at : at + size]))
    return found + packed.close()


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize("encoding", ["gzip", "GZIP ", "x-gzip"])
def test_gunzip__one_member_whole(size: int, encoding: str) -> None:
    """F48: a gzip body, however it is cut into pieces, is the file that was packed."""
    assert BODY == unpacked(PACKED, encoding, size)
    assert bytes(3_000_000) == unpacked(gzip.compress(bytes(3_000_000)), encoding, size)


@pytest.mark.parametrize("body", [BODY, b"", b"\x1f", b"\x1f\x8c"])
def test_gunzip__a_header_that_lies(body: bytes) -> None:
    """F48: a body that is no gzip although its header says so is passed through; its content decides."""
    assert body == unpacked(body)


@pytest.mark.parametrize("cut", [2, 10, 11, len(PACKED) // 2, len(PACKED) - 9, len(PACKED) - 1])
def test_gunzip__a_member_that_is_cut(cut: int) -> None:
    """F48: a member that does not reach its checksum and length is no file."""
    with pytest.raises(FetchInterruptedError, match="encoding_broken"):
        unpacked(PACKED[:cut])


@pytest.mark.parametrize("at", [3, 200, len(PACKED) // 2, len(PACKED) - 8, len(PACKED) - 1])
def test_gunzip__a_member_that_is_damaged(at: int) -> None:
    """F48: a member whose checksum or length is not that of what comes out is no file."""
    with pytest.raises(FetchInterruptedError, match="encoding_broken"):
        unpacked(PACKED[:at] + bytes([PACKED[at] ^ 0xFF]) + PACKED[at + 1 :])


@pytest.mark.parametrize("more", [b"x", b"\0" * 100, PACKED])
def test_gunzip__something_behind_it(more: bytes) -> None:
    """F48: what stands behind the one member makes it something else than a packed file."""
    with pytest.raises(LinkRefusedError, match="encoded_body"):
        unpacked(PACKED + more)


def test_gunzip__a_bomb_comes_in_small_pieces() -> None:
    """F48: a piece of the wire unpacks to many of at most 256 KiB, so that whoever counts can stop at any of them."""
    packed = unpacking("gzip")
    assert packed is not None
    parts = packed.feed(zlib.compress(bytes(50_000_000), wbits=31))
    assert max(len(next(parts)) for _ in range(10)) <= 1 << 18


@pytest.mark.parametrize("encoding", ["", "identity", "Identity", " aws-chunked", "UTF-8", "binary", "none", "x", "*"])
def test_unpacking__nothing(encoding: str) -> None:
    """F48: where no registered coding is named the body is taken as the file; what it is, its content shows."""
    assert unpacking(encoding) is None


@pytest.mark.parametrize("encoding", ["gzip", "X-GZip", "identity, gzip", "aws-chunked,gzip"])
def test_unpacking__one_member(encoding: str) -> None:
    """F48: gzip is unpacked, whatever stands beside it that is no coding."""
    assert unpacking(encoding) is not None


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "gzip, br"])
def test_unpacking__refused(encoding: str) -> None:
    """F48: what we could not unpack and verify within bounds is refused by its name."""
    with pytest.raises(LinkRefusedError, match="encoded_body"):
        unpacking(encoding)
