"""What the decoding child tells, and that whatever happens to it costs one `ProbeError`."""

import io
import os
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import IO, Any, NoReturn

import av
import pytest

from archive.errors import ProbeError
from archive.roles import Kind
from simulator.films import make_film
from tests.films import LAYOUTS, Edit, Layout, box, copy_film, films, rebuild
from tests.media import MAKERS, check, made
from tests.system.canaries import Watch
from workers.media import Media
from workers.probe import AT_ONCE, Film, Limits, Picture, Sound, poster, probe

LIMITS = Limits()
FILM = Media(Kind.VIDEO, "mov", "video/mp4", "mp4")
FACTS = '{"duration": 1.5, "width": 320, "height": 180, "video_codec": "h264", "audio_codec": null, "fps": 25}'


@pytest.fixture
def spool() -> Iterator[IO[bytes]]:
    with tempfile.SpooledTemporaryFile(max_size=1 << 20) as file:
        yield file


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process started during the test."""
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    return started


def written(file: IO[bytes], data: bytes) -> IO[bytes]:
    file.write(data)
    return file


def facts(file: IO[bytes], *, limits: Limits = LIMITS) -> Film:
    """Probe a film."""
    found = probe(file, FILM, limits=limits)
    assert isinstance(found, Film)
    return found


def picture(jpeg: bytes) -> av.VideoFrame:
    with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as image:
        return next(image.decode(video=0))


def luma(frame: av.VideoFrame) -> list[int]:
    plane = frame.planes[0]
    rows = memoryview(plane)
    return [level for row in range(frame.height) for level in rows[row * plane.line_size :][: frame.width]]


def grown_table(film: bytes, count: int) -> bytes:
    """Claim *count* samples of one size: 12 bytes to the writer, 24 each to a reader that believes it."""
    stsz: Edit = lambda body: box(b"stsz", body[:4] + struct.pack(">II", 1, count))  # noqa: E731
    stsc: Edit = lambda body: box(b"stsc", body[:4] + struct.pack(">IIII", 1, 1, count, 1))  # noqa: E731
    stts: Edit = lambda body: box(b"stts", body[:4] + struct.pack(">III", 1, count, 1))  # noqa: E731
    return rebuild(film, {b"stsz": stsz, b"stsc": stsc, b"stts": stts})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_probe(spool: IO[bytes], layout: Layout) -> None:
    """The facts of a film are told from each layout, and from a file that has no name."""
    found = facts(written(spool, films()[layout]))

    assert found == Film(
        duration=pytest.approx(1.0, abs=0.05),  # type: ignore[arg-type]
        width=320,
        height=180,
        video_codec="h264",
        audio_codec="aac",
        fps=25.0,
    )


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "webp-animated"])
def test_probe__each_format(spool: IO[bytes], name: str) -> None:
    """Each format is read by the demuxer that is its own, and its facts are those of its kind."""
    media = check(made(name))

    found = probe(written(spool, made(name)), media)

    if media.kind is Kind.IMAGE:
        codec = {"jpeg": "mjpeg"}.get(media.format, media.format)
        assert found == Picture(width=48, height=32, codec=codec)
    else:
        assert isinstance(found, Sound)
        assert (found.sample_rate, found.channels) == (44100, 2)
        assert 0 < found.duration < 0.6


def test_probe__picture_beside_the_sound(spool: IO[bytes]) -> None:
    """The cover within an MP3 is not mistaken for the sound, whose facts are told."""
    cover = b"\0image/png\0\3\0" + made("png")
    tag = b"APIC" + struct.pack(">IH", len(cover), 0) + cover
    data = b"ID3\3\0\0" + bytes((len(tag) >> shift) & 0x7F for shift in (21, 14, 7, 0)) + tag + made("mp3-bare")

    found = probe(written(spool, data), check(data))

    assert isinstance(found, Sound)
    assert found.audio_codec == "mp3"


FORMATS = ("png", "jpeg", "gif", "webp", "wav", "mp3", "mov")


@pytest.mark.parametrize(("name", "other"), [*zip(FORMATS, FORMATS[1:] + FORMATS[:1], strict=True)])
def test_refused__by_another_demuxer(spool: IO[bytes], name: str, other: str) -> None:
    """A file is read as the format that was found or not at all, whatever FFmpeg would make of it."""
    with pytest.raises(ProbeError, match="probe_refused"):
        probe(written(spool, made(name)), check(made(other)))


def test_probe__silent(tmp_path: Path) -> None:
    """A film without sound has no audio codec."""
    film = make_film(tmp_path / "film", layout="moov_first", size=0, seconds=1.0, fps=30)
    copy_film(film.path, tmp_path / "silent", {}, sound=False)
    with (tmp_path / "silent").open("rb") as file:
        found = facts(file)

    assert (found.audio_codec, found.fps) == (None, 30.0)


def test_probe__subtitles(spool: IO[bytes]) -> None:
    """A film with a text track is read although the child can open no file any more."""
    hdlr: Edit = lambda body: box(b"hdlr", body.replace(b"soun", b"sbtl"))  # noqa: E731
    stsd: Edit = lambda body: box(b"stsd", body.replace(b"mp4a", b"tx3g"))  # noqa: E731

    assert facts(written(spool, rebuild(films()["moov_last"], {b"hdlr": hdlr, b"stsd": stsd}))).audio_codec is None


def test_probe__position_stays(spool: IO[bytes]) -> None:
    """The caller's position in the file is where it was, although the descriptor is shared."""
    written(spool, films()["moov_last"]).seek(100)
    spool.read(10)

    facts(spool)

    assert spool.read(50) == films()["moov_last"][110:160]


