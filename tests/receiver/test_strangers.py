"""How much is heard of an address that proves nothing, and that proof is always heard."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.testclient import TestClient

from archive.ledger.database import Database
from archive.providers import kie
from archive.sources import RateLimit
from receiver import strangers
from receiver.problems import ProblemError
from receiver.strangers import Strangers
from tests.doubles import FakeClock
from tests.receiver.house import KEY, LINK, OPERATOR, SETTINGS, TOKEN, House, assert_problem, open_house

RATE = {"requests": 3, "seconds": 60}


@pytest.fixture
def strict(small_db: Database, clock: FakeClock) -> Iterator[House]:
    """A receiver that hears three things a minute from a stranger."""
    with open_house(small_db, clock, server={**SETTINGS["server"], "untrusted_rate": RATE}) as house:
        yield house


WITHOUT_PROOF: dict[str, tuple[int, dict[str, Any]]] = {
    "no signature": (401, {"source": "signed", "key": None}),
    "wrong signature": (401, {"source": "signed", "key": "guess"}),
    "no token": (401, {"source": "token", "key": None}),
    "wrong token": (401, {"source": "token", "key": None, "token": "guess"}),
    "half of the proof": (401, {"source": "both", "token": TOKEN, "key": None}),
    "forged minted URL": (401, {"source": "token", "token": "rkcb_" + "ab" * 52}),
    "unknown source": (404, {"source": "absent"}),
    "not JSON": (400, {"source": "signed", "body": b"{"}),
    "too deep": (400, {"source": "signed", "body": b"[" * 100 + b"]" * 100}),
    "too large": (413, {"source": "signed", "body": b" " * 5000}),
    "compressed": (415, {"source": "signed", "headers": {"Content-Encoding": "gzip"}}),
    "open": (200, {"source": "open"}),
    "open, not JSON": (400, {"source": "open", "body": b"{"}),
    "open, another type": (415, {"source": "open", "headers": {"Content-Type": "text/plain"}}),
    "open, too large": (413, {"source": "open", "body": b" " * 5000}),
    "open, compressed": (415, {"source": "open", "headers": {"Content-Encoding": "gzip"}}),
}


@pytest.mark.parametrize(("status", "sent"), WITHOUT_PROOF.values(), ids=WITHOUT_PROOF.keys())
def test_without_proof__pays(strict: House, status: int, sent: dict[str, Any]) -> None:
    """Whatever lacks proof is heard so many times, then told when to come again, and then heard again."""
    assert [status] * 3 == [strict.deliver(**sent).status_code for _ in range(3)]
    for _ in range(5):
        response = strict.deliver(**sent)
        assert_problem(response, 429, "too_many_requests")
        assert "20" == response.headers["retry-after"]
    strict.clock.advance(seconds=20)
    assert [status, 429] == [strict.deliver(**sent).status_code for _ in range(2)]
    strict.clock.advance(days=1)
    assert [status] * 3 + [429] == [strict.deliver(**sent).status_code for _ in range(4)]


WITH_PROOF: dict[str, dict[str, Any]] = {
    "signed": {"source": "signed"},
    "token": {"source": "token", "token": TOKEN, "key": None},
    "both": {"source": "both", "token": TOKEN},
    "stale, and somebody to ask": {"source": "asked"},
    "not JSON, but ours": {"source": "token", "token": TOKEN, "key": None, "body": b"{"},
}


@pytest.mark.parametrize("sent", WITH_PROOF.values(), ids=WITH_PROOF.keys())
def test_with_proof__is_never_turned_away(strict: House, sent: dict[str, Any]) -> None:
    """F39: a flood of forgeries from a provider's own address costs that provider no callback."""
    forged = {**sent, "key": None, "token": None, "body": None}
    asked = "asked" == sent["source"]
    for number in range(20):
        assert (429 if number >= 3 else 401) == strict.deliver(**forged).status_code
        headers, body = kie.sample(f"t{number}", LINK, key=KEY, now=strict.clock.now)
        if asked:
            headers |= kie.sample(f"t{number}", LINK, key=KEY, now=strict.clock.now - timedelta(hours=1))[0]
        assert 200 == strict.deliver(**{"body": body, "headers": headers, **sent}).status_code
    assert (1 if "body" in sent else 20) == strict.count()


