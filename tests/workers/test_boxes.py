"""What `check_structure` accepts as a whole film, in every form that is legal."""

import struct

import pytest

from archive.roles import Kind
from tests.films import LAYOUTS, Edit, Layout, box, check, films, rebuild, refusal, replaced, starts
from workers.boxes import Structure, Track


@pytest.mark.parametrize("layout", LAYOUTS)
def test_whole_film(layout: Layout) -> None:
    """A film of each layout is recognised, with its facts, and known to be whole."""
    found = check(films()[layout])

    assert found == Structure(
        kind=Kind.VIDEO,
        content_type="video/mp4",
        extension="mp4",
        layout="fragmented" if layout == "indexed" else layout,
        duration=found.duration,
        tracks=(Track("video", "avc1", 320, 180), Track("audio", "mp4a", 0, 0)),
        complete=True,
    )
    assert found.duration == pytest.approx(1.0, abs=0.05)


def test_no_video() -> None:
    """A film with neither picture nor sound is refused."""
    hdlr: Edit = lambda body: box(b"hdlr", body.replace(b"vide", b"text").replace(b"soun", b"text"))  # noqa: E731
    assert refusal(rebuild(films()["moov_last"], {b"hdlr": hdlr})) == "no_video_track"


def test_sound_only() -> None:
    """What has sound and no picture is a sound, not a film."""
    hdlr: Edit = lambda body: box(b"hdlr", body.replace(b"vide", b"text"))  # noqa: E731
    found = check(rebuild(films()["moov_last"], {b"hdlr": hdlr}))
    assert (Kind.AUDIO, "audio/mp4", "m4a", True) == (found.kind, found.content_type, found.extension, found.complete)


@pytest.mark.parametrize("layout", ["moov_first", "moov_last"])
def test_zero_duration(layout: Layout) -> None:
    """A film whose frames last no time is refused."""
    stts: Edit = lambda body: box(b"stts", body[:8] + struct.pack(">II", 25, 0) * ((len(body) - 8) // 8))  # noqa: E731
    assert refusal(rebuild(films()[layout], {b"stts": stts})) == "zero_duration"


def test_zero_duration__picture_only() -> None:
    """Sound that lasts does not make a film of pictures that do not."""
    stts: Edit = lambda body: box(b"stts", body[:8] + struct.pack(">II", 25, 0) * ((len(body) - 8) // 8))  # noqa: E731
    trak: Edit = lambda body: rebuild(box(b"trak", body), {b"stts": stts} if b"vide" in body else {})  # noqa: E731
    assert refusal(rebuild(films()["moov_last"], {b"trak": trak})) == "zero_duration"


@pytest.mark.parametrize("unknown", [0, 0xFFFF_FFFF])
def test_duration__not_declared(unknown: int) -> None:
    """Where `mvhd` does not know the duration, the longest track tells it."""
    film = replaced(films()["moov_last"], b"mvhd", 16, struct.pack(">I", unknown))
    assert check(film).duration == pytest.approx(1.0, abs=0.05)


def with_largesize(film: bytes) -> bytes:
    """Turn the 8-byte `free` before `mdat`, kept there for this purpose, into a 64-bit size."""
    (free,) = starts(film, b"free")
    size = struct.unpack_from(">I", film, free + 8)[0] + 8
    return film[:free] + struct.pack(">I4sQ", 1, b"mdat", size) + film[free + 16 :]


def with_co64(film: bytes) -> bytes:
    def stco(body: bytes) -> bytes:
        offsets = struct.unpack(f">{len(body) // 4 - 2}I", body[8:])
        return box(b"co64", body[:8] + struct.pack(f">{len(offsets)}Q", *offsets))

    return rebuild(film, {b"stco": stco})


def with_stz2(film: bytes) -> bytes:
    def stsz(body: bytes) -> bytes:
        sizes = struct.unpack(f">{len(body) // 4 - 3}I", body[12:])
        return box(b"stz2", bytes(7) + b"\x10" + body[8:12] + struct.pack(f">{len(sizes)}H", *sizes))

    return rebuild(film, {b"stsz": stsz})


def with_wide_times(film: bytes) -> bytes:
    """Turn 32-bit times into 64-bit ones: version 1 of each box that has some."""

    def wide(kind: bytes, code: str) -> Edit:
        def edit(body: bytes) -> bytes:
            fields = struct.unpack_from(">" + code, body, 4)
            rest = body[4 + struct.calcsize(">" + code) :]
            return box(kind, b"\1" + body[1:4] + struct.pack(">" + code.replace("L", "Q"), *fields) + rest)

        return edit

    times = {b"mvhd": "LLIL", b"mdhd": "LLIL", b"tkhd": "LLIIL"}  # L for a time
    return rebuild(film, {kind: wide(kind, code) for kind, code in times.items()})


@pytest.mark.parametrize(
    "legal",
    [
        pytest.param(with_largesize, id="64-bit size"),
        pytest.param(with_co64, id="64-bit offsets"),
        pytest.param(with_stz2, id="compact sizes"),
        pytest.param(with_wide_times, id="64-bit times"),
        pytest.param(lambda film: film.replace(b"\0\0\0\x08free", b"\0\0\0\x08wide"), id="wide"),
        pytest.param(lambda film: film + box(b"uuid", bytes(5000)), id="uuid last"),
        pytest.param(lambda film: film + bytes(4) + b"free" + bytes(99), id="free of size zero last"),
        pytest.param(lambda film: film + box(b"mdat", b"more") + box(b"skip") + box(b"abcd"), id="more boxes"),
        pytest.param(
            lambda film: rebuild(film, {b"moov": lambda body: box(b"uuid", bytes(99)) + box(b"moov", body)}),
            id="uuid",
        ),
        pytest.param(
            lambda film: rebuild(film, {b"trak": lambda body: box(b"trak", body + bytes(4))}),
            id="terminated list",
        ),
    ],
)
def test_legal(legal: Edit) -> None:
    """Forms that the standard or QuickTime allows change nothing, whole or cut."""
    film = legal(films()["moov_last"])

    assert check(film) == check(films()["moov_last"])
    assert refusal(film[: len(film) // 2]) == "truncated"


def test_legal__segments() -> None:
    """`styp` and `emsg` between fragments are passed over."""
    film = rebuild(
        films()["fragmented"],
        {b"moof": lambda body: box(b"styp", b"msdh\0\0\0\0") + box(b"emsg", bytes(30)) + box(b"moof", body)},
    )
    assert check(film).tracks == check(films()["fragmented"]).tracks


@pytest.mark.parametrize("old", [b"qt  ", None])
def test_quicktime(old: bytes | None) -> None:
    """A film of QuickTime's brand, or of the time before brands, is `video/quicktime`."""
    film = films()["moov_last"]
    film = film.replace(b"ftyp", b"free", 1) if old is None else film[:8] + old + film[12:]

    found = check(film)

    assert (found.content_type, found.extension) == ("video/quicktime", "mov")
