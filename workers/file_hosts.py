"""
Which file hosts are left alone for a while, in this process: those that ask for it, and those that do not answer.

What waits for such a host keeps its place and its tries. After a rest one transfer goes ahead, and the others follow
once the host has answered it.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from archive.errors import TransientError

MAX_REST = timedelta(seconds=60)  # then the host is asked again, whatever it wished
TOLERATED = 2  # failures in a row that may be the file's, or chance
TRIAL = timedelta(seconds=2)  # what one transfer has to itself after a rest
MAX_HOSTS = 1000  # remembered at a time; beyond it the one longest not heard of is forgotten
_log = logging.getLogger(__name__)


class HostRestsError(TransientError):
    """The file host is left alone for `retry_after`; nothing was asked of it, so nothing was tried."""


@dataclass
class _Host:
    failures: int = 0  # in a row
    until: float = 0.0  # at rest, or given to the transfer on trial; 0: it has never rested
    is_trial: bool = False


class FileHosts:
    """Shared by threads. Hosts are known by `host:port`."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    def admit(self, origin: str) -> None:
        """Raise HostRestsError unless *origin* may be asked now."""
        with self._lock:
            host, now = self._hosts.get(origin), self._monotonic()
            if host is None or not host.until:
                return
            if host.until > now:
                raise HostRestsError("host_rests", timedelta(seconds=host.until - now))
            host.until, host.is_trial = now + TRIAL.total_seconds(), True

    def answered(self, origin: str) -> None:
        """It works; a rest that it asked for meanwhile stands."""
        with self._lock:
            host = self._hosts.get(origin)
            if host is not None and (host.is_trial or host.until <= self._monotonic()):
                del self._hosts[origin]

    def busy(self, origin: str, wish: timedelta | None) -> None:
        """It asks to be left alone: for *wish* where it says so, up to MAX_REST."""
        self._fail(origin, wish, 0)

    def failed(self, origin: str) -> None:
        """It does not answer, or says that it is broken."""
        self._fail(origin, None, TOLERATED)

    def _fail(self, origin: str, wish: timedelta | None, tolerated: int) -> None:
        asked = min(wish, MAX_REST).total_seconds() if wish else 0.0
        with self._lock:
            host, now = self._hosts.setdefault(origin, _Host()), self._monotonic()
            self._hosts.move_to_end(origin)
            if len(self._hosts) > MAX_HOSTS:
                self._hosts.popitem(last=False)
            if host.until > now and not host.is_trial:  # many at once fail for one cause
                host.until = max(host.until, now + asked)
                return
            host.failures += 1
            beyond = min(host.failures - tolerated, 16)
            if beyond > 0:
                rest = asked or min(2.0 ** (beyond - 1), MAX_REST.total_seconds())
                host.until, host.is_trial = now + rest, False
                _log.warning("file_host.rests", extra={"host": origin, "seconds": rest})
