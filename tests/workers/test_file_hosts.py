"""Which file hosts are left alone, for how long, and who may go ahead after a rest."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from workers.file_hosts import HEAD_START, MAX_HOSTS, MAX_LINKS, MAX_REST, TOLERATED, TRIAL, FileHosts, HostRestsError

HOST, OTHER = "files.example:443", "other.example:443"
REFUSED, FILM = "https://files.example/refused.mp4", "https://files.example/film.mp4"


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


def rest(hosts: FileHosts, origin: str = HOST, link: str = FILM) -> float | None:
    """How many seconds *origin* is to be left alone, None where it may be asked."""
    try:
        hosts.admit(origin, link)
    except HostRestsError as exc:
        return exc.retry_after.total_seconds() if exc.retry_after else 0
    return None


@pytest.mark.parametrize(("wish", "seconds"), [(7, 7), (60, 60), (61, 60), (10**9, 60)])
def test_busy__rests_as_long_as_it_asked(hosts: FileHosts, ticks: Ticks, wish: int, seconds: int) -> None:
    """F44: a stated wish is kept up to a minute, for this host and no other."""
    hosts.busy(HOST, REFUSED, timedelta(seconds=wish))
    assert (seconds, None) == (rest(hosts), rest(hosts, OTHER))
    ticks.now += seconds
    assert rest(hosts) is None


@pytest.mark.parametrize("wish", [None, timedelta(0)])
def test_busy__without_a_wish_rests_longer_each_time(hosts: FileHosts, ticks: Ticks, wish: timedelta | None) -> None:
    """F44: a host that states no time is left alone for a second, then for twice as long, up to a minute."""
    seen = []
    for _ in range(8):
        hosts.busy(HOST, REFUSED, wish)
        seen.append(rest(hosts))
        ticks.now += MAX_REST.total_seconds()
        assert rest(hosts) is None
    assert [1, 2, 4, 8, 16, 32, 60, 60] == seen


def test_busy__many_at_once_are_one(hosts: FileHosts) -> None:
    """F45: sixteen transfers that are turned away together lengthen no rest; the longest wish of theirs counts."""
    for _ in range(16):
        hosts.busy(HOST, REFUSED, None)
    assert 1 == rest(hosts)
    hosts.busy(HOST, REFUSED, timedelta(seconds=9))
    hosts.busy(HOST, REFUSED, timedelta(seconds=3))
    assert 9 == rest(hosts)


def test_failed__rests_after_several_in_a_row(hosts: FileHosts, ticks: Ticks) -> None:
    """F45: a host that does not answer is left alone from the third time on; an answer in between begins anew."""
    for _ in range(TOLERATED):
        hosts.failed(HOST, REFUSED)
        assert rest(hosts) is None
    hosts.answered(HOST, REFUSED)
    for _ in range(TOLERATED):
        hosts.failed(HOST, REFUSED)
    assert rest(hosts) is None
    hosts.failed(HOST, REFUSED)
    assert 1 == rest(hosts)


def test_trial__one_goes_ahead_after_a_rest(hosts: FileHosts, ticks: Ticks) -> None:
    """F45: after a rest one transfer goes ahead, the others once it is answered, or after two seconds."""
    hosts.busy(HOST, REFUSED, timedelta(seconds=5))
    ticks.now += 5
    assert (None, TRIAL.total_seconds()) == (rest(hosts), rest(hosts))
    hosts.answered(HOST, REFUSED)
    assert (None, None) == (rest(hosts), rest(hosts))
    hosts.busy(HOST, REFUSED, timedelta(seconds=5))
    ticks.now += 5
    assert (None, TRIAL.total_seconds()) == (rest(hosts), rest(hosts))
    ticks.now += TRIAL.total_seconds()
    assert (None, TRIAL.total_seconds()) == (rest(hosts), rest(hosts))


def test_answered__to_another_transfer_ends_no_rest(hosts: FileHosts) -> None:
    """F44: what the host asked for stands although a transfer that ran before is answered still."""
    hosts.busy(HOST, REFUSED, timedelta(seconds=5))
    hosts.answered(HOST, REFUSED)
    assert 5 == rest(hosts)


def test_trial__is_not_for_the_link_that_was_refused(hosts: FileHosts, ticks: Ticks) -> None:
    """F44: after a rest the other files of a host go first; where there are none, the refused one after a while."""
    hosts.busy(HOST, REFUSED, timedelta(seconds=5))
    ticks.now += 5
    assert HEAD_START.total_seconds() == rest(hosts, link=REFUSED)
    assert rest(hosts) is None
    hosts.busy(HOST, REFUSED, timedelta(seconds=5))
    ticks.now += 5 + HEAD_START.total_seconds()
    assert rest(hosts, link=REFUSED) is None


def test_busy__for_one_file_while_others_are_served(hosts: FileHosts, ticks: Ticks) -> None:
    """F44: a file that a host goes on to refuse costs its other files one rest, not one for each try."""
    hosts.busy(HOST, REFUSED, timedelta(seconds=60))
    ticks.now += 60
    assert rest(hosts) is None
    hosts.answered(HOST, FILM)
    hosts.busy(HOST, REFUSED, timedelta(seconds=60))
    assert (None, None) == (rest(hosts), rest(hosts, link=REFUSED))
    hosts.busy(HOST, FILM, timedelta(seconds=60))
    assert 60 == rest(hosts, link="https://files.example/another.mp4")


def test_answered__takes_the_blame_off_a_link(hosts: FileHosts, ticks: Ticks) -> None:
    """F44: a file that was served after all is as good as any other when its host asks for a rest again."""
    hosts.busy(HOST, REFUSED, timedelta(seconds=60))
    ticks.now += 60
    assert rest(hosts) is None
    hosts.answered(HOST, FILM)
    hosts.answered(HOST, REFUSED)
    assert 0 == len(hosts._hosts)
    hosts.busy(HOST, REFUSED, timedelta(seconds=60))
    assert 60 == rest(hosts)


def test_memory__of_links_is_bounded(hosts: FileHosts, ticks: Ticks) -> None:
    """F61: of a host that refuses a million links and serves others, no more than so many are known."""
    for number in range(MAX_LINKS + 1):
        hosts.busy(HOST, f"{REFUSED}?{number}", timedelta(seconds=1))
    ticks.now += 1
    assert rest(hosts) is None
    hosts.answered(HOST, FILM)
    assert 0 == len(hosts._hosts)


def test_memory__is_bounded(hosts: FileHosts) -> None:
    """F61: a million hosts that fail are not remembered; the one heard of last is."""
    for number in range(MAX_HOSTS * 3):
        hosts.busy(f"h{number}.example:443", REFUSED, timedelta(seconds=5))
    assert MAX_HOSTS == len(hosts._hosts)
    assert (None, 5) == (rest(hosts, "h0.example:443"), rest(hosts, f"h{MAX_HOSTS * 3 - 1}.example:443"))


def in_thread(act: Callable[[], object]) -> None:
    """Do something as another transfer."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def claimed(hosts: FileHosts, *origins: str) -> Callable[[], None]:
    return lambda: hosts.enter(origins, hosts.avoid())