def test_probe__last_bytes_written() -> None:
    """What the caller wrote a moment ago is part of the film."""
    with tempfile.TemporaryFile() as file:
        written(written(file, films()["moov_last"][:-2000]), films()["moov_last"][-2000:])
        assert facts(file).audio_codec == "aac"


def test_probe__isolated(spool: IO[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the current folder nor the environment decides what code the child runs."""
    (tmp_path / "av.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert facts(written(spool, films()["moov_last"])).width == 320


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: the media child's environment, which needs /proc")
def test_probe__is_handed_no_secret(spool: IO[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """The child's environment is empty, so that what takes it over finds no key of ours (F80)."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    written(spool, films()["moov_last"])
    watch = Watch()
    try:
        watch.pids.add(os.getpid())
        for _ in range(20):
            facts(spool)
            if watch.children:
                break
    finally:
        watch.stop()
    assert {b""} == {text for where, text in watch.seen.items() if where.startswith("environment")}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("max_width", "size"), [(640, (320, 180)), (160, (160, 90)), (2, (2, 2))])
def test_poster(spool: IO[bytes], layout: Layout, max_width: int, size: tuple[int, int]) -> None:
    """A poster is a JPEG of the frame half a second in, never wider than asked and never enlarged."""
    film = films(noise=250_000)[layout]  # some in every frame makes each unlike all others

    frame = picture(poster(written(spool, film), max_width=max_width))

    assert (frame.width, frame.height) == size
    with av.open(io.BytesIO(film), "r") as decoded:
        shown = next(frame for frame in decoded.decode(video=0) if frame.time is not None and frame.time >= 0.5)
    expected = shown.reformat(width=frame.width, height=frame.height, format="yuvj420p")
    distance = fmean(abs(one - other) for one, other in zip(luma(frame), luma(expected), strict=True))
    assert distance < 2  # levels; another frame is 8 away, 2.7 at half its width, and alike at 2 by 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(5000),
        b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<?xml version='1.0'?><MPD/>",
        b"\x1aE\xdf\xa3" + bytes(99),
        box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", box(b"mvhd", bytes(100))),
    ],
    ids=["empty", "zeros", "playlist", "concat script", "manifest", "matroska", "no tracks"],
)
def test_refused(spool: IO[bytes], data: bytes) -> None:
    """What the one demuxer cannot read is refused; no other is tried."""
    with pytest.raises(ProbeError, match="probe_refused"):
        facts(written(spool, data))


def test_refused__other_container(spool: IO[bytes]) -> None:
    """A film that FFmpeg could read, had it the choice of demuxer, is refused."""
    with av.open(spool, "w", format="avi") as film:
        video = film.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        for packet in (*video.encode(av.VideoFrame(64, 64, "yuv420p")), *video.encode(None)):
            film.mux(packet)

    with pytest.raises(ProbeError, match="probe_refused"):
        facts(spool)


def test_refused__sound_only(spool: IO[bytes]) -> None:
    """A film without a video track has no facts to tell."""
    trak: Edit = lambda body: b"" if b"vide" in body else box(b"trak", body)  # noqa: E731
    with pytest.raises(ProbeError, match="probe_refused"):
        facts(written(spool, rebuild(films()["moov_last"], {b"trak": trak})))


def test_no_frame(spool: IO[bytes]) -> None:
    """A film of which no frame can be decoded has no poster."""
    film = rebuild(films()["moov_last"], {b"mdat": lambda body: box(b"mdat", bytes(len(body)))})
    with pytest.raises(ProbeError, match="no_frame"):
        poster(written(spool, film))


