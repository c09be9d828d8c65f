"""Secrets and signed links leave by no door: every output is searched for planted strings (F80)."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from archive.ledger import claims, deliveries, results
from archive.ledger.claims import Intent
from archive.ledger.database import Database
from tests.builders import event, output, received, statement
from tests.doubles import FakeClock
from tests.receiver.house import OPERATOR, VIEWER, House, dumps, open_house

CANARIES = {
    "token": "canarytoken",
    "key": "canarykey",
    "api": "canaryapi",
    "query": "canaryquery",
    "guess": "canaryguess",
}
LINK = f"https://storage.kie.ai/v/1.mp4?a=1&sig={CANARIES['query']}"
SOURCES = {
    "kie": {"provider": "kie", "webhook_keys": [CANARIES["key"]], "tokens": [CANARIES["token"]]},
    "asked": {"provider": "kie", "webhook_keys": [CANARIES["key"]], "api_key": CANARIES["api"]},
}


@pytest.fixture
def house(db: Database, clock: FakeClock) -> Iterator[House]:
    with open_house(db, clock, sources=SOURCES) as house:
        yield house


def test_no_canary_in_any_output(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Deliveries, refusals, crashes, lists, single rows, histories, problems and logs: not one planted string."""
    caplog.set_level(logging.DEBUG)
    said: list[str] = []

    def hear(response: object) -> None:
        said.append(f"{response.text} {response.headers}")  # type: ignore[attr-defined]

    echo = f"https://h.example/webhooks/kie/{CANARIES['token']}"
    for number, link in enumerate((LINK, LINK.replace("storage.kie.ai", "evil.example"), LINK.replace("https", "ftp"))):
        hear(house.deliver("kie", link=link, task_id=f"t{number}", key=CANARIES["key"], token=CANARIES["token"]))
        hear(house.deliver("asked", link=link, task_id=f"t{number}", key=CANARIES["key"]))
        hear(house.deliver("kie", link=link, key=CANARIES["guess"], token=CANARIES["token"]))
        hear(house.deliver("kie", link=link, key=CANARIES["key"], token=CANARIES["guess"]))
    odd = dumps({"taskId": "t9", "status": 99, "callBackUrl": echo, "videoUrl": LINK})
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
    for path in ("/openapi.json", "/readyz", "/healthz", f"/nothing/{CANARIES['query']}"):
        hear(house.client.get(path))
    said.append(repr(house.settings))
    # The test's own client logs what it asks; that is no output of ours.
    logged = [json.dumps(vars(r), default=str) for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    assert len(said) > 60
    assert any("receiver.access" in line for line in logged)
    assert [] == [(name, text) for name in CANARIES.values() for text in (*said, *logged) if name in text]


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
