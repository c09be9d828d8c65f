"""What `check_structure` accepts, refuses and spends."""

import io
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.errors import NotAVideoError
from tests.films import MUXING, Edit, Layout, box, boxes, make_film, rebuild, starts
from workers.boxes import Structure, Track, check_structure
from workers.boxes.box import MAX_BOXES, MAX_DEPTH, MAX_METADATA

Films = dict[Layout, bytes]


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


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    folder = tmp_path_factory.mktemp("films")
    for layout in MUXING:
        make_film(folder / layout, layout=layout)
    return {layout: Path(folder / layout).read_bytes() for layout in MUXING}


def check(data: bytes) -> Structure:
    return check_structure(io.BytesIO(data), len(data))


def refusal(data: bytes) -> str:
    with pytest.raises(NotAVideoError) as caught:
        check(data)
    return caught.value.reason


def cuts(data: bytes) -> list[int]:
    """Return over a hundred lengths shorter than *data*: evenly spread, and at and beside every box edge."""
    spread = {len(data) * n // 120 for n in range(120)}
    edges = {at + beside for at in starts(data) for beside in (-1, 0, 1, 7, 8, 9) if at + beside >= 0}
    return sorted(cut for cut in spread | edges | {len(data) - 1} if cut < len(data))


def replaced(data: bytes, kind: bytes, at: int, new: bytes) -> bytes:
    """Overwrite the bytes at offset *at* of the body of every box of *kind*."""
    return rebuild(data, {kind: lambda body: box(kind, body[:at] + new + body[at + len(new) :])})


def declaring(film: bytes, milliseconds: int, *, by: bytes = b"mehd") -> bytes:
    """Make a fragmented film without index whose `mehd` or `mvhd` declares its whole duration."""
    stated = struct.pack(">I", milliseconds)
    mvex: Edit = lambda body: box(b"mvex", box(b"mehd", bytes(4) + stated) + body)  # noqa: E731
    mvhd: Edit = lambda body: box(b"mvhd", body[:16] + stated + body[20:])  # noqa: E731
    return rebuild(film, {b"mfra": lambda _: b""} | ({b"mvex": mvex} if by == b"mehd" else {b"mvhd": mvhd}))


@pytest.mark.parametrize("layout", MUXING)
def test_whole_film(films: Films, layout: Layout) -> None:
    """A film of each layout is recognised, with its facts, and known to be whole."""
    found = check(films[layout])

    assert found == Structure(
        content_type="video/mp4",
        extension="mp4",
        layout="fragmented" if layout == "indexed" else layout,
        duration=found.duration,
        tracks=(Track("video", "avc1", 320, 180), Track("audio", "mp4a", 0, 0)),
        complete=True,
    )
    assert found.duration == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("layout", ["moov_first", "moov_last"])
def test_cut__progressive(films: Films, layout: Layout) -> None:
    """No cut of a progressive film is accepted."""
    film = films[layout]
    points = cuts(film)

    assert len(points) >= 100
    assert {refusal(film[:cut]) for cut in points} <= {"truncated", "empty_file", "not_mp4"}


def test_cut__indexed(films: Films) -> None:
    """A leading segment index betrays every cut; only the loss of all that follows the media passes."""
    film = films["indexed"]
    (end_of_media,) = starts(film, b"mfra")
    points = [cut for cut in cuts(film) if cut != end_of_media]

    assert len(points) >= 100
    assert {refusal(film[:cut]) for cut in points} <= {"truncated", "empty_file", "not_mp4"}
    assert check(film[:end_of_media]).complete


def test_cut__fragmented_with_nothing_left_to_declare_it(films: Films) -> None:
    """With the only declaration lost, a cut at a fragment edge is not called whole; all others fail."""
    film = films["fragmented"]
    edges = {*starts(film, b"moof")[1:], *starts(film, b"mfra")}
    points = cuts(film)

    assert len(points) >= 100
    assert edges <= set(points)
    for cut in points:
        if cut in edges:
            assert check(film[:cut]).complete is None
        else:
            assert refusal(film[:cut]) in {"truncated", "empty_file", "not_mp4"}


@pytest.mark.parametrize("by", [b"mehd", b"mvhd"])
def test_cut__declared_duration(films: Films, by: bytes) -> None:
    """A declared duration proves the whole; no cut is called whole, and half a second less is refused."""
    whole = check(films["fragmented"]).duration
    assert whole is not None
    film = declaring(films["fragmented"], round(whole * 1000), by=by)
    edges = starts(film, b"moof")[1:]

    assert check(film).complete
    assert {refusal(film[:cut]) for cut in cuts(film) if cut not in edges} <= {
        "truncated",
        "empty_file",
        "not_mp4",
    }
    verdicts = []
    for edge in edges:
        try:
            verdicts.append(str(check(film[:edge]).complete))
        except NotAVideoError as exc:
            verdicts.append(exc.reason)
    assert verdicts == ["truncated", "truncated", "None", "None"]


@pytest.mark.parametrize("duration", [0, 1])
def test_cut__coarse_clock(films: Films, duration: int) -> None:
    """A duration in whole seconds, or none, proves nothing of a film that lost its last fifth of a second."""
    film = replaced(declaring(films["fragmented"], duration), b"mvhd", 12, struct.pack(">I", 1))
    assert check(film[: starts(film, b"moof")[-1]]).complete is None


def test_cut__last_fragment_hidden(films: Films) -> None:
    """A fragment whose media data was cut is refused even where box sizes agree with the file."""
    film = films["fragmented"]
    last = starts(film, b"mdat")[-1]

    assert refusal(film[:last] + box(b"mdat", film[last + 8 : last + 20])) == "truncated"


def test_cut__hidden_by_size_zero(films: Films) -> None:
    """A last `mdat` that reaches to the end of the file is legal whole, and refused at every cut."""
    film = films["moov_first"]
    (mdat,) = starts(film, b"mdat")
    film = film[:mdat] + bytes(4) + film[mdat + 4 :]

    assert check(film).complete
    assert {refusal(film[:cut]) for cut in range(mdat, len(film), 101)} == {"truncated"}
    assert refusal(film[:-1]) == "truncated"


def test_cut__hidden_by_trailing_boxes(films: Films) -> None:
    """Media data cut short is found where its box was shortened and others follow."""
    film = films["moov_first"]
    (mdat,) = starts(film, b"mdat")
    data = film[mdat + 8 :]

    assert (
        refusal(film[:mdat] + box(b"mdat", data[: len(data) // 2]) + box(b"free", bytes(64))) == "truncated"
    )


def test_cut__inside_what_follows_the_media(films: Films) -> None:
    """A box that overruns the file is refused even where every sample is there."""
    film = films["moov_last"] + box(b"uuid", bytes(5000))
    assert {refusal(film[:cut]) for cut in range(len(films["moov_last"]) + 1, len(film), 99)} == {"truncated"}


@pytest.mark.parametrize(
    ("slug", "data"),
    [
        ("empty_file", b""),
        ("html_page", b"<!DOCTYPE html><html><body>Gone</body></html>"),
        ("html_page", b"\xef\xbb\xbf \r\n<HTML lang=en>"),
        ("html_page", b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>'),
        ("json_document", b'{"code": 403, "msg": "expired"}'),
        ("json_document", b' [{"error": 1}]'),
        ("xml_document", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
        ("xml_document", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("xml_document", b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>'),
        ("playlist", b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd\n"),
        ("zip_archive", b"PK\x03\x04" + bytes(60)),
        ("executable", b"\x7fELF\x02\x01\x01" + bytes(60)),
        ("executable", b"MZ\x90" + bytes(60)),
        ("image_file", b"\xff\xd8\xff\xe0\x00\x10JFIF"),
        ("image_file", b"\x89PNG\r\n\x1a\n"),
        ("image_file", b"GIF89a"),
        ("image_file", b"RIFF\x24\x00\x00\x00WEBPVP8 "),
        ("image_file", box(b"ftyp", b"avif\0\0\0\0") + box(b"meta", bytes(4)) + box(b"mdat")),
        ("avi_file", b"RIFF\x24\x00\x00\x00AVI LIST"),
        ("webm_file", b"\x1aE\xdf\xa3\x01\x00\x00\x00"),
        ("not_mp4", b"RIFF\x24\x00\x00\x00WAVEfmt "),
        ("not_mp4", b"G\x40\x00\x10" + bytes(184)),
        ("not_mp4", bytes(1000)),
        ("not_mp4", b"Too many requests"),
        ("truncated", box(b"styp", b"msdh\0\0\0\0") + box(b"moof") + box(b"mdat")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_foreign(slug: str, data: bytes) -> None:
    """What is no film is refused with the name of what it is."""
    assert refusal(data) == slug


def test_magic_in_size_field(films: Films) -> None:
    """A first box whose size happens to spell another format's signature is still a box."""
    assert refusal(b"PK\x03\x04mdat" + bytes(60)) == "truncated"


def test_no_video(films: Films) -> None:
    """A film with sound only is refused."""
    hdlr: Edit = lambda body: box(b"hdlr", body.replace(b"vide", b"text"))  # noqa: E731
    assert refusal(rebuild(films["moov_last"], {b"hdlr": hdlr})) == "no_video_track"


@pytest.mark.parametrize("layout", ["moov_first", "moov_last"])
def test_zero_duration(films: Films, layout: Layout) -> None:
    """A film whose frames last no time is refused."""
    stts: Edit = lambda body: box(b"stts", body[:8] + struct.pack(">II", 25, 0) * ((len(body) - 8) // 8))  # noqa: E731
    assert refusal(rebuild(films[layout], {b"stts": stts})) == "zero_duration"


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
def test_malformed__table(films: Films, kind: bytes, at: int, new: bytes) -> None:
    """A table that contradicts its box, or itself, is refused."""
    assert refusal(replaced(films["moov_last"], kind, at, new)) == "malformed_box"


def test_malformed__run(films: Films) -> None:
    """A track run that lists more samples than it has room for is refused."""
    assert refusal(replaced(films["fragmented"], b"trun", 4, MANY)) == "malformed_box"


def test_malformed__chunks_out_of_order(films: Films) -> None:
    """Runs of chunks that do not go forward, and could be walked without end, are refused."""
    stsc: Edit = lambda body: box(b"stsc", body[:4] + struct.pack(">7I", 2, 1, 99, 1, 1, 99, 1))  # noqa: E731
    assert refusal(rebuild(films["moov_last"], {b"stsc": stsc})) == "malformed_box"


@pytest.mark.parametrize(
    "kind", b"ftyp mvhd tkhd mdhd hdlr stsd stts stsc stsz stco trex tfhd trun tfdt sidx tfra".split()
)
@pytest.mark.parametrize("layout", ["moov_last", "indexed"])
def test_malformed__short_body(films: Films, layout: Layout, kind: bytes) -> None:
    """A box too short for its fields is refused, or not missed, at every length."""
    for length in range(40):
        film = rebuild(films[layout], {kind: lambda body: box(kind, body[:length])})  # noqa: B023
        with suppress(NotAVideoError):
            check(film)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 0xFFFF])
def test_malformed__child_size(films: Films, size: int) -> None:
    """A child with an impossible size, or one that overruns its parent, is refused."""
    film = films["moov_last"]
    (moov,) = starts(film, b"moov")
    assert refusal(film[: moov + 8] + struct.pack(">I", size) + film[moov + 12 :]) == "malformed_box"


@pytest.mark.parametrize("size", [1, 2, 7])
def test_malformed__file_level_size(films: Films, size: int) -> None:
    """A box smaller than its own header is refused at file level."""
    assert refusal(films["moov_last"] + struct.pack(">I4sQ", size, b"free", size)) == "malformed_box"


def test_malformed__two_movies(films: Films) -> None:
    """Two `moov` boxes would be two films to two readers."""
    film = films["moov_last"]
    assert refusal(film + film[starts(film, b"moov")[0] :]) == "malformed_box"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 20_000])
def test_malformed__depth(depth: int) -> None:
    """Boxes nested too deep are refused before the stack knows."""
    data = b"".join(struct.pack(">I4s", 8 * (depth - n), b"moov") for n in range(depth))
    assert refusal(data) == "malformed_box"


def test_malformed__too_many_boxes() -> None:
    """The walk ends at a bounded number of boxes."""
    data = box(b"free") * (MAX_BOXES + 1000)
    file = counting(data)
    with pytest.raises(NotAVideoError, match="malformed_box"):
        check_structure(file, len(data))
    assert file.reads <= MAX_BOXES + 1


def test_malformed__giant_movie_is_never_read() -> None:
    """A `moov` past the bound is refused unread."""
    with tempfile.TemporaryFile(buffering=0) as sparse:
        sparse.write(struct.pack(">I4s", MAX_METADATA + 9, b"moov"))
        size = sparse.truncate(MAX_METADATA + 9)
        file = CountingFile(cast(io.RawIOBase, sparse))
        with pytest.raises(NotAVideoError, match="malformed_box"):
            check_structure(file, size)
    assert file.amount <= 4096 + 16


@given(
    st.binary(max_size=600),
    st.sampled_from([b"", b"\0\0\0\x10ftypisom\0\0\0\0", b"\0\0\2\0moov", b"\0\0\1\0moof"]),
)
def test_hostile__random(data: bytes, start: bytes) -> None:
    """Random bytes are refused by name, never by accident."""
    assert refusal(start + data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=600, deadline=None)
@given(
    st.sampled_from(list(MUXING)),
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.sampled_from([b"\0", b"\1", b"\x7f", b"\xff", bytes(4), MANY, b"moov", b"trun"]),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_hostile__mutated(films: Films, layout: Layout, mutations: list[tuple[float, bytes]]) -> None:
    """A film with mutated metadata is accepted or refused by name, with bounded reading."""
    data = bytearray(films[layout])
    metadata = [
        n for at, kind, body in boxes(films[layout]) if kind != b"mdat" for n in range(at, at + 8 + len(body))
    ]
    for place, new in mutations:
        at = metadata[int(place * (len(metadata) - 1))]
        data[at : at + len(new)] = new
    file = counting(bytes(data))
    with suppress(NotAVideoError):
        check_structure(file, len(data))
    assert file.reads <= len(data) // 4 + 1
    assert file.amount <= 3 * len(data) + 4096


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


@pytest.mark.parametrize(
    "legal",
    [
        pytest.param(with_largesize, id="64-bit size"),
        pytest.param(with_co64, id="64-bit offsets"),
        pytest.param(with_stz2, id="compact sizes"),
        pytest.param(lambda film: film.replace(b"\0\0\0\x08free", b"\0\0\0\x08wide"), id="wide"),
        pytest.param(lambda film: film + box(b"uuid", bytes(5000)), id="uuid last"),
        pytest.param(lambda film: film + bytes(4) + b"free" + bytes(99), id="free of size zero last"),
        pytest.param(
            lambda film: film + box(b"mdat", b"more") + box(b"skip") + box(b"abcd"), id="more boxes"
        ),
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
def test_legal(films: Films, legal: Edit) -> None:
    """Forms that the standard or QuickTime allows change nothing, whole or cut."""
    film = legal(films["moov_last"])

    assert check(film) == check(films["moov_last"])
    assert refusal(film[: len(film) // 2]) == "truncated"


def test_legal__segments(films: Films) -> None:
    """`styp` and `emsg` between fragments are passed over."""
    film = rebuild(
        films["fragmented"],
        {b"moof": lambda body: box(b"styp", b"msdh\0\0\0\0") + box(b"emsg", bytes(30)) + box(b"moof", body)},
    )
    assert check(film).tracks == check(films["fragmented"]).tracks


@pytest.mark.parametrize("old", [b"qt  ", None])
def test_quicktime(films: Films, old: bytes | None) -> None:
    """A film of QuickTime's brand, or of the time before brands, is `video/quicktime`."""
    film = films["moov_last"]
    film = film.replace(b"ftyp", b"free", 1) if old is None else film[:8] + old + film[12:]

    found = check(film)

    assert (found.content_type, found.extension) == ("video/quicktime", "mov")


def test_index__single_reference_is_no_proof(films: Films) -> None:
    """A `sidx` with one reference may be the first of many: a cut after its segment is not called whole."""
    film = films["fragmented"]
    first, second = starts(film, b"moof")[:2]
    sidx = (
        bytes(4) + struct.pack(">IIIIHH", 1, 1000, 0, 0, 0, 1) + struct.pack(">III", second - first, 200, 0)
    )

    assert check(film[:first] + box(b"sidx", sidx) + film[first:second]).complete is None
