"""
Ask a child process what a film is and how it looks. Decodes nothing itself and never loads PyAV.

The child gets the film as an inherited file descriptor, never as a path or URL, an empty environment, a
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
from dataclasses import dataclass
from time import monotonic
from typing import IO, cast

from archive.errors import ProbeError


@dataclass(frozen=True)
class Limits:
    """What one child may spend; a small film costs 0.2 seconds, all else is for large pictures and busy machines."""

    wall_seconds: float = 30.0
    cpu_seconds: int = 10
    memory: int = 1 << 30  # bytes of address space: 160 MiB go to Python and FFmpeg's libraries
    answer: int = 4 << 20  # bytes; a poster 640 wide has some 50,000


@dataclass(frozen=True)
class Probe:
    """A film as FFmpeg reads it; duration in seconds, `fps` 0.0 where no rate can be told."""

    duration: float
    width: int
    height: int
    video_codec: str
    audio_codec: str | None
    fps: float


DEFAULT_LIMITS = Limits()


def probe(file: IO[bytes], *, limits: Limits = DEFAULT_LIMITS) -> Probe:
    """Read the facts of the film in *file*, a real file on disk (it may be unlinked); its position stays."""
    answer = _ask("probe", file, limits)
    try:
        facts = json.loads(answer)
        found = Probe(
            duration=float(facts["duration"]),
            width=int(facts["width"]),
            height=int(facts["height"]),
            video_codec=str(facts["video_codec"]),
            audio_codec=None if facts["audio_codec"] is None else str(facts["audio_codec"]),
            fps=float(facts["fps"]),
        )
        if not (math.isfinite(found.duration) and math.isfinite(found.fps)):
            raise ValueError("no finite number")
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as exc:
        raise ProbeError("probe_crashed") from exc
    return found


def poster(file: IO[bytes], *, max_width: int = 640, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return a JPEG at most *max_width* pixels wide of the film in *file*, half a second in."""
    return _ask("poster", file, limits, max_width)


def _ask(task: str, file: IO[bytes], limits: Limits, max_width: int = 0) -> bytes:
    file.flush()
    deadline = monotonic() + limits.wall_seconds
    arguments = map(str, (task, limits.cpu_seconds, limits.memory, max_width))
    with subprocess.Popen(
        [sys.executable, "-I", "-B", "-m", "workers.media_child", *arguments],
        stdin=file,  # a SpooledTemporaryFile moves to disk here
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        start_new_session=True,
    ) as child:
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
