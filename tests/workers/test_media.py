"""What real encoders write is recognised and whole, and no cut of it is called whole."""

import pytest

from archive.roles import ANY, Kind
from tests.films import films
from tests.media import MAKERS, check, made, refusal, sound, verdict
from workers.media import Media

KNOWN = {
    "png": Media(Kind.IMAGE, "png", "image/png", "png"),
    "jpeg": Media(Kind.IMAGE, "jpeg", "image/jpeg", "jpg"),
    "gif": Media(Kind.IMAGE, "gif", "image/gif", "gif"),
    "webp": Media(Kind.IMAGE, "webp", "image/webp", "webp"),
    "wav": Media(Kind.AUDIO, "wav", "audio/wav", "wav"),
    "mp3": Media(Kind.AUDIO, "mp3", "audio/mpeg", "mp3"),
    "mov": Media(Kind.AUDIO, "mov", "audio/mp4", "m4a"),
}
DECLARING = [name for name in MAKERS if name != "mp3-bare"]


@pytest.mark.parametrize("name", DECLARING)
def test_whole(name: str) -> None:
    """What an encoder writes is told from its content, and known to be whole."""
    assert KNOWN[name.partition("-")[0]] == check(made(name))


def test_whole__film() -> None:
    """A film is what it was, beside the other kinds."""
    assert Media(Kind.VIDEO, "mov", "video/mp4", "mp4") == check(films()["moov_last"])


@pytest.mark.parametrize("name", DECLARING)
def test_cut__at_every_byte(name: str) -> None:
    """No file that lost its end, at whichever byte, is accepted."""
    data = made(name)
    assert {verdict(data[:cut]) for cut in range(len(data))} <= {"empty_file", "unknown_format", "truncated"}


def test_cut__mp3_without_declaration() -> None:
    """An MP3 that does not declare its length is never called whole, and refused wherever a frame is cut."""
    data = made("mp3-bare")
    verdicts = [verdict(data[:cut]) for cut in range(len(data) + 1)]
    assert {"empty_file", "unknown_format", "truncated", "mp3 None"} == set(verdicts)
    assert "mp3 None" == verdicts[-1]
    assert verdicts.count("mp3 None") == 21  # frames: 417 or 418 bytes each


@pytest.mark.parametrize(
    ("name", "muxer", "codec", "samples"), [("wav", "wav", "pcm_s16le", "s16"), ("mp3", "mp3", "libmp3lame", "s16p")]
)
def test_streamed__end_not_declared(name: str, muxer: str, codec: str, samples: str) -> None:
    """A sound written where nobody could seek back does not declare its end, and is not called whole."""
    data = sound(codec, samples, muxer, piped=True)
    assert f"{name} None" == verdict(data)
    assert not {verdict(data[:cut]) for cut in range(0, len(data), 7)} & {f"{name} True"}


@pytest.mark.parametrize(
    ("name", "wanted", "slug"),
    [
        ("png", Kind.VIDEO, "image_file"),
        ("gif-animated", Kind.VIDEO, "image_file"),
        ("jpeg", Kind.AUDIO, "image_file"),
        ("mp3", Kind.VIDEO, "audio_file"),
        ("mov", Kind.VIDEO, "audio_file"),
        ("wav", Kind.IMAGE, "audio_file"),
    ],
)
def test_kind__another_than_wanted(name: str, wanted: Kind, slug: str) -> None:
    """A file of another kind than the asset should be is refused by the name of its kind."""
    assert slug == refusal(made(name), {wanted})


@pytest.mark.parametrize("wanted", [Kind.IMAGE, Kind.AUDIO])
def test_kind__film_unwanted(wanted: Kind) -> None:
    """A film is refused where a picture or a sound is wanted."""
    assert "video_file" == refusal(films()["fragmented"], {wanted})


@pytest.mark.parametrize("name", ["png", "jpeg", "gif", "webp", "wav", "mp3", "mp3-bare"])
def test_behind_the_end__is_passed_over(name: str) -> None:
    """What stands behind the end is tolerated, as decoders do."""
    assert verdict(made(name)) == verdict(made(name) + b"behind the end " * 9)


@pytest.mark.parametrize("outside", [b"<html>", b'{"error":', b"PK\x03\x04", b"MZ\x90\0", bytes(16)])
@pytest.mark.parametrize("name", ["png", "jpeg", "gif", "webp", "wav"])
def test_before_the_start__is_foreign(name: str, outside: bytes) -> None:
    """A picture or a RIFF sound stands at the start of its file: behind anything else it is no such file."""
    assert refusal(outside + made(name), ANY)
