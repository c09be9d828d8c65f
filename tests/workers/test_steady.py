"""The clock leaps (F19): nothing ends by time that nobody has seen pass."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doubles import START
from workers.steady import HELD, Steady


class Clocks:
    """Both clocks of a machine."""

    def __init__(self) -> None:
        self.wall, self.ticks = START, 100.0
        self.steady = Steady(lambda: self.wall, lambda: self.ticks)

    def run(self, **units: float) -> None:
        """Time passes."""
        self.wall += timedelta(**units)
        self.ticks += timedelta(**units).total_seconds()

    def leap(self, **units: float) -> None:
        """Somebody sets the clock."""
        self.wall += timedelta(**units)

    @property
    def held_back(self) -> timedelta:
        return self.wall - self.steady()


def test_steady__time_that_passes() -> None:
    """Hours and days that really pass are believed, and so is a clock that is set right by seconds."""
    clocks = Clocks()
    for _ in range(50):
        clocks.run(hours=1)
        clocks.leap(seconds=20)
        assert timedelta(0) == clocks.held_back


@pytest.mark.parametrize("leap", [timedelta(hours=1), timedelta(days=1), timedelta(days=400)])
def test_steady__a_leap_forward(leap: timedelta) -> None:
    """What it leapt over does not count for a day, after which the new time is believed."""
    clocks = Clocks()
    clocks.leap(seconds=leap.total_seconds())
    assert leap == clocks.held_back
    clocks.run(seconds=HELD.total_seconds() - 60)
    assert leap == clocks.held_back
    clocks.run(minutes=2)
    assert timedelta(0) == clocks.held_back


def test_steady__there_and_back() -> None:
    """A clock that leaps and is set back again holds nothing back."""
    clocks = Clocks()
    clocks.leap(days=1)
    assert timedelta(days=1) == clocks.held_back
    clocks.run(hours=1)
    clocks.leap(days=-1)
    assert timedelta(0) == clocks.held_back


Step = tuple[bool, int]


@settings(max_examples=100, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.integers(-100_000, 100_000)), max_size=20))
def test_steady__is_never_ahead(steps: list[Step]) -> None:
    """Whatever the clock does, no end comes earlier than by the clock itself, nor earlier than time has passed."""
    clocks = Clocks()
    began: datetime = clocks.wall
    for is_leap, seconds in steps:
        clocks.leap(seconds=seconds) if is_leap else clocks.run(seconds=abs(seconds) / 100)
        now = clocks.steady()
        assert now <= clocks.wall
        small = timedelta(minutes=1) * len(steps)
        assert now <= began + timedelta(seconds=clocks.ticks - 100) + small
