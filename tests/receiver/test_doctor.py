"""The probes' door: open to the doctor alone, and nothing goes through it into the ledger."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import pytest

from archive import callback_token
from archive.doctor import echo, token
from archive.ledger.database import Database
from tests.doubles import FakeClock
from tests.receiver.house import SETTINGS, House, assert_problem, open_house

KEY, OLD = "canary-signing-key-of-the-house-1234", "an-older-signing-key-of-the-house-12"
NONCE = "ab" * 16
SERVER = {**SETTINGS["server"], "signing_keys": [KEY, OLD]}


@pytest.fixture
def house(small_db: Database, clock: FakeClock) -> Iterator[House]:
    with open_house(small_db, clock, server=SERVER) as house:
        yield house


def minted(house: House, key: str = KEY) -> str:
    return token.mint(NONCE, house.clock.now, key)


@pytest.mark.parametrize("key", [KEY, OLD])
def test_probe__says_what_arrived_and_proves_it(house: House, key: str) -> None:
    """The answer describes the request and is signed with the very key of the token."""
    headers = {"X-Webhook-Signature": "s+/=", "Authorization": "Bearer canary", "Cookie": "canary=1"}
    sent = house.client.post(f"/webhooks/-/{minted(house, key)}~A%41?q=1", content=b"no JSON", headers=headers)
    assert (200, "no-store") == (sent.status_code, sent.headers["cache-control"])
    heard = echo.read(sent.content, key)
    assert heard is not None
    assert (True, True) == (heard.is_proved, heard.is_verbatim)
    seen = heard.seen
    assert (NONCE, "POST", "q=1", 7) == (seen.nonce, seen.method, seen.query, seen.size)
    assert hashlib.sha256(b"no JSON").hexdigest() == seen.sha256
    assert (int(house.clock.now.timestamp() * 1000), 4096) == (seen.clock, seen.max_body)
    assert ("s+/=",) == seen.headers["x-webhook-signature"]
    assert ((), ()) == (seen.headers["authorization"], seen.headers["cookie"])
    assert "canary" not in sent.text
    assert echo.read(sent.content, "x" * 32) != heard


def test_probe__leaves_the_ledger_alone(house: House) -> None:
    """Nothing is written and nobody is woken, whatever the probe carries."""
    house.client.post(f"/webhooks/-/{minted(house)}", json={"taskId": "t1", "code": 200})
    assert (0, 0, 0) == house.rows
    assert 0 == house.bell.rung


def test_strangers__are_refused_as_anywhere(house: House) -> None:
    """Without a token of a probe: 401 before any of the body is read, whoever asks."""
    callback = callback_token.mint("-", NONCE, house.clock.now + timedelta(days=1), KEY)
    over = token.mint(NONCE, house.clock.now - timedelta(hours=1), KEY)
    for given, reason in (
        ("guessed", "token_mismatch"),
        (minted(house)[:-1], "token_mismatch"),
        (minted(house, "k" * 32), "token_mismatch"),
        (callback, "token_mismatch"),
        (over, "probe_expired"),
    ):
        response = house.client.post(f"/webhooks/-/{given}", content=b"x" * 5000)
        assert "Reelkeep-Webhook" == response.headers["www-authenticate"]
        assert_problem(response, 401, reason)
    assert_problem(house.client.post("/webhooks/-"), 404, "unknown_source")
    assert_problem(house.client.get(f"/webhooks/-/{minted(house)}"), 405, "method_not_allowed")
    assert_problem(house.client.post(f"/webhooks/-/{minted(house)}", content=b"x" * 4097), 413, "body_too_large")


def test_token__opens_no_source(house: House) -> None:
    """A probe's token is none of a source."""
    assert_problem(house.deliver("token", key=None, token=minted(house)), 401, "token_mismatch")


def test_no_keys__no_probes(small_db: Database, clock: FakeClock) -> None:
    """Where no signing key is set, the empty key opens nothing either."""
    with open_house(small_db, clock) as house:
        assert_problem(house.client.post(f"/webhooks/-/{minted(house, '')}"), 401, "token_mismatch")


def test_log__shows_the_template_alone(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """The access log names the route; token, key and body stay out of it."""
    given = minted(house)
    with caplog.at_level("DEBUG"):
        house.client.post(f"/webhooks/-/{given}", content=b"canary-body")
    lines = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert any(line.startswith("POST /webhooks/-/{token} 200") for line in lines)
    assert not [line for line in lines for secret in (given, "canary", NONCE) if secret in line]


HOSTILE = [
    b"", b"<html>", b"[]", b"{}", b'{"reelkeep":1}', b'{"reelkeep":{}}', b'{"reelkeep":{"headers":[]},"proof":"x"}',
    b'{"reelkeep":{"headers":{"a":1}}}', b'{"reelkeep":{"headers":{}},"proof":7}', b'{"reelkeep":{"clock":"x"}}',
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE)
def test_echo__what_is_none(body: bytes) -> None:
    """Whatever else somebody answers is read as no answer of ours, without an error."""
    assert echo.read(body, KEY) is None
