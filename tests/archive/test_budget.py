"""What an account's budget promises. Pure: instants are passed in."""

from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.budget import Bucket, split
from archive.model import Pace
from tests.doubles import START

MINUTE = timedelta(minutes=1)


def pace(requests: int, per: timedelta = MINUTE) -> Pace:
    return Pace(MINUTE, MINUTE, requests, per)


def served(bucket: Bucket, asked_at: list[datetime]) -> list[datetime]:
    """The instants at which a bucket lets requests pass that come at *asked_at* and go away if they must wait."""
    passed, paid_until = [], None
    for instant in asked_at:
        if not bucket.wait(paid_until, instant):
            paid_until = bucket.paid(paid_until, instant)
            passed.append(instant)
    return passed


@given(
    st.integers(1, 200),
    st.timedeltas(timedelta(seconds=1), timedelta(hours=1)),
    st.lists(st.floats(0, 3), min_size=1, max_size=300),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_split__never_more_than_half_of_the_limit_in_any_span(
    requests: int, per: timedelta, moments: list[float], hinted: bool, random: Random
) -> None:
    """
    Whatever comes whenever, the two buckets together let at most half of the limit arrive in any span, also where each
    request takes its own time on the way, up to the time between two requests.
    """
    budget = split(pace(requests, per), hinted=hinted)
    asked_at = sorted(START + moment * per for moment in moments)
    passed = []
    for bucket in (budget.asks, budget.hints):
        sent = served(bucket, asked_at) if bucket else []
        slack = bucket.interval if bucket and bucket.requests > 1 else timedelta(0)
        passed += [at + random.random() * slack for at in sent]
    most = max(sum(start <= instant < start + per for instant in passed) for start in passed)
    assert most <= max(1, requests // 2)


@pytest.mark.parametrize(("requests", "least"), [(2, 1), (3, 1), (30, 12), (60, 22), (400, 150)])
def test_split__uses_most_of_its_half(requests: int, least: int) -> None:
    """Kept busy, an account is asked nearly as often as half of its limit allows."""
    budget = split(pace(requests), hinted=False)
    every_second = [START + timedelta(seconds=n / 10) for n in range(6000)]
    assert least * 10 <= len(served(budget.asks, every_second)) <= requests // 2 * 10
    assert least <= budget.per_minute <= requests // 2 + 1


@pytest.mark.parametrize("requests", [4, 6, 30, 60, 400])
def test_split__a_late_burst_is_within_the_cap(requests: int) -> None:
    """A burst that arrives late by the time between two requests, and all that follows in time, is half at most."""
    bucket = split(pace(requests), hinted=False).asks
    moments = [START + n * bucket.interval / 50 for n in range(50 * requests)]
    sent = served(bucket, moments)
    arrived = [at + bucket.interval if at == START else at for at in sent]
    from_then_on = START + bucket.interval
    assert sum(from_then_on <= at < from_then_on + MINUTE for at in arrived) <= requests // 2


def test_split__keeps_a_part_for_hints_only_where_there_can_be_any() -> None:
    """A provider that never calls back has no use for a part kept for unproved names; a tiny limit cannot be shared."""
    assert split(pace(30), hinted=True).hints == Bucket(3, MINUTE)
    assert split(pace(30), hinted=True).asks == Bucket(12, MINUTE)
    assert (Bucket(15, MINUTE), None) == (split(pace(30), hinted=False).asks, split(pace(30), hinted=False).hints)
    assert split(pace(3), hinted=True).hints is None
    assert split(pace(1), hinted=True).asks == Bucket(1, 2 * MINUTE)


def test_rested__nothing_passes_before_its_end() -> None:
    """An account that was told to come back later is not asked before then, and a longer rest is not shortened."""
    bucket = split(pace(30), hinted=False).asks
    paid_until = bucket.rested(None, START + MINUTE)
    assert bucket.wait(paid_until, START) == MINUTE
    assert bucket.wait(bucket.rested(paid_until, START + MINUTE / 2), START) == MINUTE
    assert not bucket.wait(paid_until, START + MINUTE)


def test_paid__counts_a_request_that_could_not_wait() -> None:
    """A request sent over the budget makes the next ones wait: the debt is paid back."""
    bucket = Bucket(4, MINUTE)
    paid_until = None
    for _ in range(6):
        paid_until = bucket.paid(paid_until, START)
    assert bucket.wait(paid_until, START) == 6 * bucket.interval
