"""A film that was cut is refused, or not called whole where nothing can tell."""

import struct

import pytest

from archive.errors import NotMediaError
from tests.films import Edit, Layout, box, check, cuts, films, rebuild, refusal, replaced, starts


def declaring(film: bytes, milliseconds: int, *, by: bytes = b"mehd") -> bytes:
    """Make a fragmented film without index whose `mehd` or `mvhd` declares its whole duration."""
    stated = struct.pack(">I", milliseconds)
    mvex: Edit = lambda body: box(b"mvex", box(b"mehd", bytes(4) + stated) + body)  # noqa: E731
    mvhd: Edit = lambda body: box(b"mvhd", body[:16] + stated + body[20:])  # noqa: E731
    return rebuild(film, {b"mfra": lambda _: b""} | ({b"mvex": mvex} if by == b"mehd" else {b"mvhd": mvhd}))


@pytest.mark.parametrize("layout", ["moov_first", "moov_last"])
def test_cut__progressive(layout: Layout) -> None:
    """No cut of a progressive film is accepted."""
    film = films()[layout]
    points = cuts(film)

    assert len(points) >= 100
    assert {refusal(film[:cut]) for cut in points} <= {"truncated", "empty_file", "not_mp4"}


def test_cut__indexed() -> None:
    """A leading segment index betrays every cut; only the loss of all that follows the media passes."""
    film = films()["indexed"]
    (end_of_media,) = starts(film, b"mfra")
    points = [cut for cut in cuts(film) if cut != end_of_media]

    assert len(points) >= 100
    assert {refusal(film[:cut]) for cut in points} <= {"truncated", "empty_file", "not_mp4"}
    assert check(film[:end_of_media]).complete


def test_cut__fragmented_with_nothing_left_to_declare_it() -> None:
    """With the only declaration lost, a cut at a fragment edge is not called whole; all others fail."""
    film = films()["fragmented"]
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
def test_cut__declared_duration(by: bytes) -> None:
    """A declared duration proves the whole; no cut is called whole, and half a second less is refused."""
    whole = check(films()["fragmented"]).duration
    assert whole is not None
    film = declaring(films()["fragmented"], round(whole * 1000), by=by)
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
        except NotMediaError as exc:
            verdicts.append(exc.reason)
    assert verdicts == ["truncated", "truncated", "None", "None"]


@pytest.mark.parametrize("duration", [0, 1])
def test_cut__coarse_clock(duration: int) -> None:
    """A duration in whole seconds, or none, proves nothing of a film that lost its last fifth of a second."""
    film = replaced(declaring(films()["fragmented"], duration), b"mvhd", 12, struct.pack(">I", 1))
    assert check(film[: starts(film, b"moof")[-1]]).complete is None


def test_cut__last_fragment_hidden() -> None:
    """A fragment whose media data was cut is refused even where box sizes agree with the file."""
    film = films()["fragmented"]
    last = starts(film, b"mdat")[-1]

    assert refusal(film[:last] + box(b"mdat", film[last + 8 : last + 20])) == "truncated"


def test_cut__hidden_by_size_zero() -> None:
    """A last `mdat` that reaches to the end of the file is legal whole, and refused at every cut."""
    film = films()["moov_first"]
    (mdat,) = starts(film, b"mdat")
    film = film[:mdat] + bytes(4) + film[mdat + 4 :]

    assert check(film).complete
    assert {refusal(film[:cut]) for cut in range(mdat, len(film), 101)} == {"truncated"}
    assert refusal(film[:-1]) == "truncated"


def test_cut__hidden_by_trailing_boxes() -> None:
    """Media data cut short is found where its box was shortened and others follow."""
    film = films()["moov_first"]
    (mdat,) = starts(film, b"mdat")
    data = film[mdat + 8 :]

    assert refusal(film[:mdat] + box(b"mdat", data[: len(data) // 2]) + box(b"free", bytes(64))) == "truncated"


def test_cut__inside_what_follows_the_media() -> None:
    """A box that overruns the file is refused even where every sample is there."""
    film = films()["moov_last"] + box(b"uuid", bytes(5000))
    assert {refusal(film[:cut]) for cut in range(len(films()["moov_last"]) + 1, len(film), 99)} == {"truncated"}
    assert refusal(film[:-1]) == "truncated"


def sidx(*sizes: int) -> bytes:
    """Index segments of *sizes* bytes that follow at once."""
    rows = b"".join(struct.pack(">III", size, 200, 0) for size in sizes)
    return box(b"sidx", bytes(4) + struct.pack(">IIIIHH", 1, 1000, 0, 0, 0, len(sizes)) + rows)


def test_index__single_reference_is_no_proof() -> None:
    """A `sidx` with one reference may be the first of many: a cut after its segment is not called whole."""
    film = films()["fragmented"]
    first, second = starts(film, b"moof")[:2]

    assert check(film[:first] + sidx(second - first) + film[first:second]).complete is None


@pytest.mark.parametrize("leader", [b"moof", b"styp"])
def test_index__of_a_later_segment_is_no_proof(leader: bytes) -> None:
    """A `sidx` that does not lead speaks for its own segment only."""
    film = films()["fragmented"]
    first, second, third, fourth = starts(film, b"moof")[:4]
    index = sidx(third - second, fourth - third)
    styp = box(b"styp", b"msdh\0\0\0\0") if leader == b"styp" else b""
    before = film[:first] + styp + film[first:second] if leader == b"moof" else film[:first] + styp

    assert check(before + index + film[second:fourth]).complete is None


def test_access__of_other_fragments_is_no_proof() -> None:
    """An `mfra` whose fragments do not stand where it says proves nothing."""
    film = films()["fragmented"]
    first = starts(film, b"moof")[0]

    assert check(film).complete
    assert check(film[:first] + box(b"free") + film[first:]).complete is None


def test_duration__of_the_first_part_is_no_proof() -> None:
    """A `moov` with samples of its own, before fragments that were all cut off, may declare those alone."""
    own = replaced(films()["moov_last"], b"mvhd", 16, struct.pack(">I", 1024))  # ms: exactly its sound
    film = rebuild(own, {b"moov": lambda body: box(b"moov", body + box(b"mvex"))})

    assert check(film).complete is None


def test_duration__reached_by_the_clock() -> None:
    """A film that begins late, as a recording of a live stream does, is not cut; nor is it proved whole."""
    film = declaring(films()["fragmented"], 1024)
    first, fourth = starts(film, b"moof")[0], starts(film, b"moof")[3]

    assert check(film[:first] + film[fourth:]).complete is None
