"""Start child processes, start them again when they die, stop them in order."""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from archive.process import EX_CONFIG

_MAX_PAUSE = 30.0  # seconds before a child that keeps dying is started again
_STEP = 0.02  # seconds between two looks at a child that is to end
_STEADY = 60.0  # seconds after which a child counts as healthy
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_log = logging.getLogger(__name__)


def _die_with_parent() -> None:
    """A killed supervisor must not leave its children behind (Linux only; elsewhere they stay)."""
    if _libc:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """A program to keep running. `before` is called at each start and may add to its environment."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    text: str = field(default="", repr=False)
    before: Callable[[], Mapping[str, str]] = dict
    after: Callable[[int], None] = lambda _status: None  # called when it has ended, 0 where we had it end
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.5
    again_at: float = 0.0

    def start(self) -> None:
        """Start it, in a session of its own: Ctrl-C is ours to hear, and ours to pass on in order."""
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.env, **self.before()},
            stdin=subprocess.PIPE if self.text else subprocess.DEVNULL,
            stdout=sys.stderr,  # our own standard output is for whoever started us
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (this process has one thread)
        )
        if self.text and self.process.stdin:
            self.process.stdin.write(self.text.encode())
            self.process.stdin.close()
        self.started = time.monotonic()

    def look_after(self, now: float) -> None:
        """
        Start it again if it died, with growing pauses.

        Raises:
            SystemExit: it refuses its settings, which will not change by trying again.
        """
        if self.process is not None and (status := self.process.poll()) is not None:
            self.process = None
            self.after(status)
            if status == EX_CONFIG:
                sys.exit(EX_CONFIG)
            self.pause = 0.5 if now - self.started > _STEADY else min(self.pause * 2, _MAX_PAUSE)
            self.again_at = now + self.pause
            _log.error("child.died", extra={"child": self.name, "status": status, "again_in": self.pause})
        if self.process is None and now >= self.again_at:
            self.start()

    def stop(self, grace: float) -> None:
        """SIGTERM, *grace* seconds, SIGKILL."""
        stop_all([self], grace)


def stop_all(children: Sequence[Child], grace: float, hurried: Callable[[], bool] = lambda: False) -> None:
    """SIGTERM to all of *children*, *grace* seconds for all together or until somebody is *hurried*, SIGKILL."""
    end = time.monotonic() + grace
    running = [(child, child.process) for child in children if child.process is not None]
    for _, process in running:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    for child, process in running:
        while process.poll() is None:
            if time.monotonic() >= end or hurried():
                _log.error("child.killed", extra={"child": child.name})
                process.kill()
                process.wait()
            else:
                time.sleep(_STEP)
        child.after(0)
        child.process = None
