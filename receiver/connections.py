"""
How many connections there may be, what they may hold, and which one goes when that is too many. No I/O of its own.

It is always the one that has kept us waiting longest that gives way to the newcomer, never one whose request is being
answered. So whoever opens thousands of connections and says nothing, or says it slowly, crowds out himself: a callback
is here whole within milliseconds.
"""

import asyncio
import logging
import resource
from dataclasses import dataclass
from typing import Protocol

_TURNED_AWAY = 128  # connections beyond the last one, that are told so; others are only closed
BACKLOG = 512  # connections that can be there at once before the first of them is looked at
_OTHER_FILES = BACKLOG + _TURNED_AWAY + 256  # descriptors; the last are the ledger's, the store's and the providers'
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What one connection may take, and all of them together. Times are seconds, sizes are bytes."""

    connections: int = 2048
    head: int = 64 << 10  # request line and header section; again as much for a body's trailers and chunk extensions
    fields: int = 100  # header lines
    head_time: float = 10.0  # from the connection, or from the first byte of a further request
    body_time: float = 30.0  # and a second more for every `rate` bytes
    rate: int = 32 << 10  # bytes a second that a sender of much, or a reader of much, keeps up at least
    # Longer than any proxy keeps a connection to us (nginx 60 s, Caddy 120 s, Google's load balancer 600 s): a request
    # sent into a connection that we are just closing would be lost.
    idle_time: float = 620.0
    linger: float = 5.0  # how long the rest of a refused request is passed over, so that its sender reads why
    pipelined: int = 16  # requests sent ahead, while one is answered
    bodies: int = 64 << 20  # bytes of all bodies that are still on their way
    tick: float = 0.5  # between two looks at the clock; times are as exact as that
    small: int = 64 << 10  # a body up to here never gives way

    def patience(self, size: int) -> float:
        """How long *size* bytes may take."""
        return self.body_time + size / self.rate


class Member(Protocol):
    """A connection, as this module sees it."""

    def look(self, now: float) -> None:
        """End what took too long."""

    def drop(self) -> None:
        """Be gone at once."""

    def drop_body(self) -> None:
        """Take no more of the body, and say why."""

    @property
    def is_unread(self) -> bool:
        """Whether the other side has yet to take something of an answer."""


class Connections:
    """Every connection of one server."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._all: set[Member] = set()
        self._waiting: dict[Member, None] = {}  # those that owe us a request, the longest first
        self._bodies: dict[Member, int] = {}  # those that owe us the rest of a body, the longest first
        self._held = 0
        self._dropped = 0
        self._clock: asyncio.TimerHandle | None = None

    def enter(self, member: Member, loop: asyncio.AbstractEventLoop) -> bool:
        """Take *member* in. False where it cannot stay, because all others are being answered."""
        fits = len(self._all) < self.limits.connections
        longest = None if fits else next((one for one in self._waiting if not one.is_unread), None)
        if longest:
            self.leave(longest)
            self._drop(longest)
        elif len(self._all) >= self.limits.connections + _TURNED_AWAY:
            self._drop(member)
            return True
        self._all.add(member)
        self._waiting[member] = None
        if self._clock is None:
            self._clock = loop.call_later(self.limits.tick, self._tick, loop)
        return fits or longest is not None

    def leave(self, member: Member) -> None:
        self._all.discard(member)
        self.answering(member)
        self.complete(member)

    def waiting(self, member: Member) -> None:
        """*member* was answered, and is the last in the row of those that owe us a request."""
        if member in self._all:
            self._waiting.pop(member, None)
            self._waiting[member] = None

    def answering(self, member: Member) -> None:
        """*member* has sent its request."""
        self._waiting.pop(member, None)

    def receiving(self, member: Member, size: int) -> None:
        """*size* more bytes of a body are held for *member*. Whoever has held much for longest gives way to others."""
        self._bodies[member] = self._bodies.get(member, 0) + size
        self._held += size
        while self._held > self.limits.bodies:
            longest = next((one for one, held in self._bodies.items() if held > self.limits.small), None)
            if longest is None:
                return
            self.complete(longest)
            self._dropped += 1
            longest.drop_body()

    def complete(self, member: Member) -> None:
        """*member* owes nothing of a body any more."""
        self._held -= self._bodies.pop(member, 0)

    def _drop(self, member: Member) -> None:
        self._dropped += 1
        member.drop()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for member in list(self._all):
            member.look(now)
        if self._dropped:
            _log.warning("receiver.crowded", extra={"dropped": self._dropped, "connections": len(self._all)})
            self._dropped = 0
        self._clock = loop.call_later(self.limits.tick, self._tick, loop) if self._all else None


def room(wanted: int) -> int:
    """How many of *wanted* connections the process may have, after raising its limit of open files as far as it can."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:  # as on macOS, which all the same grants nobody endless files
        if soft != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + _OTHER_FILES), most))
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return max(1, min(wanted, most - _OTHER_FILES))
