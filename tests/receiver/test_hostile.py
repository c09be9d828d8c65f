"""Deliveries as nobody should send them: forged, swapped, repeated, out of order, and JSON that breaks its readers."""

import json
import threading
from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from archive.errors import VerificationError
from archive.ledger.database import Database
from archive.ledger.schema import assets, audit, deliveries, tasks
from archive.model import Delivery
from archive.providers import kie
from receiver import webhooks
from receiver.understand import read
from tests.doubles import START, FakeClock
from tests.hostile_json import hostile_bodies, hostile_ids, large_bodies
from tests.receiver.house import KEY, LINK, SETTINGS, TOKEN, House, archive_one, assert_problem, dumps, open_house
from tests.receiver.raw import Ask, ask_all

BODIES = list(hostile_bodies())
WORDS = {
    "processing": {"taskId": "t1", "status": 0},
    "success": {"taskId": "t1", "status": 1, "videoUrl": LINK},
    "failed": {"taskId": "t1", "status": 2, "errorMessage": "no"},
}


def column(house: House, what: Any) -> list[Any]:
    with house.db.read() as conn:
        return list(conn.scalars(select(what)))


def test_json__under_the_signature_of_another_task(patient: House) -> None:
    """F32, F35: whatever a body says, and however often, a signature speaks of its own task and opens no other."""
    headers = kie.sample("t1", LINK, key=KEY, now=patient.clock.now)[0]
    asked = [Ask("POST", "/webhooks/signed", headers, body) for body in BODIES]
    answers = Counter(told.status for told in ask_all(patient, asked))
    assert {200, 400, 401, 413} == answers.keys()
    assert answers[200] >= 500
    assert {"t1"} == set(column(patient, tasks.c.task_id))
    assert {"t1", None} == set(column(patient, deliveries.c.task_id))


def test_json__from_somebody_with_our_token(db: Database, clock: FakeClock) -> None:
    """F35: each is kept, shown, and read again with the same result, on both databases."""
    with open_house(db, clock, server={**SETTINGS["server"], "max_body": 1 << 20}) as house:
        some = BODIES[::5]
        answers = ask_all(house, [Ask("POST", f"/webhooks/token/{TOKEN}", {}, body) for body in some])
        assert {200} == {told.status for told in answers}
        said = {one["delivery_id"]: (one["outcome"], one["reason"]) for one in (json.loads(t.body) for t in answers)}
        assert set(some) == {bytes(body) for body in column(house, deliveries.c.body)}
        for key in list(said)[::10]:
            assert key == house.get(f"/api/deliveries/{key}")["id"]
            again = house.ask("POST", f"/api/deliveries/{key}/replay").json()
            assert said[key] == (again["outcome"], again["reason"])
        for what in ("tasks", "assets", "deliveries"):
            cursor: dict[str, str] = {}
            while cursor is not None:
                page = house.get(f"/api/{what}", limit=200, **cursor)
                cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None  # type: ignore[assignment]


def test_json__as_large_as_it_may_be(patient: House, small_db: Database, clock: FakeClock) -> None:
    """F35: a megabyte made to be dear is answered like any other; none is a crash, and each is shown to an operator."""
    server = {**SETTINGS["server"], "max_body": 1 << 21}
    with open_house(small_db, clock, server=server) as house:
        for name, body in large_bodies(1 << 19):
            response = house.deliver("token", body, key=None, token=TOKEN)
            assert 200 == response.status_code, name
            assert "body" in house.get(f"/api/deliveries/{response.json()['delivery_id']}")


