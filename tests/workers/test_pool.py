"""A few threads around one piece of work: none idle while there is work, none lost, none started after the end."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.doubles import wait_for
from workers.pool import Pool

Work = Callable[[Callable[[], None]], bool]


@contextmanager
def running(size: int, work: Work) -> Iterator[Pool]:
    pool = Pool("test", size, work)
    pool.start()
    try:
        yield pool
    finally:
        pool.stop(5)


def test_wake__once_drains_any_backlog_with_all_threads(caplog: pytest.LogCaptureFixture) -> None:
    """One wake-up is enough: every thread joins in, and nothing is left."""
    meeting, lock = threading.Barrier(4, timeout=10), threading.Lock()
    left, done = list(range(40)), []

    def work(more: Callable[[], None]) -> bool:
        with lock:
            if not left:
                return False
            mine = left.pop()
        more()
        meeting.wait()  # breaks unless all four work at the same time
        done.append(mine)
        return True

    with running(4, work) as pool:
        pool.wake()
        wait_for(lambda: 40 == len(done))
        wait_for(lambda: 0 == pool.busy)
    assert [] == caplog.records


def test_wake__while_work_runs_is_not_forgotten() -> None:
    """A wake-up that comes after a thread saw nothing due, but before it sleeps, has it look again."""
    looks: list[int] = []

    def work(more: Callable[[], None]) -> bool:
        looks.append(len(looks))
        if len(looks) == 1:
            pool.wake()
        return False

    with running(1, work) as pool:
        pool.wake()
        wait_for(lambda: 2 == len(looks))


def test_wake__wake_ups_do_not_pile_up() -> None:
    """However often a busy pool is woken, it looks no more than once per thread afterwards."""
    looks: list[int] = []
    go = threading.Event()

    def work(more: Callable[[], None]) -> bool:
        looks.append(1)
        go.wait(10)
        return False

    with running(2, work) as pool:
        pool.wake()
        pool.wake()
        wait_for(lambda: 2 == len(looks))
        for _ in range(50):
            pool.wake()
        go.set()
        wait_for(lambda: 4 == len(looks))
        assert pool.stop(5)
    assert 4 == len(looks)


def test_work__that_raises_does_not_kill_its_thread(caplog: pytest.LogCaptureFixture) -> None:
    """Bad work is logged and costs nothing but itself."""
    tried: list[int] = []

    def work(more: Callable[[], None]) -> bool:
        tried.append(1)
        if len(tried) <= 3:
            raise ValueError("bad work")
        return False

    with running(1, work) as pool:
        for number in range(1, 5):
            pool.wake()
            wait_for(lambda number=number: number == len(tried))  # type: ignore[misc]
    assert ["pool.work_failed"] * 3 == [record.message for record in caplog.records]


def test_wait_free__until_a_thread_is() -> None:
    """While all threads work it waits, and no longer than told; a free one is seen at once."""
    go, begun = threading.Event(), threading.Event()

    def work(more: Callable[[], None]) -> bool:
        begun.set()
        go.wait(10)
        return False

    with running(1, work) as pool:
        assert pool.wait_free(0)
        pool.wake()
        begun.wait(10)
        assert (1, False) == (pool.busy, pool.wait_free(0.01))
        threading.Timer(0.05, go.set).start()
        assert pool.wait_free(10)


def test_stop__lets_work_end_and_starts_none() -> None:
    """After a stop the piece in hand is finished, the rest of the backlog is not begun."""
    go, begun, done = threading.Event(), threading.Event(), []

    def work(more: Callable[[], None]) -> bool:
        begun.set()
        go.wait(10)
        done.append(1)
        return True  # there would be more

    with running(1, work) as pool:
        pool.wake()
        begun.wait(10)
        assert not pool.stop(0.01)
        go.set()
        assert pool.stop(10)
        pool.wake()
        assert pool.wait_free(0)
    assert 1 == len(done)
