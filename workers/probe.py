"""
Ask a child process what a media file is and how a film looks. Decodes nothing itself and never loads PyAV.

The child gets the file as an inherited file descriptor, never as a path or URL, an empty environment, a
session of its own, and limits; what it answers is read up to a bound and not trusted. Whatever happens to
it costs one `ProbeError`: `probe_timeout` (clock or CPU), `probe_crashed`, `probe_refused` (FFmpeg cannot
read it), `no_frame`.
"""

import json
import math
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Any, cast

from archive.errors import ProbeError
from archive.roles import Kind
from workers.media import Format, Media


@dataclass(frozen=True)
class Limits:
    """What one child may spend; a small film costs 0.2 seconds, all else is for large pictures and busy machines."""

    wall_seconds: float = 30.0
    cpu_seconds: int = 10
    memory: int = 1 << 30  # bytes of address space: 160 MiB go to Python and FFmpeg's libraries
    answer: int = 4 << 20  # bytes; a poster 640 wide has some 50,000


@dataclass(frozen=True)
class Film:
    """A film as FFmpeg reads it; duration in seconds, `fps` 0.0 where no rate can be told."""

    duration: float
    width: int
    height: int
    video_codec: str
    audio_codec: str | None
    fps: float


@dataclass(frozen=True)
class Picture:
    """A picture as FFmpeg reads it, or the first of an animated one; in pixels."""

    width: int
    height: int
    codec: str


@dataclass(frozen=True)
class Sound:
    """A sound as FFmpeg reads it; duration in seconds, by estimate where the file does not tell; sample rate in Hz."""

    duration: float
    audio_codec: str
    sample_rate: int
    channels: int


Facts = Film | Picture | Sound

DEFAULT_LIMITS = Limits()
AT_ONCE = 4  # children of one process: a hostile picture makes its own half a gigabyte large
_turns = threading.BoundedSemaphore(AT_ONCE)


def probe(file: IO[bytes], media: Media, *, limits: Limits = DEFAULT_LIMITS) -> Facts:
    """Read the facts of the *media* in *file*, a real file on disk (it may be unlinked); its position stays."""
    answer = _ask(media.kind, media.format, file, limits)
    try:
        return _READERS[media.kind](json.loads(answer))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as exc:
        raise ProbeError("probe_crashed") from exc


def _film(said: Any) -> Film:
    return Film(
        duration=_finite(said["duration"]),
        width=int(said["width"]),
        height=int(said["height"]),
        video_codec=str(said["video_codec"]),
        audio_codec=None if said["audio_codec"] is None else str(said["audio_codec"]),
        fps=_finite(said["fps"]),
    )


def _picture(said: Any) -> Picture:
    return Picture(width=int(said["width"]), height=int(said["height"]), codec=str(said["codec"]))


def _sound(said: Any) -> Sound:
    return Sound(
        duration=_finite(said["duration"]),
        audio_codec=str(said["audio_codec"]),
        sample_rate=int(said["sample_rate"]),
        channels=int(said["channels"]),
    )


_READERS: dict[Kind, Callable[[Any], Facts]] = {Kind.VIDEO: _film, Kind.IMAGE: _picture, Kind.AUDIO: _sound}


def _finite(number: Any) -> float:
    if not math.isfinite(found := float(number)):
        raise ValueError("no finite number")
    return found


def poster(file: IO[bytes], *, max_width: int = 640, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return a JPEG at most *max_width* pixels wide of the film in *file*, half a second in."""
    return _ask("poster", "mov", file, limits, max_width)


def _ask(task: str, media_format: Format, file: IO[bytes], limits: Limits, max_width: int = 0) -> bytes:
    """The child's answer. Waits while there are AT_ONCE others, on no child's time."""
    with _turns:
        return _answer(task, media_format, file, limits, max_width)


def _answer(task: str, media_format: Format, file: IO[bytes], limits: Limits, max_width: int) -> bytes:
    file.flush()
    deadline = monotonic() + limits.wall_seconds
    patience = math.ceil(limits.wall_seconds) + 1  # after which a child that nobody waits for ends by itself
    arguments = map(str, (task, media_format, patience, limits.cpu_seconds, limits.memory, max_width))
    # Opened again, for reading only: this very file is put afterwards. A SpooledTemporaryFile moves to disk here.
    with (
        Path(f"/dev/fd/{file.fileno()}").open("rb", buffering=0) as own,
        subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", "workers.media_child", *arguments],
            stdin=own,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,
        ) as child,
    ):
        try:
            answer = _read(cast(IO[bytes], child.stdout), deadline, limits.answer)
            status = child.wait(max(0.0, deadline - monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise ProbeError("probe_timeout") from None
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
    if status == os.EX_OK:
        return answer
    slugs = {os.EX_DATAERR: "probe_refused", os.EX_NOINPUT: "no_frame", -signal.SIGXCPU: "probe_timeout"}
    raise ProbeError(slugs.get(status, "probe_crashed"))


def _read(pipe: IO[bytes], deadline: float, bound: int) -> bytes:
    """Read until the other side falls silent; raise when the deadline passes or it says too much."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    answer = b""
    while poll.poll(max(0.0, deadline - monotonic()) * 1000):
        heard = os.read(pipe.fileno(), 1 << 16)
        if not heard:
            return answer
        answer += heard
        if len(answer) > bound:
            raise ProbeError("probe_crashed")
    raise TimeoutError
