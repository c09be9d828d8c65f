"""Secrets and signed links leave by no door: every output is searched for planted strings (F80)."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from archive import callback_token
from archive.ledger import claims, deliveries, results
from archive.ledger.claims import Intent
from archive.ledger.database import Database
from tests.builders import event, output, received, statement
from tests.doubles import FakeClock
from tests.receiver.house import OPERATOR, SETTINGS, VIEWER, House, dumps, open_house

CANARIES = {
    "token": "canarycallbacktoken",
    "key": "canarykey",
    "api": "canaryapi",
    "query": "canaryquery",
    "guess": "canaryguess",
    "signing": "canarysigning" + "k" * 32,
}
LINK = f"https://storage.kie.ai/v/1.mp4?a=1&sig={CANARIES['query']}"
SOURCES = {
    "kie": {"provider": "kie", "webhook_keys": [CANARIES["key"]], "tokens": [CANARIES["token"]]},
    "asked": {"provider": "kie", "webhook_keys": [CANARIES["key"]], "api_key": CANARIES["api"]},
    "minted": {"provider": "kie"},
}


@pytest.fixture
def house(db: Database, clock: FakeClock) -> Iterator[House]:
    server = {**SETTINGS["server"], "signing_keys": [CANARIES["signing"]]}
    with open_house(db, clock, server=server, sources=SOURCES) as house:
        yield house


def test_no_canary_in_any_output(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Deliveries, refusals, crashes, lists, single rows, histories, problems and logs: not one planted string."""
    caplog.set_level(logging.DEBUG)
    said: list[str] = []

    def hear(response: object) -> None:
        said.append(f"{response.text} {response.headers}")  # type: ignore[attr-defined]

    minted = house.ask("POST", "/api/callback-urls", json={"source": "minted", "metadata": {"a": 1}}).json()["url"]
    token = given_out = minted.rpartition("/")[2]
    expired = callback_token.mint("minted", "ab" * 16, house.clock.now - timedelta(days=1), CANARIES["signing"])
    echo = f"https://h.example/webhooks/kie/{CANARIES['token']}"
    for number, link in enumerate((LINK, LINK.replace("storage.kie.ai", "evil.example"), LINK.replace("https", "ftp"))):
        hear(house.deliver("kie", link=link, task_id=f"t{number}", key=CANARIES["key"], token=CANARIES["token"]))
        hear(house.deliver("asked", link=link, task_id=f"t{number}", key=CANARIES["key"]))
        hear(house.deliver("kie", link=link, key=CANARIES["guess"], token=CANARIES["token"]))
        hear(house.deliver("kie", link=link, key=CANARIES["key"], token=CANARIES["guess"]))
    # Minted URLs, and each echoed by the other source: a token is a secret wherever it turns up.
    told = {"taskId": "t7", "status": 1, "videoUrl": LINK, "param": json.dumps({"cb": minted, "other": echo})}
    for given in (token, expired, token[:-1], token + "0", f"{token}%2F"):
        hear(house.deliver("minted", dumps(told), key=None, token=given))
        hear(house.deliver("kie", dumps(told), key=CANARIES["key"], token=given))
    hear(house.deliver("kie", dumps(told), task_id="t7", key=CANARIES["key"], token=CANARIES["token"]))
    hear(house.client.get(f"/webhooks/minted/{token}"))
    hear(house.client.post(f"/webhooks/minted/{token}/"))
    odd = dumps({"taskId": "t9", "status": 99, "callBackUrl": echo, "at": minted, "videoUrl": LINK})
    for body in (odd, odd[:-1], odd.replace(b"t9", b"\xff")):
        hear(house.deliver("kie", body, task_id="t9", key=CANARIES["key"], token=CANARIES["token"]))
    claim = claims.take(house.db, "w", house.settings.caps, timedelta(seconds=12))
    assert claim is not None
    said.append(repr(claim))
    results.intend(house.db, claim, Intent("videos", "assets/x.mp4", 5, "ab" * 32, "video/mp4", None))
    results.archived(house.db, claim, None, {"size": 5})
    for token in (OPERATOR, VIEWER, CANARIES["guess"]):
        for what in ("tasks", "assets", "deliveries"):
            hear(house.ask("GET", f"/api/{what}", token))
            for item in house.get(f"/api/{what}")["items"]:
                hear(house.ask("GET", f"/api/{what}/{item['id']}", token))
                hear(house.ask("POST", f"/api/{what}/{item['id']}/{CANARIES['query']}", token))
        hear(house.ask("GET", "/api/status", token))
        hear(house.ask("GET", "/api/assets", token, params={"cursor": CANARIES["query"]}))
        hear(house.ask("GET", "/api/assets", token, params={"since": CANARIES["query"]}))
        hear(house.ask("POST", "/api/tasks", token, json={"source": CANARIES["query"], "task_id": "t1"}))
        hear(house.ask("POST", "/api/tasks", token, json={"source": "kie", "task_id": {"a": CANARIES["query"]}}))
        told = {"source": "kie", "task_id": "t1", "callback_id": CANARIES["query"]}
        hear(house.ask("POST", "/api/tasks", token, json=told))
        hear(house.ask("POST", "/api/callback-urls", token, json={"source": CANARIES["query"]}))
    for path in ("/openapi.json", "/readyz", "/healthz", f"/nothing/{CANARIES['query']}"):
        hear(house.client.get(path))
    said.append(repr(house.settings))
    # The test's own client logs what it asks; that is no output of ours.
    logged = [json.dumps(vars(r), default=str) for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    assert len(said) > 60
    assert any("receiver.access" in line for line in logged)
    secrets = (*CANARIES.values(), given_out[45:], expired[45:])
    assert [] == [(name, text) for name in secrets for text in (*said, *logged) if name in text]


def test_content__is_the_one_place_for_a_signed_link(house: House) -> None:
    """The redirect of an archived asset carries a signature of ours, in its Location and nowhere else."""
    house.deliver("kie", link=LINK, key=CANARIES["key"], token=CANARIES["token"])
    claim = claims.take(house.db, "w", house.settings.caps, timedelta(seconds=12))
    assert claim is not None
    results.intend(house.db, claim, Intent("videos", "assets/x.mp4", 5, "ab" * 32, "video/mp4", None))
    results.archived(house.db, claim, None, {"size": 5})
    response = house.ask("GET", f"/api/assets/{claim.asset_id}/content")
    assert "X-Amz-Signature=" in response.headers["location"]
    rest = response.text + str({n: v for n, v in response.headers.items() if n != "location"})
    assert not [word for word in ("X-Amz", "canary") if word in rest]
    assert "canary" not in response.headers["location"]


def test_errors_of_the_database_hold_no_values(db: Database) -> None:
    """The message of a refused statement names columns, not what was to stand in them: tracebacks are logged."""
    bad = replace(received(statement(event(outputs=[output(query="sig=canary")]))), reason=object())  # type: ignore[arg-type]
    with pytest.raises(DBAPIError) as caught:
        deliveries.record(db, [replace(bad, body=b"canary")])
    assert "INSERT INTO deliveries" in str(caught.value)
    assert "canary" not in f"{caught.value} {caught.value.__cause__}"
