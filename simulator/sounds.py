"""Make real sound files of a wanted size: white noise at a constant bit rate, encoded by FFmpeg's own encoders."""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import av
from av.audio.stream import AudioStream

from simulator.media import Film, Media

_SAMPLE_RATE: Final = 48_000
_PIECE: Final = 4_800  # samples fed to the encoder at a time


@dataclass(frozen=True)
class _Recipe:
    container: str
    codec: str
    bit_rate: int
    options: Mapping[str, str]


_RECIPES: Final[Mapping[Media, _Recipe]] = {
    "mp3": _Recipe("mp3", "libmp3lame", 320_000, {}),
    "wav": _Recipe("wav", "pcm_s16le", 16 * _SAMPLE_RATE, {}),
    "m4a": _Recipe("ipod", "aac", 256_000, {"movflags": "faststart"}),
}


def make_sound(path: Path, media: Media, *, size: int, seed: int = 0) -> Film:
    """Write a sound of about *size* bytes. The same arguments give the same bytes, another *seed* others."""
    recipe = _RECIPES[media]
    rng = random.Random(seed)
    samples = size * 8 * _SAMPLE_RATE // recipe.bit_rate
    with av.open(path, "w", format=recipe.container, container_options=dict(recipe.options)) as container:
        sound = cast(AudioStream, container.add_stream(recipe.codec, rate=_SAMPLE_RATE, layout="mono"))
        if recipe.codec != "pcm_s16le":
            sound.bit_rate = recipe.bit_rate
        for start in range(0, samples, _PIECE):
            frame = av.AudioFrame(format="s16", layout="mono", samples=_PIECE)
            frame.sample_rate, frame.pts = _SAMPLE_RATE, start
            frame.planes[0].update(rng.randbytes(2 * _PIECE))
            container.mux(sound.encode(frame))  # brought into the encoder's own form on the way in
        container.mux(sound.encode(None))
    with path.open("rb") as file:
        return Film(path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest(), None)
