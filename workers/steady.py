"""
The time of day as far as this process has seen it pass. Pure but for the clocks it is given.

Some ends rest on elapsed time alone: a day of tries after the last deadline, a provider that has not known a task for a
day, fourteen days without a result. A clock that leaps forward makes all of them true at once, for videos that could
still be had. So for a day after a leap these ends are judged by the time without it. What is due is not: to try too
early costs nothing.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

LEAP = timedelta(minutes=1)  # what the wall clock gains on the other at once; being set right is less
HELD = timedelta(days=1)  # as long as ends wait for evidence: then the new time is believed


class Steady:
    """
    *wall* without its leaps; safe for threads.

    Args:
        wall: the time of day, which somebody may set.
        monotonic: seconds that only pass, as `time.monotonic` has them: those of a machine asleep are not among them.
    """

    def __init__(self, wall: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._last = wall(), monotonic()
        self._leaps: list[tuple[float, timedelta]] = []  # when, on the monotonic clock, and by how much

    def __call__(self) -> datetime:
        """Now; never later than *wall* has it."""
        with self._lock:
            wall, ticks = self._wall(), self._monotonic()
            leap = (wall - self._last[0]) - timedelta(seconds=ticks - self._last[1])
            self._last = wall, ticks
            if abs(leap) > LEAP:
                self._leaps.append((ticks, leap))
            self._leaps = [one for one in self._leaps if ticks - one[0] < HELD.total_seconds()]
            gained = sum((leap for _, leap in self._leaps), timedelta(0))
            return wall - max(gained, timedelta(0))
