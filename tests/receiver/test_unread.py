"""What cannot be read as JSON: kept where its sender has proved himself, refused from anybody else."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from archive.callback_token import mint
from archive.ledger.database import Database
from archive.ledger.schema import deliveries, notifications
from archive.providers import kie
from tests.archive.test_documents import MALFORMED, TOO_MUCH
from tests.doubles import FakeClock
from tests.hostile_json import BOM
from tests.receiver.house import KEY, LINK, SETTINGS, TOKEN, WEBHOOK_SECRET, House, assert_problem, open_house

UNREAD = {name: (body, "not_json") for name, body in MALFORMED.items()} | TOO_MUCH
SMALL = {name: case for name, case in UNREAD.items() if len(case[0]) <= 4096}
SIGNING_KEY = "a-signing-key-of-32-characters-or-more"


def test_with_proof__is_kept_raw(house: House) -> None:
    """F34, F35: by a token in the URL whatever comes is kept byte for byte for a person: there may be no second."""
    for body, _ in SMALL.values():
        for kind in ("application/json", "text/plain"):
            response = house.deliver("token", body, key=None, token=TOKEN, headers={"Content-Type": kind})
            assert (200, 200) == (response.status_code, response.json()["code"])
    with house.db.read() as conn:
        rows = conn.execute(select(deliveries.c.body, deliveries.c.reason)).all()
        [said] = conn.execute(select(deliveries.c.outcome, deliveries.c.verdict, deliveries.c.repeats).distinct())
    assert dict(SMALL.values()) == {bytes(body): reason for body, reason in rows}
    assert ("quarantined", "token", 1) == tuple(said)
    assert (len(SMALL), 0, 0) == house.rows


def test_with_proof__can_be_seen_and_read_again(house: House) -> None:
    """What was kept unread is shown to an operator, and read again it says what it said."""
    body = "taskId=t1&status=完成".encode("gbk")
    key = house.deliver("token", body, key=None, token=TOKEN).json()["delivery_id"]
    shown = house.get(f"/api/deliveries/{key}")
    assert ("quarantined", "not_json", "taskId=t1&status=\ufffd\ufffd\ufffd") == (
        shown["outcome"], shown["reason"], shown["body"],
    )  # fmt: skip
    again = house.ask("POST", f"/api/deliveries/{key}/replay")
    assert (200, "quarantined", "not_json") == (again.status_code, again.json()["outcome"], again.json()["reason"])


def test_with_proof__by_a_minted_url(small_db: Database, clock: FakeClock) -> None:
    """A callback URL of ours is as good a proof as a token of the source."""
    with open_house(small_db, clock, server={**SETTINGS["server"], "signing_keys": [SIGNING_KEY]}) as house:
        token = mint("token", "ab" * 16, clock.now + timedelta(hours=1), SIGNING_KEY)
        response = house.deliver("token", b"done", key=None, token=token)
        assert (200, "not_json") == (response.status_code, response.json()["reason"])
        clock.advance(hours=2)
        assert_problem(house.deliver("token", b"done!", key=None, token=token), 401, "callback_url_expired")
        assert 1 == house.count()


@pytest.mark.parametrize(("source", "token"), [("open", None), ("signed", None), ("both", TOKEN)])
def test_without_proof__is_refused(house: House, source: str, token: str | None) -> None:
    """F34, F35: where a signature is demanded, a body that cannot be read cannot be vouched for; nothing is kept."""
    for body, reason in SMALL.values():
        assert_problem(house.deliver(source, body, token=token), 400, reason)
    assert (0, 0, 0) == house.rows


def test_without_proof__in_the_url_is_not_even_read(house: House) -> None:
    """A wrong token is refused before anybody asks what came with it."""
    for body in (b"{", b" " * 5000):
        assert_problem(house.deliver("token", body, key=None, token="guess"), 401, "token_mismatch")


@pytest.mark.parametrize(("source", "token"), [("open", None), ("signed", None), ("token", TOKEN), ("both", TOKEN)])
def test_bom__costs_nothing(house: House, source: str, token: str | None) -> None:
    """F34: a byte order mark in front of a callback is passed over, also where the body is read again."""
    headers, body = kie.sample("t1", LINK, key=KEY, now=house.clock.now)
    response = house.deliver(source, BOM + body, token=token, headers=headers)
    assert 200 == response.status_code
    again = house.ask("POST", f"/api/deliveries/{response.json()['delivery_id']}/replay")
    assert response.json()["outcome"] == again.json()["outcome"]
    assert "task_id" in house.get("/api/tasks")["items"][0]


def test_passed_on__what_is_text(small_db: Database, clock: FakeClock) -> None:
    """An application that wants the provider's own callbacks is sent what came, unless it is no text to be signed."""
    target = {"name": "app", "url": "https://app.example/", "secrets": [WEBHOOK_SECRET], "format": "provider"}
    with open_house(small_db, clock, notify=[target]) as house:
        for body, passed_on in ((b"done", 1), (BOM + b"{}", 2), ("完成".encode("gbk"), 2), (b"\xff", 2)):
            assert 200 == house.deliver("token", body, key=None, token=TOKEN).status_code
            assert passed_on == house.count(notifications), body


def test_413__with_proof_too(house: House) -> None:
    """Above the limit nothing is kept, since nothing bounds it; `max_body` is the operator's to raise."""
    assert_problem(house.deliver("token", b" " * 5000, key=None, token=TOKEN), 413, "body_too_large")
