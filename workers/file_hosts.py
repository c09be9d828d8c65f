"""
Which file hosts are left alone for a while, in this process: those that ask for it, and those that do not answer.

What waits for such a host keeps its place and its tries. After a rest one transfer goes ahead, and the others follow
once the host has answered it. It is none whose own link was refused before, while others want to go: else a few files
that the host cannot serve, being the most urgent, would keep all of its others waiting until they nearly die. And once
others were answered, such a link's refusal is no word about the host any more.

A host also has so many transfers at a time, and no more: with few slots and one slow host no other would be served. A
transfer counts at the host of its link from its claim on, and at each host that it is redirected to, until its file is
here. It is a thread's, one at a time.
"""

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from archive.errors import TransientError
from archive.ledger.heads import Avoid

MAX_REST = timedelta(seconds=60)  # then the host is asked again, whatever it wished
DYING = 2 * MAX_REST  # a link that dies before its host's rest is over has nothing to lose by asking
TOLERATED = 2  # failures in a row that may be the file's, or chance
TRIAL = timedelta(seconds=2)  # what one transfer has to itself after a rest
HEAD_START = timedelta(seconds=3)  # of the others before a link that was refused; with TRIAL, what half a file waits
BUSY = timedelta(seconds=2)  # before a transfer asks again that was redirected to a host with no place for it
MAX_LINKS = 10_000  # of one host that are known as refused while others are answered; beyond it all are forgotten
MAX_HOSTS = 1000  # remembered at a time; beyond it the one longest not heard of is forgotten
_log = logging.getLogger(__name__)


class HostRestsError(TransientError):
    """`host_rests`, `host_busy`: the file host is left alone for `retry_after`; nothing was asked of it or tried."""


@dataclass
class _Host:
    failures: int = 0  # in a row
    until: float = 0.0  # at rest, or given to the transfer on trial; 0: it has never rested
    is_trial: bool = False
    suspects: set[int] = field(default_factory=set)  # links that failed since it last answered; their hashes
    unserved: set[int] = field(default_factory=set)  # links that failed before it answered others


class FileHosts:
    """
    Shared by threads. Hosts are known by `host:port`; *link* is the asset's own, wherever it was redirected to.

    At most *per_host* transfers at a time are from one host; None: any number.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, per_host: int | None = None) -> None:
        self._monotonic = monotonic
        self._per_host = per_host
        self._lock = threading.Lock()
        self._hosts: OrderedDict[str, _Host] = OrderedDict()
        self._places: dict[int, set[str]] = {}  # where each transfer counts, by its thread
        self._expected: dict[int, str] = {}  # the host that a transfer is about to ask

    def avoid(self) -> Avoid:
        """
        Which hosts a claim should not be for. After a rest it is one claim's turn, then its transfer's trial.
        """
        with self._lock:
            now, soon = self._monotonic(), set(self._expected.values())
            left = {origin: host.until - now for origin, host in self._hosts.items() if host.until}
            resting = {origin: max(wait, 0.0) for origin, wait in left.items() if wait > 0 or origin in soon}
            counted = Counter(origin for places in self._places.values() for origin in places)
            busy = frozenset(origin for origin, number in counted.items() if self._is_full(number))
            waits = {origin: timedelta(seconds=wait) or BUSY for origin, wait in resting.items()}
            return Avoid(waits, busy, DYING)

    def enter(self, origins: Sequence[str], avoid: Avoid) -> None:
        """This thread has claimed what one of *origins* has; of several it is the first that is not to be avoided."""
        with self._lock:
            free = [o for o in origins if o not in avoid.resting and o not in avoid.busy]
            for origin in (free or origins)[:1]:
                self._expected[threading.get_ident()] = origin
                self._places.setdefault(threading.get_ident(), set()).add(origin)

    def leave(self) -> bool:
        """This thread asks for nothing more; whether another transfer has a place by that."""
        with self._lock:
            self._expected.pop(threading.get_ident(), None)
            places = self._places.pop(threading.get_ident(), set())
            return any(self._is_full(self._count(origin) + 1) for origin in places)

    def admit(self, origin: str, link: str) -> None:
        """Raise HostRestsError unless *origin* may be asked now."""
        with self._lock:
            host, now = self._hosts.get(origin), self._monotonic()
            self._expected.pop(threading.get_ident(), None)
            if host is None or not host.until:
                self._take_place(origin)
                return
            is_refused = hash(link) in host.suspects | host.unserved
            until = host.until + (HEAD_START.total_seconds() if is_refused else 0.0)
            if until > now:
                self._places.get(threading.get_ident(), set()).discard(origin)
                raise HostRestsError("host_rests", timedelta(seconds=until - now))
            self._take_place(origin)
            host.until, host.is_trial = now + TRIAL.total_seconds(), True

    def answered(self, origin: str, link: str) -> None:
        """It works; a rest that it asked for meanwhile stands."""
        with self._lock:
            host = self._hosts.get(origin)
            if host is None or not (host.is_trial or host.until <= self._monotonic()):
                return
            unserved = (host.suspects | host.unserved) - {hash(link)}
            if unserved and len(unserved) <= MAX_LINKS:
                self._hosts[origin] = _Host(unserved=unserved)
            else:
                del self._hosts[origin]

    def busy(self, origin: str, link: str, wish: timedelta | None) -> None:
        """It asks to be left alone: for *wish* where it says so, up to MAX_REST."""
        self._fail(origin, link, wish, 0)

    def failed(self, origin: str, link: str) -> None:
        """It does not answer, or says that it is broken."""
        self._fail(origin, link, None, TOLERATED)

    def _fail(self, origin: str, link: str, wish: timedelta | None, tolerated: int) -> None:
        asked = min(wish, MAX_REST).total_seconds() if wish else 0.0
        with self._lock:
            host, now = self._hosts.setdefault(origin, _Host()), self._monotonic()
            self._hosts.move_to_end(origin)
            if len(self._hosts) > MAX_HOSTS:
                self._hosts.popitem(last=False)
            if hash(link) in host.unserved:
                return
            host.suspects.add(hash(link))
            if host.until > now and not host.is_trial:  # many at once fail for one cause
                host.until = max(host.until, now + asked)
                return
            host.failures += 1
            beyond = min(host.failures - tolerated, 16)
            if beyond > 0:
                rest = asked or min(2.0 ** (beyond - 1), MAX_REST.total_seconds())
                host.until, host.is_trial = now + rest, False
                _log.warning("file_host.rests", extra={"host": origin, "seconds": rest})

    def _count(self, origin: str) -> int:
        return sum(origin in places for places in self._places.values())

    def _is_full(self, number: int) -> bool:
        return self._per_host is not None and number >= self._per_host

    def _take_place(self, origin: str) -> None:
        places = self._places.setdefault(threading.get_ident(), set())
        if origin not in places and self._is_full(self._count(origin)):
            raise HostRestsError("host_busy", BUSY)
        places.add(origin)
