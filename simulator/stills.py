"""
Make real images of a wanted size: noise from edge to edge, encoded by FFmpeg's own encoders.

Noise cannot be compressed, so the bytes follow from the number of pixels, and no two images share a stretch.
"""

import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, cast

import av
from av.video.stream import VideoStream

from simulator.media import Film, Media


@dataclass(frozen=True)
class _Recipe:
    codec: str
    pixels: str
    bytes_per_pixel: float  # measured, on noise
    options: Mapping[str, str]


_RECIPES: Final[Mapping[Media, _Recipe]] = {
    "png": _Recipe("png", "rgb24", 3.01, {}),
    "jpeg": _Recipe("mjpeg", "yuvj420p", 1.28, {"qmin": "2", "qmax": "2"}),
    "webp": _Recipe("libwebp", "yuv420p", 1.06, {"quality": "90"}),
    "gif": _Recipe("gif", "rgb8", 1.38, {}),
}


def make_still(path: Path, media: Media, *, size: int, seed: int = 0) -> Film:
    """Write an image of about *size* bytes, 16:9. The same arguments give the same bytes, another *seed* others."""
    recipe = _RECIPES[media]
    height = 2 * round(math.sqrt(size / recipe.bytes_per_pixel * 9 / 16) / 2)
    width = 2 * round(height * 16 / 9 / 2)
    frame = av.VideoFrame(width, height, recipe.pixels)
    frame.pts = 0
    rng = random.Random(seed)
    for plane in frame.planes:
        plane.update(rng.randbytes(plane.buffer_size))
    if media == "gif":
        _write_gif(path, frame)
    else:  # one packet of these encoders is one whole file
        path.write_bytes(_encoded(recipe, frame))
    content = path.read_bytes()
    return Film(path, len(content), hashlib.sha256(content).hexdigest(), None)


def _encoded(recipe: _Recipe, frame: av.VideoFrame) -> bytes:
    encoder = cast(av.VideoCodecContext, av.CodecContext.create(recipe.codec, "w"))
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, recipe.pixels
    encoder.time_base = Fraction(1)
    encoder.options = dict(recipe.options)
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def _write_gif(path: Path, frame: av.VideoFrame) -> None:
    """A GIF's head and tail come from the muxer."""
    with av.open(path, "w", format="gif") as container:
        picture: VideoStream = container.add_stream("gif", rate=1)
        picture.width, picture.height, picture.pix_fmt = frame.width, frame.height, frame.format.name
        container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
