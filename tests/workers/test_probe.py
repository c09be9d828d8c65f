"""What the decoding child tells, and that whatever happens to it costs one `ProbeError`."""

import io
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import av
import pytest

from archive.errors import ProbeError
from tests.films import MUXING, Edit, Layout, box, make_film, rebuild
from workers.probe import Limits, Probe, poster, probe

Films = dict[Layout, bytes]
LIMITS = Limits()


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    folder = tmp_path_factory.mktemp("films")
    for layout in MUXING:
        make_film(folder / layout, layout=layout)
    return {layout: Path(folder / layout).read_bytes() for layout in MUXING}


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


def picture(jpeg: bytes) -> av.VideoFrame:
    with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as image:
        return next(image.decode(video=0))


def grown_table(film: bytes, count: int) -> bytes:
    """Claim *count* samples of one size: 12 bytes to the writer, 24 each to a reader that believes it."""
    stsz: Edit = lambda body: box(b"stsz", body[:4] + struct.pack(">II", 1, count))  # noqa: E731
    stsc: Edit = lambda body: box(b"stsc", body[:4] + struct.pack(">IIII", 1, 1, count, 1))  # noqa: E731
    stts: Edit = lambda body: box(b"stts", body[:4] + struct.pack(">III", 1, count, 1))  # noqa: E731
    return rebuild(film, {b"stsz": stsz, b"stsc": stsc, b"stts": stts})


@pytest.mark.parametrize("layout", MUXING)
def test_probe(films: Films, spool: IO[bytes], layout: Layout) -> None:
    """The facts of a film are told from each layout, and from a file that has no name."""
    found = probe(written(spool, films[layout]))

    assert found == Probe(
        duration=pytest.approx(1.0, abs=0.05),  # type: ignore[arg-type]
        width=320,
        height=180,
        video_codec="h264",
        audio_codec="aac",
        fps=25.0,
    )


def test_probe__silent(tmp_path: Path) -> None:
    """A film without sound has no audio codec."""
    make_film(tmp_path / "film", layout="moov_first", sound=False, fps=30)
    with (tmp_path / "film").open("rb") as file:
        found = probe(file)

    assert (found.audio_codec, found.fps) == (None, 30.0)


def test_probe__subtitles(films: Films, spool: IO[bytes]) -> None:
    """A film with a text track is read although the child can open no file any more."""
    hdlr: Edit = lambda body: box(b"hdlr", body.replace(b"soun", b"sbtl"))  # noqa: E731
    stsd: Edit = lambda body: box(b"stsd", body.replace(b"mp4a", b"tx3g"))  # noqa: E731

    assert probe(written(spool, rebuild(films["moov_last"], {b"hdlr": hdlr, b"stsd": stsd}))).audio_codec is None


def test_probe__position_stays(films: Films, spool: IO[bytes]) -> None:
    """The caller's position in the file is where it was, although the descriptor is shared."""
    written(spool, films["moov_last"]).seek(100)
    spool.read(10)

    probe(spool)

    assert spool.read(50) == films["moov_last"][110:160]


def test_probe__last_bytes_written(films: Films) -> None:
    """What the caller wrote a moment ago is part of the film."""
    with tempfile.TemporaryFile() as file:
        written(written(file, films["moov_last"][:-2000]), films["moov_last"][-2000:])
        assert probe(file).audio_codec == "aac"


def test_probe__isolated(films: Films, spool: IO[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the current folder nor the environment decides what code the child runs."""
    (tmp_path / "av.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert probe(written(spool, films["moov_last"])).width == 320


@pytest.mark.parametrize("layout", MUXING)
@pytest.mark.parametrize(("max_width", "size"), [(640, (320, 180)), (160, (160, 90)), (2, (2, 2))])
def test_poster(films: Films, spool: IO[bytes], layout: Layout, max_width: int, size: tuple[int, int]) -> None:
    """A poster is a JPEG of the frame half a second in, never wider than asked and never enlarged."""
    frame = picture(poster(written(spool, films[layout]), max_width=max_width))

    assert (frame.width, frame.height) == size
    luma = bytes(frame.planes[0])[0]
    assert luma == pytest.approx((16 + 13 - 16) * 255 / 219, abs=3)  # frame 13 is the first at 0.5 s; full range


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
        probe(written(spool, data))


def test_refused__other_container(spool: IO[bytes]) -> None:
    """A film that FFmpeg could read, had it the choice of demuxer, is refused."""
    with av.open(spool, "w", format="avi") as film:
        video = film.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        for packet in (*video.encode(av.VideoFrame(64, 64, "yuv420p")), *video.encode(None)):
            film.mux(packet)

    with pytest.raises(ProbeError, match="probe_refused"):
        probe(spool)


def test_refused__sound_only(films: Films, spool: IO[bytes]) -> None:
    """A film without a video track has no facts to tell."""
    trak: Edit = lambda body: b"" if b"vide" in body else box(b"trak", body)  # noqa: E731
    with pytest.raises(ProbeError, match="probe_refused"):
        probe(written(spool, rebuild(films["moov_last"], {b"trak": trak})))


def test_no_frame(films: Films, spool: IO[bytes]) -> None:
    """A film of which no frame can be decoded has no poster."""
    film = rebuild(films["moov_last"], {b"mdat": lambda body: box(b"mdat", bytes(len(body)))})
    with pytest.raises(ProbeError, match="no_frame"):
        poster(written(spool, film))


def test_greedy_film(films: Films, tmp_path: Path) -> None:
    """A film that claims 30 million samples, 700 MB to its reader, is not given them."""
    (tmp_path / "film").write_bytes(grown_table(films["moov_last"], 30_000_000))
    program = """if True:
        import resource, sys, workers.probe
        with open(sys.argv[1], "rb") as film:
            workers.probe.probe(film)
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""
    run = subprocess.run([sys.executable, "-c", program, tmp_path / "film"], check=True, capture_output=True, text=True)

    assert int(run.stdout) < 300_000  # KiB


def test_spinning_film(films: Films, spool: IO[bytes]) -> None:
    """A film that keeps its reader busy costs its own probe only."""
    with pytest.raises(ProbeError, match="probe_timeout"):
        probe(written(spool, grown_table(films["moov_last"], 10_000_000)), limits=replace(LIMITS, cpu_seconds=0))

    with tempfile.TemporaryFile() as file:
        assert probe(written(file, films["moov_last"])).width == 320


@pytest.mark.parametrize(
    ("limits", "slug"),
    [
        pytest.param(replace(LIMITS, memory=1 << 20), "probe_crashed", id="memory"),
        pytest.param(replace(LIMITS, wall_seconds=0.0), "probe_timeout", id="clock"),
        pytest.param(replace(LIMITS, answer=10), "probe_crashed", id="too long an answer"),
    ],
)
def test_limits(
    films: Films,
    spool: IO[bytes],
    children: list[subprocess.Popen[bytes]],
    limits: Limits,
    slug: str,
) -> None:
    """A child that passes a limit is named, and is gone when the caller hears of it."""
    with pytest.raises(ProbeError, match=slug):
        poster(written(spool, films["moov_last"]), limits=limits)

    (child,) = children
    assert child.returncode not in (None, 0)


def test_import_is_lean() -> None:
    """Asking for probes loads no media library into the asking process."""
    program = "import sys, workers.probe, workers.boxes; sys.exit('av' in sys.modules)"
    subprocess.run([sys.executable, "-I", "-c", program], check=True)
