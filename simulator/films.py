"""
Make real MP4 films of a wanted size: H.264 picture, AAC sound, encoded by FFmpeg's own encoders.

The picture is a still colour with a band of fresh noise. Noise cannot be compressed, so at a fixed
quantiser the bytes grow in proportion to the noise and the height of the band sets the size, without rate
control and in one pass. It also makes every stretch of every film unlike any other, so a download stitched
from two films cannot pass for either.
"""

import hashlib
import math
import random
from array import array
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from simulator.media import Film, Layout

# FFmpeg's mov muxer options: https://ffmpeg.org/ffmpeg-formats.html#mov_002c-mp4_002c-ismv
_MOVFLAGS: Final[dict[Layout, str]] = {
    "moov_first": "faststart",
    "moov_last": "",
    "fragmented": "frag_keyframe+empty_moov+default_base_moof",
}
_BLOCK: Final = 16  # pixels to a macroblock's side: noise in whole blocks costs the same wherever it stands
_BYTES_PER_NOISY_PIXEL: Final = 1.95  # measured with libx264 ultrafast at quantiser 10, in 4:2:0
_QUANTISER: Final = "10"
_SAMPLE_RATE: Final = 48_000
_AAC_FRAME: Final = 1024  # samples to an AAC frame


def make_film(
    path: Path,
    *,
    layout: Layout,
    size: int,
    seconds: float = 2.0,
    seed: int = 0,
    width: int = 640,
    height: int = 360,
    fps: int = 24,
) -> Film:
    """
    Write a film of about *size* bytes to *path*. The same arguments give the same bytes, another *seed*
    other bytes.

    *seconds* is a minimum: a film that would not fit into noise from edge to edge runs longer instead.
    """
    bands_per_frame = height // _BLOCK
    bands = round(size / (width * _BLOCK * _BYTES_PER_NOISY_PIXEL))
    frames = max(round(seconds * fps), math.ceil(bands / bands_per_frame))
    rng = random.Random(seed)
    options = {"movflags": _MOVFLAGS[layout]} if _MOVFLAGS[layout] else {}
    with av.open(path, "w", format="mp4", container_options=options) as container:
        picture = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "qp": _QUANTISER})
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        picture.gop_size = fps  # a key frame each second, and so a fragment each second
        sound = container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono")
        sound.bit_rate = 32_000  # next to nothing, so that the picture alone sets the size
        colour, wave = rng.randbytes(3), _one_wave(rng.randint(4, 16))
        waves = 0
        for index in range(frames):
            noisy = (index + 1) * bands // frames - index * bands // frames
            container.mux(picture.encode(_frame(picture, index, colour, rng, noisy * _BLOCK)))
            while waves * _AAC_FRAME * fps < (index + 1) * _SAMPLE_RATE:  # interleaved, as a player wants it
                _sound(container, sound, wave, waves * _AAC_FRAME)
                waves += 1
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Film(path=path, size=path.stat().st_size, sha256=sha256, layout=layout)


def _frame(picture: VideoStream, index: int, colour: bytes, rng: random.Random, noisy_rows: int) -> av.VideoFrame:
    frame = av.VideoFrame(picture.width, picture.height, "yuv420p")
    frame.pts = index
    for plane, value in zip(frame.planes, colour, strict=True):
        noise = rng.randbytes(noisy_rows * plane.height // picture.height * plane.line_size)
        plane.update(noise + bytes([value]) * (plane.buffer_size - len(noise)))
    return frame


def _one_wave(periods: int) -> bytes:
    """Whole periods to one AAC frame: the same frame can then sound again and again without a click."""
    turn = 2 * math.pi * periods / _AAC_FRAME
    return array("f", (0.1 * math.sin(turn * n) for n in range(_AAC_FRAME))).tobytes()


def _sound(container: OutputContainer, sound: AudioStream, wave: bytes, pts: int) -> None:
    frame = av.AudioFrame(format="fltp", layout="mono", samples=_AAC_FRAME)
    frame.sample_rate, frame.pts = _SAMPLE_RATE, pts
    frame.planes[0].update(wave)
    container.mux(sound.encode(frame))
