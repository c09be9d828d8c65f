"""Films are real, of the size asked for, laid out as they say, and no two alike."""

import time
from pathlib import Path
from typing import get_args

import av
import pytest

from simulator.films import make_film
from simulator.media import Layout
from tests.simulator.helpers import layout_of


@pytest.mark.parametrize("layout", get_args(Layout))
def test_make_film__layout(tmp_path: Path, layout: Layout) -> None:
    """Each layout has its boxes in the order that makes it that layout."""
    film = make_film(tmp_path / "film.mp4", layout=layout, size=300_000)
    assert layout_of(film.path.read_bytes()) == layout == film.layout


@pytest.mark.parametrize("layout", get_args(Layout))
def test_make_film__decodes(tmp_path: Path, layout: Layout) -> None:
    """Every frame of a film decodes: two seconds of H.264 at 24 frames, and of AAC."""
    film = make_film(tmp_path / "film.mp4", layout=layout, size=300_000)
    with av.open(film.path) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 640, 360)
        assert audio.codec_context.name == "aac"
        frames = list(container.decode(video, audio))
    pictures = [frame for frame in frames if isinstance(frame, av.VideoFrame)]
    samples = sum(frame.samples for frame in frames if isinstance(frame, av.AudioFrame))
    assert len(pictures) == 48
    assert 96_000 <= samples <= 96_000 + 3 * 1024


@pytest.mark.parametrize("size", [100_000, 1_000_000, 5_000_000, 20_000_000])
def test_make_film__size(tmp_path: Path, size: int) -> None:
    """A film is within a fifth of the size asked for."""
    film = make_film(tmp_path / "film.mp4", layout="moov_first", size=size)
    assert film.size == film.path.stat().st_size
    assert 0.8 * size <= film.size <= 1.2 * size


def test_make_film__large_runs_longer(tmp_path: Path) -> None:
    """A film that cannot be had in two seconds of noise runs longer, and is whole."""
    film = make_film(tmp_path / "film.mp4", layout="moov_first", size=1_500_000, width=160, height=96)
    with av.open(film.path) as container:
        assert sum(1 for _ in container.decode(video=0)) > 48
    assert 1_200_000 <= film.size <= 1_800_000


def test_make_film__seed(tmp_path: Path) -> None:
    """The same seed gives the same bytes, another seed gives others from the first noise on."""
    one, same, other = (
        make_film(tmp_path / f"{n}.mp4", layout="moov_last", size=200_000, seed=seed)
        for n, seed in enumerate((1, 1, 2))
    )
    assert one.sha256 == same.sha256
    assert one.sha256 != other.sha256
    middle = one.size // 2
    assert one.path.read_bytes()[middle : middle + 64] not in other.path.read_bytes()


def test_make_film__fast(tmp_path: Path) -> None:
    """A film of a megabyte takes well under a second, so that a demo does not wait for its props."""
    started = time.perf_counter()
    make_film(tmp_path / "film.mp4", layout="moov_first", size=1_000_000)
    assert time.perf_counter() - started < 1.0