@pytest.mark.parametrize("size", [1 << 10, 1 << 17])
def test_json__large_is_read_apart(
    small_db: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """What takes long to read is read in a thread, where it keeps no other callback waiting."""
    threads = []

    def reading(body: bytes) -> Any:
        threads.append(threading.current_thread().name)
        return read(body)

    monkeypatch.setattr(webhooks, "read", reading)
    with open_house(small_db, clock, server={**SETTINGS["server"], "max_body": 1 << 20}) as house:
        assert 200 == house.deliver("token", b" " * size + b"{}", key=None, token=TOKEN).status_code
        assert house.client.portal is not None
        loop = house.client.portal.call(threading.current_thread).name
    assert (size < 1 << 16) == (threads == [loop])


def test_duplicates__a_hundred_at_once(house: House) -> None:
    """F24: of a hundred that begin before any is committed one is accepted; there is one of everything."""
    headers, body = kie.sample("t1", LINK, key=KEY, now=house.clock.now)
    answers = ask_all(house, [Ask("POST", "/webhooks/signed", headers, body)] * 100, at_once=True)
    assert {200} == {told.status for told in answers}
    outcomes = Counter(json.loads(told.body)["outcome"] for told in answers)
    assert {"accepted": 1, "duplicate": 99} == outcomes
    assert (1, 1, 1) == house.rows
    assert [99] == column(house, deliveries.c.repeats)


def test_order__of_words_does_not_matter(db: Database, clock: FakeClock) -> None:
    """F25: processing, success and failed in any order, each twice, leave one success, one asset, one entry a step."""
    with open_house(db, clock) as house:
        orders = list(permutations(WORDS))
        for number, order in enumerate(orders):
            for word in (*order, *order):
                body = dumps({**WORDS[word], "taskId": f"t{number}"})
                assert 200 == house.deliver("token", body, key=None, token=TOKEN).status_code
        assert ["succeeded"] * len(orders) == column(house, tasks.c.state)
        assert len(orders) == house.count(assets)
        steps = Counter(column(house, audit.c.now))
        assert {"open": len(orders), "succeeded": len(orders), "waiting": len(orders)} == steps


def test_reseller__two_ids_for_one_film(house: House) -> None:
    """F26: one film under two task ids is two tasks with an asset each: neither of the two is dropped for the other."""
    for task_id in ("at-the-reseller", "at-the-maker"):
        assert "accepted" == house.deliver("signed", task_id=task_id).json()["outcome"]
    assert (2, 2, 2) == house.rows
    assert ["waiting"] * 2 == column(house, assets.c.state)


def test_conflict__another_link_for_the_same_task(house: House) -> None:
    """F29: a callback that names another file for a task replaces nothing that may still be had."""
    assert "accepted" == house.deliver("signed").json()["outcome"]
    assert 200 == house.deliver("signed", link="https://storage.kie.ai/v/other.mp4").status_code
    assert LINK in column(house, assets.c.link)
    assert ["succeeded"] == column(house, tasks.c.state)


def test_conflict__after_the_film_is_archived(house: House) -> None:
    """F29: whatever is said afterwards, what is archived stays as it is."""
    key = archive_one(house)
    for link in (LINK + "?signed=anew", "https://storage.kie.ai/v/other.mp4"):
        house.deliver("signed", link=link)
        house.deliver("signed", dumps({**WORDS["failed"], "errorMessage": link}))
    with house.db.read() as conn:
        assert "archived" == conn.execute(select(assets.c.state).where(assets.c.id == key)).scalar_one()
    assert ["succeeded"] == column(house, tasks.c.state)


def test_replay__across_a_restart(small_db: Database, clock: FakeClock) -> None:
    """F31: a recorded request is the same delivery after a restart, and too old a signature is none any more."""
    headers, body = kie.sample("t1", LINK, key=KEY, now=clock.now)
    for outcome in ("accepted", "duplicate"):
        with open_house(small_db, clock) as house:
            response = house.deliver("signed", body, headers=headers)
            assert (200, outcome) == (response.status_code, response.json()["outcome"])
            assert (1, 1, 1) == house.rows
    clock.advance(seconds=301)
    with open_house(small_db, clock) as house:
        assert_problem(house.deliver("signed", body, headers=headers), 401, "timestamp_stale")


@pytest.mark.parametrize("source", ["signed", "asked"])
def test_swapped__body_under_a_genuine_signature(house: House, source: str) -> None:
    """F32: the link of a swapped body is never due: it waits for the provider's word, or for a person."""
    headers = kie.sample("t1", LINK, key=KEY, now=house.clock.now)[0]
    for link in (
        "https://evil.example/x.mp4",
        "http://169.254.169.254/latest",
        "https://storage.kie.ai.evil.example/1",
    ):
        body = dumps({**WORDS["success"], "videoUrl": link})
        assert 200 == house.deliver(source, body, headers=headers).status_code
    assert 0 == house.bell.rung or source == "asked"
    assert not [state for state in column(house, assets.c.state) if state != "quarantined"]


def test_forged__with_a_guessed_task_id(house: House) -> None:
    """F33: what proves nothing makes nothing due, neither a download nor the end of a task."""
    house.ask("POST", "/api/tasks", json={"source": "open", "task_id": "t1"})
    for word in WORDS.values():
        assert 200 == house.deliver("open", dumps(word), key=None).status_code
    assert ["open"] == column(house, tasks.c.state)
    assert ["quarantined"] == column(house, assets.c.state)
    assert 0 == house.bell.rung


SIGNED, _ = kie.sample("t1", LINK, key=KEY, now=START)
NAMES = ("X-Webhook-Signature", "X-Webhook-Timestamp")


def verified(headers: dict[str, str], task_id: str = "t1", keys: tuple[str, ...] = ("an-old-key", KEY)) -> bool:
    delivery = Delivery("s", {name.lower(): value for name, value in headers.items()}, b"", None, START)
    try:
        kie.verify(delivery, {"taskId": task_id}, keys, now=START)
    except VerificationError:
        return False
    return True


@given(st.sampled_from(NAMES), st.data())
def test_signature__changed_anywhere_is_none(name: str, data: st.DataObject) -> None:
    """F30: of a signed callback no character of signature, time or task id can be changed, left out or doubled."""
    assert verified(SIGNED)
    value = SIGNED[name]
    at = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.text(st.characters(max_codepoint=0x2FF), max_size=3).filter(lambda new: new != value[at]))
    assert not verified({**SIGNED, name: value[:at] + other + value[at + 1 :]})
    assert not verified({key: each for key, each in SIGNED.items() if key != name})
    assert not verified({**SIGNED, name: f"{value},{value}"})
    assert not verified({**SIGNED, name: value.swapcase() if name == NAMES[0] else f"0{value}"})


