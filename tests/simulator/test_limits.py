"""Account limits are kept as documented, told as documented, and written down."""

from pathlib import Path

import pytest

from simulator.limits import Limit, Window, read_limit
from tests.simulator.customers import Customer
from tests.simulator.helpers import receiving, running


def test_window__slides() -> None:
    """So many requests in any window; one more is told when the oldest leaves, and is not counted itself."""
    window = Window(Limit(2, 60))
    assert [0, 0] == [window.wait(10.0), window.wait(40.5)]
    assert [30, 1] == [window.wait(40.5), window.wait(69.5)]
    assert 0 == window.wait(70.0)
    assert 31 == window.wait(70.0)


def test_window__unlimited() -> None:
    """A count of 0 is no limit."""
    window = Window(Limit(0, 60))
    assert {0} == {window.wait(1.0) for _ in range(1_000)}


@pytest.mark.parametrize("text", ["", "kie", "kie=5", "kie=a/1", "nobody=1/1", "kyyaipower=1/1"])
def test_read_limit__refused(text: str) -> None:
    """What is no limit, or of a provider that documents none, is refused."""
    with pytest.raises(ValueError, match=r".*"):
        read_limit(text)


def test_seedance2ai(tmp_path: Path) -> None:
    """Thirty requests in a minute, whatever their kind; the next is rate_limited, told when, and on record."""
    with running(tmp_path) as sim:
        customer = Customer(sim)
        task_id = customer.create("seedance2")
        assert {200} == {customer.ask("seedance2", task_id).status_code for _ in range(29)}
        for refused in (customer.ask("seedance2", task_id), customer.order("gpt-image-2")):
            assert (429, "rate_limited") == (refused.status_code, refused.json()["error"]["code"])
            assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert 200 == customer.ask("kyy", customer.create("kyy")).status_code
        assert 30 == len(sim.log("request", source="seedance2ai", limited=False))
        assert ["poll", "create"] == [line["kind"] for line in sim.log("request", limited=True, status=429)]


def test_seedance2ai__window(tmp_path: Path) -> None:
    """Whoever waits as long as told is let in again."""
    with running(tmp_path, "--limit", "seedance2ai=2/0.3") as sim:
        customer = Customer(sim)
        task_id = customer.create("seedance2", unseen_for=60)
        statuses = [customer.ask("seedance2", task_id).status_code for _ in range(3)]
        assert [404, 429, 429] == statuses
        while customer.ask("seedance2", task_id).status_code == 429:
            pass
        assert 2 < len(sim.log("request", limited=False))


def test_acedata__polls_only(tmp_path: Path) -> None:
    """AceData's limit is on polls, and creation goes on."""
    with running(tmp_path, "--limit", "acedata=1/60") as sim:
        customer = Customer(sim)
        task_id = customer.create("ace")
        assert 200 == customer.ask("ace", task_id).status_code
        refused = customer.ask("ace", task_id)
        assert (429, "too_many_requests", None) == (
            refused.status_code,
            refused.json()["error"]["code"],
            refused.headers.get("Retry-After"),
        )
        customer.create("ace")


def test_kie__creations_only(tmp_path: Path) -> None:
    """KIE's limit is on new tasks of whatever route, when asked for; polls go on."""
    with running(tmp_path, "--limit", "kie=2/10") as sim, receiving() as receiver:
        customer = Customer(sim)
        task_id = customer.create("market")
        customer.create("veo", receiver.url)
        refused = customer.order("market")
        assert (429, 429) == (refused.status_code, refused.json()["code"])
        assert 1005 == customer.order("seed").json()["code"]
        assert 200 == customer.ask("market", task_id).json()["code"]