def test_with_proof__pays_nothing_for_those_without(strict: House) -> None:
    """Callbacks with proof leave a stranger as much as before."""
    for number in range(10):
        assert 200 == strict.deliver("token", key=None, token=TOKEN, task_id=f"t{number}").status_code
    assert 413 == strict.deliver("token", b" " * 5000, key=None, token=TOKEN).status_code
    assert [401] * 3 + [429] == [strict.deliver("token", key=None).status_code for _ in range(4)]


def test_open__is_answered_before_its_body_is_read(strict: House) -> None:
    """Where nothing could prove anything, an exhausted address sends no body to us."""
    sent = []

    def pieces() -> Iterator[bytes]:
        sent.append(1)
        yield b"{}"

    for _ in range(3):
        strict.deliver("open")
    assert_problem(strict.client.post("/webhooks/open", content=pieces()), 429, "too_many_requests")


def test_sources__do_not_pay_for_each_other(strict: House) -> None:
    """Each source has a bucket of its own; all sources that do not exist have one together."""
    assert [401] * 3 + [429] == [strict.deliver("signed", key=None).status_code for _ in range(4)]
    assert [401] * 3 + [429] == [strict.deliver("token", key=None).status_code for _ in range(4)]
    assert [404] * 3 + [429] * 3 == [strict.deliver(f"absent{number}").status_code for number in range(6)]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/tasks"), ("GET", "/metrics"), ("POST", "/proxy/signed/api/v1/jobs/createTask")]
)
def test_api__guessing_pays_and_tokens_do_not(strict: House, method: str, path: str) -> None:
    """Who guesses tokens is soon told to wait; who has one is served meanwhile from the same address."""
    answers = [strict.ask(method, path, f"guess-{number}") for number in range(6)]
    assert [401] * 3 + [429] * 3 == [answer.status_code for answer in answers]
    assert "retry-after" in answers[-1].headers
    assert 429 == strict.ask(method, path, None).status_code
    for token in (OPERATOR, "operator-2"):
        assert 200 == strict.ask("GET", "/api/tasks", token).status_code


def test_doctor__forged_probes_are_answered_401_until_they_are_many(strict: House) -> None:
    """`reelkeep doctor` knocks with a false token once, and wants to hear 401."""
    paths = ["/webhooks/-/false"] * 4
    assert [401] * 3 + [429] == [strict.client.post(path, content=b"{}").status_code for path in paths]


def ask(address: str | None, source: str = "kie") -> Request:
    client = None if address is None else SimpleNamespace(host=address)
    return cast(Request, SimpleNamespace(client=client, path_params={"source": source}))


def heard(limit: Strangers, *addresses: str | None) -> list[bool]:
    """Whether each of *addresses*, one after the other, is heard."""
    found = []
    for address in addresses:
        try:
            limit.charge(ask(address))
        except ProblemError:
            found.append(False)
        else:
            found.append(True)
    return found


def limit(clock: FakeClock, requests: int = 1, seconds: int = 60) -> Strangers:
    return Strangers(RateLimit(requests=requests, seconds=seconds), {"kie"}, clock)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False), ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::2", True), ("2001:db8::1", "2001:db8:0:0:ffff::", True),
        ("2001:db8::1", "2001:db8:0:1::1", False), ("fe80::1%eth0", "fe80::2", True),
        ("testclient", None, True), ("", "evil\x1b[2J, 1.2.3.4", True), ("192.0.2.1", "0300.0.2.1", False),
    ],
)  # fmt: skip
def test_addresses__that_are_one_customers(clock: FakeClock, one: str, other: str | None, is_same: bool) -> None:
    """IPv4 addresses count one by one, IPv6 by the /64 that one customer has; what is no address counts together."""
    assert [True, not is_same] == heard(limit(clock), one, other)