@given(st.text(max_size=40))
def test_signature__speaks_of_one_task_and_one_key(text: str) -> None:
    """F30: it holds for no other task id, and under no other key."""
    assert verified(SIGNED, text) == (text == "t1")
    assert verified(SIGNED, keys=(text, "x")) == (text == KEY)


def test_ids__that_nobody_should_give(db: Database, clock: FakeClock) -> None:
    """F23, F81: a hostile id is kept as it is or refused as a slug; lists, keys and lookups hold, on both databases."""
    with open_house(db, clock, server={**SETTINGS["server"], "max_body": 1 << 16}) as house:
        for number, name in enumerate(hostile_ids()):
            body = dumps({**WORDS["success"], "taskId": name, "videoUrl": LINK})
            agent = {"User-Agent": "".join(c if " " <= c <= "~" else "?" for c in name)[:300].strip()}
            answer = house.deliver("token", body, key=None, token=TOKEN, headers=agent)
            assert (200, True) == (answer.status_code, answer.json()["reason"] in {
                None, "task_id_missing", "task_id_not_printable",
            })  # fmt: skip
            row = {"source": "asked", "task_id": "t1", "external_id": name or "x", "metadata": {name: name}}
            answer = house.ask("POST", "/api/tasks", content=dumps(row))
            assert answer.status_code in {200, 422}, (name, answer.text)
            if answer.status_code == 200:
                assert {name: name} == house.get(f"/api/tasks/{answer.json()['id']}")["metadata"]
            for turn, what in enumerate(("tasks", "assets", "deliveries"), number):  # each filter by turns: dear
                given_as = ("q", "task_id", "external_id")[turn % 3]
                found = house.ask("GET", f"/api/{what}", params={given_as: name.encode("utf-8", "replace")})
                assert found.status_code in {200, 400}, (what, given_as, name)
        known = house.get("/api/tasks", limit=200)["items"]
        assert len(known) >= 40
