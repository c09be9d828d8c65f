"""
Processes of ours without the second that each spends on its imports: forked off one that has done them.

They are processes in every other way: a group of their own, an environment, a log, a pid to be killed by. What starts
them from nothing is tested by `reelkeep up`, whose children are programs.
"""

import ctypes
import importlib
import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

PROGRAMS: Final = {"web": "receiver.__main__", "worker": "workers.__main__", "clock": "workers.clock"}
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_context = multiprocessing.get_context("forkserver")
# With what a process imports only once it runs.
_context.set_forkserver_preload([*PROGRAMS.values(), "uvicorn.loops.uvloop", "uvicorn.lifespan.on", "psycopg"])


class Forked:
    """One of them, with the words of `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid: int = process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def begin(kind: str, env: Mapping[str, str], log: Path) -> Forked:
    """Start a `web`, a `worker` or a `clock` with *env*, its standard error behind what stands in *log*."""
    process = _context.Process(target=_live, args=(PROGRAMS[kind], dict(env), str(log)), name=kind)
    process.start()
    made = Forked(process)
    # Whoever kills its group must not be earlier than it has one.
    while made.poll() is None and _group(made.pid) != made.pid:
        time.sleep(0.001)
    return made


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return pid


def _live(program: str, env: Mapping[str, str], log: str) -> None:
    os.setsid()
    # A run that is cut short leaves nobody behind: the one that they are forked off ends with it.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with Path(log).open("ab") as file:
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(env)
    importlib.import_module(program).main()