def test_addresses__are_forgotten_when_they_are_many(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: the address not heard of for longest is forgotten first."""
    monkeypatch.setattr(strangers, "MOST", 3)
    addresses = [f"192.0.2.{number}" for number in range(3)]
    some = limit(clock)
    assert [True] * 3 == heard(some, *addresses)
    assert [False, True] == heard(some, "192.0.2.0", "192.0.2.9")
    assert [False, True] == heard(some, "192.0.2.0", "192.0.2.1")
    assert 3 == len(some._buckets)


def test_clock__set_back_shuts_nobody_out(clock: FakeClock) -> None:
    """F19: after the clock was set back an address waits no longer than an empty bucket takes."""
    some = limit(clock, 3)
    assert [True] * 3 + [False] == heard(some, *["192.0.2.1"] * 4)
    clock.advance(days=-1)
    assert [False] == heard(some, "192.0.2.1")
    clock.advance(seconds=60)
    assert [True] == heard(some, "192.0.2.1")


@given(st.integers(1, 5), st.integers(1, 100), st.lists(st.floats(0, 50), max_size=60))
def test_rate__is_kept(requests: int, seconds: int, pauses: list[float]) -> None:
    """In any span at most a bucket and what flows into it meanwhile is heard, and after silence a whole bucket."""
    clock = FakeClock()
    some = limit(clock, requests, seconds)
    instants = []
    for pause in pauses:
        clock.advance(seconds=pause)
        if heard(some, "192.0.2.1") == [True]:
            instants.append(clock.now)
    for index, first in enumerate(instants):
        for count, last in enumerate(instants[index:], 1):
            assert count <= requests + (last - first).total_seconds() * requests / seconds + 0.001
    clock.advance(seconds=seconds)
    assert [True] * requests + [False] == heard(some, *["192.0.2.1"] * (requests + 1))


def test_log__names_the_address_once(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """An operator learns who it is that asks too much, in one line however long it goes on."""
    some = limit(clock, 2)
    heard(some, *["2001:db8::1"] * 50)
    clock.advance(seconds=30)
    heard(some, *["2001:db8::1"] * 50)
    [line] = [record for record in caplog.records if record.name == "receiver.strangers"]
    assert ("strangers.too_many", "kie", "2001:db8::/64") == (line.message, vars(line)["at"], vars(line)["address"])
    clock.advance(seconds=60)
    heard(some, *["2001:db8::1"] * 5)
    assert 2 == len(caplog.records)


def test_proxy__says_who_calls(small_db: Database, clock: FakeClock) -> None:
    """X-Forwarded-For counts from a proxy that is ours, from the right; from anybody else it is not looked at."""
    server = {**SETTINGS["server"], "untrusted_rate": {"requests": 1, "seconds": 60}, "trusted_proxies": ["10.0.0.0/8"]}
    with open_house(small_db, clock, server=server) as house:
        behind, outside = (TestClient(house.client.app, client=(address, 7)) for address in ("10.1.2.3", "192.0.2.66"))

        def answers(client: TestClient, *forwarded: str) -> list[int]:
            headers = [{"X-Forwarded-For": value} for value in forwarded]
            return [client.post("/webhooks/signed", content=b"{}", headers=each).status_code for each in headers]

        assert [401, 401, 429] == answers(behind, "192.0.2.1", "192.0.2.2", "192.0.2.1")
        assert [429, 401] == answers(behind, "9.9.9.9, 192.0.2.1", "192.0.2.1, 192.0.2.3")
        assert [401, 429, 429] == answers(outside, "192.0.2.7", "192.0.2.8", "127.0.0.1")
