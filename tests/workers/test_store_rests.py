"""A bucket that fails is left alone, tried by one, and used again when it does what it had failed to do (F66, F72)."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from io import BytesIO
from typing import Any

import pytest

from archive.errors import ObjectHiddenError, StoreUnavailableError
from tests.doubles import MemoryStore
from workers.store_rests import MAX_AGAIN, MAX_REST, TOLERATED, RestingStore, StoreRests, StoreRestsError


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Refusing(MemoryStore):
    """Answers looks, and refuses every put until it *takes* them."""

    takes = False

    def put(self, *where: Any, **what: Any) -> str | None:
        if not self.takes:
            raise StoreUnavailableError("store_access_denied")
        return super().put(*where, **what)


@pytest.fixture
def time() -> Time:
    return Time()


def resting(store: MemoryStore, time: Time, on_back: Callable[[], None] = lambda: None) -> RestingStore:
    return RestingStore(store, StoreRests(lambda: 0.0, on_back, time))


def put(store: RestingStore, key: str = "k", bucket: str = "videos") -> str | None:
    return store.put(
        bucket, key, BytesIO(b""), size=0, sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        content_type="x",
    )  # fmt: skip


def fail(act: Callable[[], object]) -> StoreUnavailableError:
    with pytest.raises(StoreUnavailableError) as raised:
        act()
    return raised.value


def until_it_rests(store: RestingStore) -> None:
    for number in range(TOLERATED + 1):
        assert not isinstance(fail(partial(put, store, f"k{number}")), StoreRestsError)


def test_rest__after_failures_in_a_row_and_for_that_bucket_only(time: Time) -> None:
    """What is at rest is not asked, says why and for how long; another bucket is asked all the same."""
    inner = MemoryStore(away=True)
    store = resting(inner, time)
    until_it_rests(store)
    refused = fail(lambda: put(store))
    assert isinstance(refused, StoreRestsError)
    assert ("store_unreachable", timedelta(seconds=1)) == (refused.reason, refused.retry_after)
    assert isinstance(fail(lambda: store.check("videos")), StoreRestsError)
    assert not isinstance(fail(lambda: put(store, bucket="companion")), StoreRestsError)


def test_rest__grows_to_a_minute(time: Time) -> None:
    """Each trial that fails doubles the rest, up to MAX_REST."""
    store = resting(MemoryStore(away=True), time)
    until_it_rests(store)
    rests = []
    for _ in range(9):
        time.now += MAX_REST.total_seconds()
        fail(lambda: put(store, "trial"))
        with pytest.raises(StoreRestsError) as refused:
            store._rests._admit("videos")
        assert refused.value.retry_after is not None
        rests.append(store._rests._buckets["videos"].until - time.now)
    assert [2, 4, 8, 16, 32, 60, 60, 60, 60] == rests


def test_rest__what_waits_asks_less_often_the_longer_it_lasts(time: Time) -> None:
    """After hours, thousands of files do not come back each minute."""
    store = resting(MemoryStore(away=True), time)
    until_it_rests(store)
    time.now += 7200
    fail(lambda: put(store))
    assert MAX_AGAIN == fail(lambda: put(store)).retry_after


def test_trial__one_thread_goes_ahead(time: Time) -> None:
    """After a rest one thread asks while the others go on resting, and its answer opens the bucket for all."""
    inner = MemoryStore(away=True)
    store = resting(inner, time)
    until_it_rests(store)
    time.now += 2
    inner.away = False
    asked, others = threading.Event(), threading.Event()

    class Slow(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.set()
            others.wait(10)
            return super().read(size)

    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    trial = threading.Thread(
        target=lambda: store.put("videos", "first", Slow(), size=0, sha256=digest, content_type="x")
    )
    trial.start()
    assert asked.wait(10)
    assert isinstance(fail(lambda: put(store, "second")), StoreRestsError)
    others.set()
    trial.join(10)
    put(store, "second")
    assert ["first", "second"] == inner.puts


def test_trial__an_answered_look_is_no_taken_put(time: Time) -> None:
    """A store that answers HEAD and refuses PUT goes on resting, longer each time, until it takes a put."""
    back: list[bool] = []
    inner = Refusing()
    store = resting(inner, time, lambda: back.append(True))
    until_it_rests(store)
    for _ in range(3):
        time.now += MAX_REST.total_seconds()
        assert store.head("videos", "k") is None
        assert not isinstance(fail(lambda: put(store)), StoreRestsError)
    assert (8, []) == (store._rests._buckets["videos"].until - time.now, back)
    inner.takes = True
    time.now += 8
    put(store)
    put(store, "other")
    assert [True] == back


def test_of_one__an_object_that_cannot_be_seen_rests_nobody(time: Time) -> None:
    """What is said of one object makes that one wait, longer each time, and no other."""

    class Hidden(MemoryStore):
        def head(self, *_: object, **__: object) -> None:
            raise ObjectHiddenError("store_403")

    store = resting(Hidden(), time)
    waits = [fail(lambda: store.head("videos", "k")).retry_after for _ in range(12)]
    assert [timedelta(seconds=2**n) for n in range(9)] == waits[:9]
    assert MAX_AGAIN == waits[-1]
    put(store)


def test_ours__an_error_of_our_own_is_no_word_about_the_store(time: Time) -> None:
    """A file that cannot be read leaves the bucket as it was."""

    class Broken(BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise RuntimeError("ours")

    store = resting(MemoryStore(), time)
    for _ in range(5):
        with pytest.raises(RuntimeError, match="ours"):
            store.put("videos", "k", Broken(), size=0, sha256="", content_type="x")
    put(store)