def test_greedy_film(tmp_path: Path) -> None:
    """A film that claims 30 million samples, 700 MB to its reader, is not given them."""
    (tmp_path / "film").write_bytes(grown_table(films()["moov_last"], 30_000_000))
    program = """if True:
        import resource, sys, archive.roles, workers.probe
        with open(sys.argv[1], "rb") as film:
            media = workers.media.Media(archive.roles.Kind.VIDEO, "mov", "video/mp4", "mp4")
            workers.probe.probe(film, media)
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""
    run = subprocess.run([sys.executable, "-c", program, tmp_path / "film"], check=True, capture_output=True, text=True)

    assert int(run.stdout) < 300_000  # KiB


def test_spinning_film(spool: IO[bytes]) -> None:
    """A film that keeps its reader busy costs its own probe only."""
    with pytest.raises(ProbeError, match="probe_timeout"):
        facts(written(spool, grown_table(films()["moov_last"], 10_000_000)), limits=replace(LIMITS, cpu_seconds=0))

    with tempfile.TemporaryFile() as file:
        assert facts(written(file, films()["moov_last"])).width == 320


@pytest.mark.parametrize(
    ("limits", "slug"),
    [
        pytest.param(replace(LIMITS, memory=1 << 20), "probe_crashed", id="memory"),
        pytest.param(replace(LIMITS, wall_seconds=0.0), "probe_timeout", id="clock"),
        pytest.param(replace(LIMITS, answer=10), "probe_crashed", id="too long an answer"),
    ],
)
def test_limits(
    spool: IO[bytes],
    children: list[subprocess.Popen[bytes]],
    limits: Limits,
    slug: str,
) -> None:
    """A child that passes a limit is named, and is gone when the caller hears of it."""
    with pytest.raises(ProbeError, match=slug):
        poster(written(spool, films()["moov_last"]), limits=limits)

    (child,) = children
    assert child.returncode not in (None, 0)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="no object"),
        pytest.param('{"duration": 1}', id="a part"),
        pytest.param(FACTS.replace("1.5", "NaN"), id="no number"),
        pytest.param(FACTS.replace("1.5", "1e999"), id="no finite number"),
        pytest.param(FACTS.replace("320", "1e999"), id="no finite width"),
    ],
)
def test_answer_is_not_trusted(spool: IO[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """A child that says anything but the facts of a film has crashed, whatever its exit status."""
    child = tmp_path / "child"
    child.write_text(f"#!/bin/sh\necho '{answer}'\n")
    child.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(child))

    with pytest.raises(ProbeError, match="probe_crashed"):
        facts(spool)


def test_import_is_lean() -> None:
    """Asking for probes loads no media library into the asking process."""
    program = "import sys, workers.probe, workers.media; sys.exit('av' in sys.modules)"
    subprocess.run([sys.executable, "-I", "-c", program], check=True)


@pytest.mark.parametrize("before", [b"", b"ID3\4\0\0\0\0\0\0"], ids=["bare", "ID3v2"])
def test_probe__zero_bytes_before_sound(before: bytes, spool: IO[bytes]) -> None:
    """The zero bytes that the walk passes over before an MP3's first frame do not keep the decoder from it."""
    data = before + bytes(400_000) + made("mp3-bare")
    found = probe(written(spool, data), check(data))
    assert isinstance(found, Sound)
    assert found.sample_rate == 44100


def test_probe__picture_with_damaged_end(spool: IO[bytes]) -> None:
    """A PNG whose last checksum is wrong is decoded like one whose is right."""
    data = made("png")[:-1] + b"\0"
    found = probe(written(spool, data), check(data))
    assert isinstance(found, Picture)
    assert (found.width, found.height) == (48, 32)


def test_probe__many_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many transfers end at once, no more than AT_ONCE children decode: each may take a gigabyte."""
    too_many = threading.Barrier(AT_ONCE + 1)
    crowds: list[int] = []

    def start(*_: object, **__: object) -> NoReturn:
        with suppress(threading.BrokenBarrierError):
            too_many.wait(0.3)
            crowds.append(AT_ONCE + 1)
        raise OSError("no process to be had")

    def ask() -> None:
        with (tmp_path / "film").open("rb") as film, suppress(OSError):
            probe(film, FILM)

    (tmp_path / "film").touch()
    monkeypatch.setattr(subprocess, "Popen", start)
    threads = [threading.Thread(target=ask) for _ in range(4 * AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (True, []) == (too_many.broken, crowds)
