"""Which file hosts are left alone, for how long, and who may go ahead after a rest."""

from datetime import timedelta

import pytest

from workers.file_hosts import MAX_HOSTS, MAX_REST, TOLERATED, TRIAL, FileHosts, HostRestsError

HOST, OTHER = "files.example:443", "other.example:443"


class Ticks:
    """A monotonic clock that moves only when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def hosts(ticks: Ticks) -> FileHosts:
    return FileHosts(ticks)


def rest(hosts: FileHosts, origin: str = HOST) -> float | None:
    """How many seconds *origin* is to be left alone, None where it may be asked."""
    try:
        hosts.admit(origin)
    except HostRestsError as exc:
        return exc.retry_after.total_seconds() if exc.retry_after else 0
    return None


@pytest.mark.parametrize(("wish", "seconds"), [(7, 7), (60, 60), (61, 60), (10**9, 60)])
def test_busy__rests_as_long_as_it_asked(hosts: FileHosts, ticks: Ticks, wish: int, seconds: int) -> None:
    """F44: a stated wish is kept up to a minute, for this host and no other."""
    hosts.busy(HOST, timedelta(seconds=wish))
    assert (seconds, None) == (rest(hosts), rest(hosts, OTHER))
    ticks.now += seconds
    assert rest(hosts) is None


@pytest.mark.parametrize("wish", [None, timedelta(0)])
def test_busy__without_a_wish_rests_longer_each_time(hosts: FileHosts, ticks: Ticks, wish: timedelta | None) -> None:
    """F44: a host that states no time is left alone for a second, then for twice as long, up to a minute."""
    seen = []
    for _ in range(8):
        hosts.busy(HOST, wish)
        seen.append(rest(hosts))
        ticks.now += MAX_REST.total_seconds()
        assert rest(hosts) is None
    assert [1, 2, 4, 8, 16, 32, 60, 60] == seen


def test_busy__many_at_once_are_one(hosts: FileHosts) -> None:
    """F45: sixteen transfers that are turned away together lengthen no rest; the longest wish of theirs counts."""
    for _ in range(16):
        hosts.busy(HOST, None)
    assert 1 == rest(hosts)
    hosts.busy(HOST, timedelta(seconds=9))
    hosts.busy(HOST, timedelta(seconds=3))
    assert 9 == rest(hosts)


def test_failed__rests_after_several_in_a_row(hosts: FileHosts, ticks: Ticks) -> None:
    """F45: a host that does not answer is left alone from the third time on; an answer in between begins anew."""
    for _ in range(TOLERATED):
        hosts.failed(HOST)
        assert rest(hosts) is None
    hosts.answered(HOST)
    for _ in range(TOLERATED):
        hosts.failed(HOST)
    assert rest(hosts) is None
    hosts.failed(HOST)
    assert 1 == rest(hosts)


def test_trial__one_goes_ahead_after_a_rest(hosts: FileHosts, ticks: Ticks) -> None:
    """F45: after a rest one transfer goes ahead, the others once it is answered, or after two seconds."""
    hosts.busy(HOST, timedelta(seconds=5))
    ticks.now += 5
    assert (None, TRIAL.total_seconds()) == (rest(hosts), rest(hosts))
    hosts.answered(HOST)
    assert (None, None) == (rest(hosts), rest(hosts))
    hosts.busy(HOST, timedelta(seconds=5))
    ticks.now += 5
    assert (None, TRIAL.total_seconds()) == (rest(hosts), rest(hosts))
    ticks.now += TRIAL.total_seconds()
    assert (None, TRIAL.total_seconds()) == (rest(hosts), rest(hosts))


def test_answered__to_another_transfer_ends_no_rest(hosts: FileHosts) -> None:
    """F44: what the host asked for stands although a transfer that ran before is answered still."""
    hosts.busy(HOST, timedelta(seconds=5))
    hosts.answered(HOST)
    assert 5 == rest(hosts)


def test_memory__is_bounded(hosts: FileHosts) -> None:
    """F61: a million hosts that fail are not remembered; the one heard of last is."""
    for number in range(MAX_HOSTS * 3):
        hosts.busy(f"h{number}.example:443", timedelta(seconds=5))
    assert MAX_HOSTS == len(hosts._hosts)
    assert (None, 5) == (rest(hosts, "h0.example:443"), rest(hosts, f"h{MAX_HOSTS * 3 - 1}.example:443"))
