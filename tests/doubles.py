"""Fakes we own, with names that say how they behave."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from archive.wakeups import Bell

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class FakeClock:
    """A clock that moves only when told to."""

    now: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **units: float) -> None:
        self.now += timedelta(**units)


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until *condition* holds, for tests of real processes; fail when it does not in time."""
    import time

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {condition.__name__}")
        time.sleep(0.02)


class SilentBell(Bell):
    """Counts how often it is rung; there is no Redis."""

    def __init__(self, *, reachable: bool = True) -> None:
        self.rung = 0
        self._reachable = reachable

    def ring(self, *, everyone: bool = False) -> bool:
        self.rung += 1
        return self._reachable

    def is_reachable(self) -> bool:
        return self._reachable
