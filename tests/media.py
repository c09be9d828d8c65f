"""Small pictures and sounds made by real encoders, and the verdict on them."""

import io
import math
import struct
from array import array
from collections.abc import Callable, Set
from functools import cache, partial
from zlib import crc32

import av
import pytest

from archive.errors import NotMediaError
from archive.roles import ANY, Kind
from workers.media import Media, check_media

RATE = 44100


def check(data: bytes, kinds: Set[Kind] = ANY) -> Media:
    return check_media(io.BytesIO(data), len(data), kinds)


def refusal(data: bytes, kinds: Set[Kind] = ANY) -> str:
    with pytest.raises(NotMediaError) as caught:
        check(data, kinds)
    return caught.value.reason


def verdict(data: bytes) -> str:
    """The format and what is known of its completeness, or the reason of a refusal."""
    try:
        found = check(data)
    except NotMediaError as exc:
        return exc.reason
    return f"{found.format} {found.complete}"


def drawing(number: int, pixels: str) -> av.VideoFrame:
    """A smooth picture, 48 by 32, that changes with *number*."""
    frame = av.VideoFrame(48, 32, "rgb24")
    plane = frame.planes[0]
    rows = bytearray(plane.buffer_size)
    for y in range(32):
        for x in range(48):
            at = y * plane.line_size + 3 * x
            rows[at : at + 3] = bytes((5 * x & 255, 7 * y & 255, 40 * number + x * y & 255))
    plane.update(bytes(rows))
    return frame.reformat(format=pixels)


def picture(codec: str, pixels: str, *, muxer: str = "image2pipe", frames: int = 1) -> bytes:
    """Encode *frames* drawings."""
    target = io.BytesIO()
    with av.open(target, "w", format=muxer) as file:
        stream = file.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 48, 32, pixels
        for number in range(frames):
            frame = drawing(number, pixels)
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return target.getvalue()


class Pipe(io.RawIOBase):
    """What cannot seek back: a muxer leaves open there what it learns last."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self.data += piece
        return len(piece)


def sound(codec: str, samples: str, muxer: str, *, seconds: float = 0.5, piped: bool = False, **options: str) -> bytes:
    """Encode a tone in stereo, with the muxer's *options*; *piped* into what cannot seek back."""
    target, pipe = io.BytesIO(), Pipe()
    with av.open(pipe if piped else target, "w", format=muxer, container_options=options) as file:
        stream = file.add_stream(codec, rate=RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout, stream.format = "stereo", samples
        tone = av.AudioFrame("s16", "stereo", round(seconds * RATE))
        tone.sample_rate, tone.pts = RATE, 0
        values = array("h", (round(9000 * math.sin(n / 20)) for n in range(tone.samples) for _ in "lr"))
        tone.planes[0].update(values.tobytes().ljust(tone.planes[0].buffer_size, b"\0"))
        resampler = av.AudioResampler(samples, "stereo", RATE, frame_size=stream.codec_context.frame_size or 1024)
        for frame in (*resampler.resample(tone), *resampler.resample(None)):
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return pipe.data if piped else target.getvalue()


MAKERS: dict[str, Callable[[], bytes]] = {  # by name; the part before a dash is the format
    "png": partial(picture, "png", "rgb24"),
    "png-grey": partial(picture, "png", "gray16be"),
    "png-animated": partial(picture, "apng", "rgb24", muxer="apng", frames=3),
    "jpeg": partial(picture, "mjpeg", "yuvj420p"),
    "jpeg-444": partial(picture, "mjpeg", "yuvj444p"),
    "jpeg-lossless": partial(picture, "ljpeg", "yuvj420p"),
    "gif": partial(picture, "gif", "rgb8", muxer="gif"),
    "gif-animated": partial(picture, "gif", "rgb8", muxer="gif", frames=3),
    "webp": partial(picture, "libwebp", "yuv420p", muxer="webp"),
    "webp-lossless": partial(picture, "libwebp", "bgra", muxer="webp"),
    "webp-animated": partial(picture, "libwebp_anim", "yuv420p", muxer="webp", frames=3),
    "wav": partial(sound, "pcm_s16le", "s16", "wav", seconds=0.05),
    "wav-float": partial(sound, "pcm_f32le", "flt", "wav", seconds=0.02),
    "wav-rf64": partial(sound, "pcm_s16le", "s16", "wav", seconds=0.02, rf64="always"),
    "mp3": partial(sound, "libmp3lame", "s16p", "mp3"),
    "mp3-bare": partial(sound, "libmp3lame", "s16p", "mp3", write_xing="0", id3v2_version="0"),
    "mov": partial(sound, "aac", "fltp", "ipod"),
}


@cache
def made(name: str) -> bytes:
    """The file of that name in `MAKERS`."""
    return MAKERS[name]()


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc32(kind + body))


def riff_chunk(kind: bytes, body: bytes, order: str = "<") -> bytes:
    """A RIFF chunk with its padding."""
    return kind + struct.pack(order + "I", len(body)) + body + bytes(len(body) % 2)
