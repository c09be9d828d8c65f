"""Small films in every layout, the box surgery that makes them rare, broken or hostile, and the verdict on them."""

import io
import struct
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import av
import pytest

from archive.errors import NotMediaError
from simulator.films import make_film
from workers.boxes import Structure, check_structure

Layout = Literal["moov_first", "moov_last", "fragmented", "indexed"]
Edit = Callable[[bytes], bytes]

LAYOUTS: tuple[Layout, ...] = get_args(Layout)
FRAGMENTED = {  # FFmpeg's mov muxer options: five fragments to a second, where the simulator makes one
    "movflags": "empty_moov+default_base_moof",
    "frag_duration": "200000",  # microseconds
}
INDEXED = FRAGMENTED | {"movflags": f"{FRAGMENTED['movflags']}+dash+global_sidx"}
CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf", b"mfra")


@cache
def films(*, noise: int = 0) -> dict[Layout, bytes]:
    """Make the simulator's film of one second, 320 by 180 at 25 frames, with *noise* bytes of noise, in each layout."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for layout in ("moov_first", "moov_last"):
            make_film(folder / layout, layout=layout, size=noise, seconds=1.0, width=320, height=180, fps=25)
        copy_film(folder / "moov_last", folder / "fragmented", FRAGMENTED)
        copy_film(folder / "moov_last", folder / "indexed", INDEXED)
        return {layout: (folder / layout).read_bytes() for layout in LAYOUTS}


def copy_film(source: Path, target: Path, muxing: dict[str, str], *, sound: bool = True) -> None:
    """Copy the streams of *source*, undecoded and without its sound unless *sound*, into another layout."""
    with av.open(source) as old, av.open(target, "w", format="mp4", container_options=muxing) as new:
        kept = old.streams.get(video=0, audio=0 if sound else ())
        streams = {stream.index: new.add_stream_from_template(stream) for stream in kept}
        for packet in old.demux(kept):
            if packet.dts is not None:  # the last of each stream is an empty one
                packet.stream = streams[packet.stream.index]
                new.mux(packet)


def check(data: bytes) -> Structure:
    return check_structure(io.BytesIO(data), len(data))


def refusal(data: bytes) -> str:
    with pytest.raises(NotMediaError) as caught:
        check(data)
    return caught.value.reason


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


def replaced(data: bytes, kind: bytes, at: int, new: bytes) -> bytes:
    """Overwrite the bytes at offset *at* of the body of every box of *kind*."""
    return rebuild(data, {kind: lambda body: box(kind, body[:at] + new + body[at + len(new) :])})


def cuts(data: bytes) -> list[int]:
    """Return over a hundred lengths shorter than *data*: evenly spread, and at and beside every box edge."""
    spread = {len(data) * n // 120 for n in range(120)}
    edges = {at + beside for at in starts(data) for beside in (-1, 0, 1, 7, 8, 9) if at + beside >= 0}
    return sorted(cut for cut in spread | edges | {len(data) - 1} if cut < len(data))
