"""
One clock, one order of events, one source of chance. No threads: real code that would wait switches here instead.

Each piece of work that can be interrupted is a greenlet of a `Host`, which can freeze (SIGSTOP) or die (SIGKILL) at any
of its waits. Between two waits nobody else runs, so the same seed always gives the same trace.
"""

import heapq
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from greenlet import getcurrent, greenlet

from tests.doubles import START, Crash, FakeClock

SECOND = 1_000_000  # the scheduler counts microseconds, as the ledger does


class Host:
    """A process: alive, frozen until an instant, or dead for good."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.frozen_until = 0
        self.work: list[Work] = []


class Work:
    """One thread of a host, as a greenlet. `about` is what it has in hand, for the invariants."""

    def __init__(self, scheduler: "Scheduler", host: Host, name: str, run: Callable[[], None]) -> None:
        self.ident = scheduler.number()
        self.host = host
        self.name = f"{host.name}.{name}"
        self.about: object = None
        self._scheduler = scheduler
        self._run = run
        self.greenlet = greenlet(self._main)

    def _main(self) -> None:
        try:
            self._run()
        except Crash as crash:
            if self.host.is_alive:
                self._scheduler.say(self.name, f"dies at {crash}")
                self.host.is_alive = False
        finally:
            self.about = None

    def resume(self) -> None:
        """Go on, unless the host is dead; a frozen one goes on when it thaws."""
        if not self.host.is_alive:
            return
        if self.host.frozen_until > self._scheduler.now:
            self._scheduler.at(self.host.frozen_until, self.resume)
            return
        self._scheduler.current = self
        self.greenlet.switch()
        self._scheduler.current = None
        if not self.host.is_alive:
            self._scheduler.bury(self.host)


class Turns:
    """A lock whose waiters are work; they take it as they came."""

    def __init__(self, scheduler: "Scheduler") -> None:
        self._scheduler = scheduler
        self._is_taken = False
        self._waiting: list[Work] = []

    def __enter__(self) -> None:
        while self._is_taken:
            assert self._scheduler.current is not None
            self._waiting.append(self._scheduler.current)
            self._scheduler.switch()
        self._is_taken = True

    def __exit__(self, *_: object) -> None:
        self._is_taken = False
        if self._waiting:
            self._scheduler.at(self._scheduler.now, self._waiting.pop(0).resume)


class Scheduler:
    """The heap of what happens next. *faults* are the kinds of mishap that may happen at all."""

    def __init__(self, seed: int, faults: frozenset[str]) -> None:
        self.clock = FakeClock()
        self.random = random.Random(seed)
        self.faults = faults
        self.fired: set[str] = set()
        self.now = 0
        self.trace: list[str] = []
        self.current: Work | None = None
        self.start_at = self.clock.now
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self._main = getcurrent()
        self.buried: Callable[[Host], None] = lambda _host: None

    def number(self) -> int:
        self._number += 1
        return self._number

    def ident(self) -> int:
        """What `threading.get_ident` would say."""
        return self.current.ident if self.current else 0

    def monotonic(self) -> float:
        return self.now / SECOND

    @property
    def true_now(self) -> datetime:
        """The time of day elsewhere, whatever our clocks say."""
        return START + timedelta(microseconds=self.now)

    def at(self, instant: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (max(instant, self.now), self.number(), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.now + int(seconds * SECOND), act)

    def start(self, host: Host, name: str, run: Callable[[], None]) -> Work:
        work = Work(self, host, name, run)
        host.work.append(work)
        self.at(self.now, work.resume)
        return work

    def pause(self, seconds: float) -> None:
        """Wait, where the caller is a host's work; others, whose doing is one step, do not."""
        if self.current is not None:
            self.after(seconds, self.current.resume)
            self.switch()

    def switch(self) -> None:
        """Leave the rest to the others; somebody has to call `resume`."""
        self._main.switch()

    def bury(self, host: Host) -> None:
        """End what a dead host was doing, in the middle of whatever it was."""
        host.is_alive = False
        for work in host.work:
            if work.greenlet and not work.greenlet.dead:
                work.greenlet.throw(Crash("buried"))
        host.work.clear()
        self.buried(host)

    def run(self, is_over: Callable[[], bool], limit: float) -> bool:
        """Let events happen until it *is_over*; False where *limit* seconds of virtual time were not enough."""
        end = self.now + int(limit * SECOND)
        while self._heap and not is_over():
            instant, _, act = heapq.heappop(self._heap)
            if instant > end:
                heapq.heappush(self._heap, (instant, 0, act))
                return False
            self.now = instant
            self.clock.now = self.start_at + timedelta(microseconds=instant)
            act()
        return is_over()

    def set_back(self, seconds: float) -> None:
        """The clock on the wall goes back; nothing else does."""
        self.start_at -= timedelta(seconds=seconds)
        self.clock.now -= timedelta(seconds=seconds)

    def chance(self, fault: str, probability: float) -> bool:
        """Whether a mishap happens now. The draw is made either way, so that less faults keep more of a trace."""
        happens = self.random.random() < probability and fault in self.faults
        if happens:
            self.fired.add(fault)
        return happens

    def say(self, who: str, what: str) -> None:
        self.trace.append(f"{self.now / SECOND:12.6f} {who} {what}")
