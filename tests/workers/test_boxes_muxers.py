"""What a real muxer's fragmented film says of its end, whole and cut, under each way of writing it."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

from archive.errors import NotMediaError
from tests.films import box, check, copy_film, films, rebuild, starts

EVERY = "frag_every_frame"  # each track in fragments of its own: the other may have lost some unseen
TIMED = ""  # by `frag_duration`
KEYED = "frag_keyframe"


@cache
def muxed(flags: str, *, sound: bool = True) -> bytes:
    """A film of one second under FFmpeg's mov *flags*."""
    timed = {} if EVERY in flags or KEYED in flags else {"frag_duration": "200000"}  # microseconds
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name) / "source", Path(name) / "target"
        source.write_bytes(films()["moov_last"])
        copy_film(source, target, timed | ({"movflags": flags} if flags else {}), sound=sound)
        return target.read_bytes()


def complete(data: bytes) -> Literal[True] | None:
    """What is known of a film that may be cut: None for one that is refused, too."""
    try:
        return check(data).complete
    except NotMediaError:
        return None


def joined(*flags: str) -> str:
    return "+".join(flag for flag in flags if flag)


DECLARED = [
    joined(way, *flags)
    for way in (EVERY, TIMED, KEYED)
    for flags in (
        (),
        ("empty_moov", "default_base_moof"),
        ("delay_moov",),
        ("dash",),
        ("cmaf",),
        ("empty_moov", "separate_moof"),
        ("empty_moov", "omit_tfhd_offset", "negative_cts_offsets"),
        ("delay_moov", "dash", "global_sidx"),
        ("global_sidx",),
        ("isml",),
        ("frag_discont", "dash", "skip_sidx"),
    )
]
UNDECLARED = [
    joined(way, *flags)
    for way in (EVERY, TIMED)
    for flags in (("skip_trailer",), ("empty_moov", "skip_trailer"), ("dash", "skip_trailer"), ("cmaf", "skip_trailer"))
]


@pytest.mark.parametrize("flags", DECLARED)
def test_whole__declares_its_end(flags: str) -> None:
    """A film as the muxer left it is known to be whole."""
    assert check(muxed(flags)).complete


@pytest.mark.parametrize("flags", UNDECLARED)
def test_whole__written_without_its_last_box(flags: str) -> None:
    """A film whose muxer was told to write no last box is not known to be whole, which is the truth."""
    assert check(muxed(flags)).complete is None


@pytest.mark.parametrize("flags", DECLARED + UNDECLARED)
def test_cut__between_any_two_boxes(flags: str) -> None:
    """F64: cut at any edge of a box at file level, no film is called whole, unless only its last box is lost."""
    film = muxed(flags)
    wrong = {at for at in starts(film) if at and complete(film[:at])}
    assert wrong <= ({starts(film, b"mfra")[-1]} if "global_sidx" in flags else set())


@pytest.mark.parametrize("flags", [joined(EVERY, "global_sidx"), joined(TIMED, "delay_moov", "dash", "global_sidx")])
@pytest.mark.parametrize("sound", [True, False])
def test_cut__anywhere_in_an_indexed_film(flags: str, sound: bool) -> None:
    """F64: an index that its muxer added up wrongly, as for several tracks, is no proof: no cut is called whole."""
    film = muxed(flags, sound=sound)
    (end_of_media,) = starts(film, b"mfra")
    points = {len(film) * n // 300 for n in range(300)} | set(starts(film)) - {end_of_media}

    assert len(points) >= 299
    assert not [cut for cut in points if cut < end_of_media and complete(film[:cut])]


def test_last_box__not_the_last() -> None:
    """An `mfra` with fragments behind it is not the last word: what else stood there may be cut off."""
    film = muxed(joined(TIMED, "empty_moov"))
    third, fourth = starts(film, b"moof")[2:4]
    (mfra,) = starts(film, b"mfra")
    access = rebuild(film[mfra:], {b"tfra": lambda body: box(b"tfra", body[:12] + bytes(4))})  # it lists none

    assert check(film[:third] + access).complete
    assert check(film[:third] + access + film[third:fourth]).complete is None
