"""Small real films, and the box surgery that turns them into rare, broken or hostile ones."""

import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av

Layout = Literal["moov_first", "moov_last", "fragmented", "indexed"]
Edit = Callable[[bytes], bytes]

FRAGMENTED = "frag_keyframe+empty_moov+default_base_moof"
MUXING: dict[Layout, dict[str, str]] = {
    "moov_first": {"movflags": "faststart"},
    "moov_last": {},
    "fragmented": {"movflags": FRAGMENTED},
    "indexed": {"movflags": f"{FRAGMENTED}+dash+global_sidx"},
}
CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex", b"moof", b"traf", b"mfra")


def make_film(
    path: Path,
    *,
    layout: Layout,
    seconds: float = 1.0,
    width: int = 320,
    height: int = 180,
    fps: int = 25,
    sound: bool = True,
) -> None:
    """Encode H.264 (a grey that brightens, a key frame every 0.2 s) and, if *sound*, AAC silence."""
    with av.open(path, "w", format="mp4", options=MUXING[layout]) as film:
        video = film.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "g": str(fps // 5)})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.thread_count = 1
        audio = film.add_stream("aac", rate=48_000) if sound else None
        for number in range(round(seconds * fps)):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([16 + number % 200]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, fps)
            film.mux(video.encode(frame))
        if audio:
            for start in range(0, round(seconds * 48_000), 1024):
                silence = av.AudioFrame(format="fltp", layout="mono", samples=1024)
                silence.planes[0].update(bytes(4096))
                silence.sample_rate, silence.pts, silence.time_base = 48_000, start, Fraction(1, 48_000)
                film.mux(audio.encode(silence))
            film.mux(audio.encode(None))
        film.mux(video.encode(None))


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def boxes(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield offset, kind and body of each box in well-formed *data* with 32-bit sizes."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield at, kind, data[at + 8 : at + size]
        at += size


def starts(data: bytes, *kinds: bytes) -> list[int]:
    return [at for at, kind, _ in boxes(data) if not kinds or kind in kinds]


def rebuild(data: bytes, edits: dict[bytes, Edit]) -> bytes:
    """Replace each box of an edited kind, at any depth, by what its edit makes of the body; sizes follow."""
    parts = []
    for _, kind, body in boxes(data):
        inner = rebuild(body, edits) if kind in CONTAINERS else body
        parts.append(edits[kind](inner) if kind in edits else box(kind, inner))
    return b"".join(parts)
