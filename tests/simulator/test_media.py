"""Images and sounds are real files of the size asked for, no two alike, served as what they are."""

import hashlib
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from simulator.media import Media
from simulator.sounds import make_sound
from simulator.stills import make_still
from tests.simulator.customers import Customer, links_in

# What a file begins with, what FFmpeg calls its codec, and what a host calls it (RFC 9649, 6381; IANA media types).
IMAGES: dict[Media, tuple[bytes, str, str]] = {
    "png": (b"\x89PNG\r\n\x1a\n", "png", "image/png"),
    "jpeg": (b"\xff\xd8\xff", "mjpeg", "image/jpeg"),
    "webp": (b"RIFF", "webp", "image/webp"),
    "gif": (b"GIF89a", "gif", "image/gif"),
}
SOUNDS: dict[Media, tuple[bytes, str, str]] = {
    "mp3": (b"ID3", "mp3float", "audio/mpeg"),
    "wav": (b"RIFF", "pcm_s16le", "audio/wav"),
    "m4a": (b"\x00\x00\x00\x1cftypM4A ", "aac", "audio/mp4"),
}


@pytest.mark.parametrize("media", IMAGES)
@pytest.mark.parametrize("size", [50_000, 1_000_000, 4_000_000])
def test_make_still(tmp_path: Path, media: Media, size: int) -> None:
    """An image begins as its kind does, decodes, and is within a fifth of the size asked for."""
    film = make_still(tmp_path / f"a.{media}", media, size=size)
    content = film.path.read_bytes()
    assert content.startswith(IMAGES[media][0])
    assert (len(content), hashlib.sha256(content).hexdigest()) == (film.size, film.sha256)
    assert 0.8 * size <= film.size <= 1.2 * size
    with av.open(film.path) as container:
        assert IMAGES[media][1] == container.streams.video[0].codec_context.name
        [frame] = container.decode(video=0)
    assert 16 / 9 == pytest.approx(frame.width / frame.height, rel=0.02)


@pytest.mark.parametrize("media", SOUNDS)
@pytest.mark.parametrize("size", [50_000, 1_000_000])
def test_make_sound(tmp_path: Path, media: Media, size: int) -> None:
    """A sound begins as its kind does, decodes, has no picture, and is within a fifth of the size asked for."""
    film = make_sound(tmp_path / f"a.{media}", media, size=size)
    content = film.path.read_bytes()
    assert content.startswith(SOUNDS[media][0])
    assert (len(content), hashlib.sha256(content).hexdigest()) == (film.size, film.sha256)
    assert 0.8 * size <= film.size <= 1.2 * size
    with av.open(film.path) as container:
        assert (SOUNDS[media][1], 0) == (container.streams.audio[0].codec_context.name, len(container.streams.video))
        assert sum(frame.samples for frame in container.decode(audio=0)) > 20_000


@pytest.mark.parametrize("media", [*IMAGES, *SOUNDS])
def test_seed(tmp_path: Path, media: Media) -> None:
    """The same seed gives the same bytes, another seed others from the first noise on."""
    make = make_still if media in IMAGES else make_sound
    one, same, other = (
        make(tmp_path / f"{n}.{media}", media, size=60_000, seed=seed) for n, seed in enumerate((1, 1, 2))
    )
    assert one.sha256 == same.sha256 != other.sha256
    middle = one.size // 2
    assert one.path.read_bytes()[middle : middle + 64] not in other.path.read_bytes()


@pytest.mark.parametrize("media", ["mp4", *IMAGES, *SOUNDS])
def test_served(customer: Customer, media: Any) -> None:
    """A market task gives any medium, its type said rightly and in the journal beforehand; ranges work."""
    task_id = customer.create("market", media=media)
    [link] = links_in(customer.ended("market", task_id))
    answer = httpx.get(link, trust_env=False)
    content_type = ({"mp4": (b"", "", "video/mp4")} | IMAGES | SOUNDS)[media][2]
    assert (200, content_type) == (answer.status_code, answer.headers["Content-Type"])
    [film] = customer.sim.log("film", task_id=task_id, media=media, role="result", source="kie")
    assert film["sha256"] == hashlib.sha256(answer.content).hexdigest()
    part = httpx.get(link, headers={"Range": "bytes=5-9"}, trust_env=False)
    assert (206, answer.content[5:10], content_type) == (
        part.status_code,
        part.content,
        part.headers["Content-Type"],
    )


def test_link_is_of_its_folder(customer: Customer) -> None:
    """A link's signature is good for one path only, not for the same file under another."""
    [link] = links_in(customer.ended("market", customer.create("market", media="png")))
    for folder in ("videos", "provider"):
        assert 403 == httpx.get(link.replace("/images/", f"/{folder}/"), trust_env=False).status_code