def test_per_host__so_many_at_a_time(ticks: Ticks) -> None:
    """A host with its transfers is to be avoided until one of them leaves, which says that there is a place."""
    hosts = FileHosts(ticks, per_host=2)
    in_thread(claimed(hosts, HOST))
    assert not hosts.avoid().busy
    hosts.enter([HOST], hosts.avoid())
    assert {HOST} == hosts.avoid().busy
    assert hosts.leave()
    assert (frozenset(), False) == (hosts.avoid().busy, hosts.leave())


def test_per_host__counts_where_a_redirect_leads(ticks: Ticks) -> None:
    """A transfer counts at its link's host and at each it was sent to; one too many there has not been tried."""
    hosts = FileHosts(ticks, per_host=1)

    def redirected() -> None:
        hosts.enter([HOST], hosts.avoid())
        hosts.admit(OTHER, FILM)

    in_thread(redirected)
    assert {HOST, OTHER} == hosts.avoid().busy
    with pytest.raises(HostRestsError, match="host_busy"):
        hosts.admit(OTHER, REFUSED)


def test_per_host__of_two_links_the_free_one(ticks: Ticks) -> None:
    """An asset that two hosts have counts at the one that it will be asked for."""
    hosts = FileHosts(ticks, per_host=1)
    in_thread(claimed(hosts, HOST))
    hosts.enter([HOST, OTHER], hosts.avoid())
    assert {HOST, OTHER} == hosts.avoid().busy


def test_avoid__after_a_rest_one_claim_at_a_time(hosts: FileHosts, ticks: Ticks) -> None:
    """A host at rest is avoided; then one claim is for it, and no other until that one was answered."""
    hosts.busy(HOST, REFUSED, timedelta(seconds=7))
    assert {HOST: timedelta(seconds=7)} == hosts.avoid().resting
    ticks.now += 7
    assert {} == hosts.avoid().resting
    hosts.enter([HOST], hosts.avoid())
    assert {HOST} == set(hosts.avoid().resting)
    hosts.admit(HOST, FILM)
    assert {HOST: TRIAL} == hosts.avoid().resting
    hosts.answered(HOST, FILM)
    assert {} == hosts.avoid().resting


def test_avoid__a_trial_that_never_asks_is_over_with_its_claim(hosts: FileHosts, ticks: Ticks) -> None:
    """A claim that found its object in the store asks no host; the next one has the trial."""
    hosts.busy(HOST, REFUSED, timedelta(seconds=7))
    ticks.now += 7
    hosts.enter([HOST], hosts.avoid())
    hosts.leave()
    assert {} == hosts.avoid().resting
