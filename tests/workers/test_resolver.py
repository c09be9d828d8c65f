"""Names into addresses: a name server that hangs costs one attempt, and hung lookups are few."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from archive.errors import WireError
from tests.doubles import wait_for
from workers.egress import Egress, Policy, time_limit
from workers.resolver import LOOKUPS, Resolver, resolve


class Nameserver:
    """Hangs until it is let go; counts who is waiting for it, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waiting = 0
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, host: str, port: int) -> list[str]:
        with self._lock:
            self.asked.append(host)
            self.waiting += 1
        self.let_go.wait(30)
        with self._lock:
            self.waiting -= 1
        return ["1.1.1.1"]


@pytest.fixture
def hanging() -> Iterator[Nameserver]:
    server = Nameserver()
    yield server
    server.let_go.set()
    wait_for(lambda: server.waiting == 0)


def reason(resolver: Resolver, host: str = "files.example") -> str | None:
    try:
        resolver(host, 443)
    except WireError as exc:
        return exc.reason
    return None


def test_time__a_name_server_that_hangs_costs_its_patience(hanging: Nameserver) -> None:
    """F45: an attempt ends by name when the patience is over, or the caller's own time, whichever is less."""
    began = time.monotonic()
    assert "name_not_resolved" == reason(Resolver(hanging, patience=0.1))
    with time_limit(lambda: 0.1):
        assert "name_not_resolved" == reason(Resolver(hanging, patience=60))
    assert 0.2 <= time.monotonic() - began < 3
    assert 2 == hanging.waiting


def test_time__reaches_through_the_door(hanging: Nameserver) -> None:
    """A whole request to a name that nobody answers for ends with the caller's time."""
    egress, began = Egress(resolver=hanging), time.monotonic()
    with (
        time_limit(lambda: 0.2 - (time.monotonic() - began)),
        pytest.raises(WireError) as caught,
        egress.stream("GET", "https://files.example/v.mp4", Policy(), headers={}),
    ):
        pass
    assert ("name_not_resolved", True) == (caught.value.reason, time.monotonic() - began < 3)
    egress.close()


def test_number__hung_lookups_are_bounded(hanging: Nameserver) -> None:
    """However many attempts are made, no more threads hang than the bound says, and one for each name."""
    resolver = Resolver(hanging, patience=0.02, lookups=3)
    for attempt in range(20):
        assert "name_not_resolved" == reason(resolver, f"h{attempt % 5}.example")
    assert (3, ["h0.example", "h1.example", "h2.example"]) == (hanging.waiting, hanging.asked)
    hanging.let_go.set()
    wait_for(lambda: reason(resolver, "h4.example") is None)
    assert 16 <= LOOKUPS <= 256


def test_number__one_answer_serves_all_who_wait(hanging: Nameserver) -> None:
    """Those who ask at the same time share one lookup; who asks later has one of his own."""
    resolver = Resolver(hanging)
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(resolver("a.example", 443))) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_for(lambda: hanging.waiting == 1)
    hanging.let_go.set()
    for thread in threads:
        thread.join(10)
    assert [["1.1.1.1"]] * 8 == found
    before = len(hanging.asked)
    assert ["1.1.1.1"] == resolver("a.example", 443)
    assert before + 1 == len(hanging.asked)


@pytest.mark.parametrize("failure", [OSError("SERVFAIL"), socket.gaierror(-2, "unknown"), UnicodeError("too long")])
def test_failure__has_one_name(failure: Exception) -> None:
    """F45: a failure of the system's resolver, or no address at all, is a name that was not resolved."""

    def broken(host: str, port: int) -> list[str]:
        raise failure

    assert "name_not_resolved" == reason(Resolver(broken))
    assert "name_not_resolved" == reason(Resolver(lambda *_: []))


def test_failure__a_thread_that_cannot_begin_costs_one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """F21: a name that could not be asked for, since there were as many threads as may be, is asked for again later."""

    def no_more(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolver = Resolver(lambda _host, _port: ["1.1.1.1"], patience=1)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", no_more)
        assert "name_not_resolved" == reason(resolver)
    assert ["1.1.1.1"] == resolver("files.example", 443)


def test_addresses__are_not_asked_about(hanging: Nameserver) -> None:
    """An address is its own answer, with no thread and no resolver."""
    resolver = Resolver(hanging)
    assert (["8.8.8.8"], ["2606:4700::1111"]) == (resolver("8.8.8.8", 443), resolver("2606:4700::1111", 443))
    assert [] == hanging.asked


def test_system__resolves_what_it_knows() -> None:
    """The system's own resolver is what is asked."""
    assert set(resolve("localhost", 80)) <= {"127.0.0.1", "::1"}
    assert "127.0.0.1" in Resolver()("localhost", 80)
