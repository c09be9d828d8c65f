"""When to look again and when to try again."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from archive.schedule import next_look, next_try
from tests.doubles import START

spans = st.timedeltas(timedelta(days=-400), timedelta(days=400))
FLOOR = timedelta(seconds=5)
spreads = st.floats(0, 1, exclude_max=True)


@given(spans, st.none() | spans, spreads)
def test_next_look__bounds(expected_in: timedelta, hinted_in: timedelta | None, spread: float) -> None:
    """The next look is at least 2 s and at most 12 minutes away, whatever the task's age or a hint's."""
    hinted_at = START + hinted_in if hinted_in is not None else None
    gap = next_look(now=START, expected_at=START + expected_in, hinted_at=hinted_at, floor=FLOOR, spread=spread) - START
    assert timedelta(seconds=2) <= gap <= timedelta(minutes=12)
    if hinted_at is None:
        assert gap >= timedelta(seconds=5)


@given(spans, st.none() | spans)
def test_next_look__spread_is_at_most_a_fifth(expected_in: timedelta, hinted_in: timedelta | None) -> None:
    """Tasks made together are asked apart, but none later than a fifth of its gap."""
    hinted_at = START + hinted_in if hinted_in is not None else None
    first, last = (
        next_look(now=START, expected_at=START + expected_in, hinted_at=hinted_at, floor=FLOOR, spread=spread) - START
        for spread in (0.0, 0.999)
    )
    assert first < last <= first * 1.2


def test_next_look__as_documented() -> None:
    """Before the expected end: then. After: a fifth of the delay. After a hint: soon, then half its age."""

    def gap(**at: float) -> float:
        hinted = at.get("hinted")
        found = next_look(
            now=START,
            expected_at=START + timedelta(seconds=at.get("expected", 0)),
            hinted_at=None if hinted is None else START + timedelta(seconds=hinted),
            floor=FLOOR,
            spread=0,
        )
        return (found - START).total_seconds()

    assert [30, 5, 20, 600, 600] == [gap(expected=s) for s in (30, -10, -100, -3600, 86400)]
    assert [2, 2, 5] == [gap(hinted=s) for s in (0, -3, -10)]
    assert 600 == gap(hinted=-600, expected=-3600)


@given(st.integers(0, 10_000), spans, spreads)
def test_next_try__bounds(attempts: int, must_in: timedelta, spread: float) -> None:
    """The next try is at least 1 s and at most 5 minutes away, after any number of failures."""
    gap = next_try(now=START, attempts=attempts, must_by=START + must_in, spread=spread) - START
    assert timedelta(seconds=1) <= gap <= timedelta(minutes=5)


@given(st.integers(0, 100), st.timedeltas(timedelta(seconds=3), timedelta(days=20)), spreads)
def test_next_try__leaves_room_before_the_deadline(attempts: int, left: timedelta, spread: float) -> None:
    """While three seconds or more are left, two thirds of them are left after the pause as well."""
    gap = next_try(now=START, attempts=attempts, must_by=START + left, spread=spread) - START
    assert gap <= max(timedelta(seconds=1), left / 3)


@given(st.integers(0, 100), spans, spreads, st.timedeltas(timedelta(0), timedelta(minutes=10)))
def test_next_try__a_wish_is_kept_but_for_the_deadline(
    attempts: int, must_in: timedelta, spread: float, asked: timedelta
) -> None:
    """F44: no try comes before a wish is over, unless two more would not fit before the deadline then."""
    gap = next_try(now=START, attempts=attempts, must_by=START + must_in, spread=spread, asked=asked) - START
    room = must_in / 3 if must_in > timedelta(0) else timedelta.max
    assert gap >= min(asked, room)
    assert gap <= max(timedelta(seconds=1), room)
    assert gap <= max(asked, timedelta(minutes=5))


def test_next_try__grows() -> None:
    """The ceiling doubles with each failure: 1, 2, 4, 8 seconds, up to five minutes."""
    far = START + timedelta(days=9)
    gaps = [(next_try(now=START, attempts=n, must_by=far, spread=0.999999) - START).total_seconds() for n in range(12)]
    assert [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] == [round(gap) for gap in gaps]
