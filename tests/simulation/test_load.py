"""Deadlines under load: nothing is lost while there is room, and above we lose less than who comes first is served."""

import pytest

from tests.simulation.load import POLICIES, bound, lost

SEEDS = range(3)


@pytest.mark.parametrize("mix", ["documented", "short"])
@pytest.mark.parametrize("load", [50, 90])
def test_with_room_nothing_is_lost(load: int, mix: str) -> None:
    """At 90 % load and below no file is lost, although links die after 20 minutes and attempts fail."""
    assert [0] * len(SEEDS) == [lost(seed, load, "ours", mix)[0] for seed in SEEDS]


def test_overload__no_worse_than_first_come_first_served() -> None:
    """At twice what can be done, the earliest deadline first loses less than half of what plain FIFO loses."""
    ours, fifo = (sum(lost(seed, 200, policy)[0] for seed in SEEDS) for policy in ("ours", "fifo"))
    assert 2 * ours < fifo


@pytest.mark.parametrize("load", [120, 400])
def test_bound__nobody_loses_less(load: int) -> None:
    """The bound is one: it never promises more losses than a real schedule has."""
    assert bound(0, load, "short") <= min(lost(0, load, policy, "short")[0] for policy in POLICIES)
