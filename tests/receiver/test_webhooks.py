"""The endpoint providers call."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from archive.identity import delivery_id
from archive.ledger.database import Database
from archive.ledger.schema import assets, deliveries, tasks
from archive.model import AssetState
from archive.providers import kie
from tests.archive.test_documents import MALFORMED
from tests.doubles import FakeClock, wait_for
from tests.receiver.house import KEY, LINK, TOKEN, House, assert_problem, dumps, open_house
from tests.recorded import Recorded, sample, samples

SIGNED = sample("kie", "signed_flat")


def said(house: House, *args: object, **kwargs: object) -> tuple[str, str | None]:
    response = house.deliver(*args, **kwargs)  # type: ignore[arg-type]
    assert 200 == response.status_code, response.text
    return response.json()["outcome"], response.json()["reason"]


def test_accepted__is_committed_and_answered_in_the_providers_words(house: House) -> None:
    """A signed success is a delivery, a task and a due asset in the ledger, and a 200 as KIE wants to read it."""
    response = house.deliver()
    raw = kie.sample("t1", LINK, key=KEY, now=house.clock.now)[1]
    expected = {
        "code": 200,
        "msg": "success",
        "delivery_id": delivery_id("signed", raw, None),
        "outcome": "accepted",
        "reason": None,
    }
    assert (200, expected) == (response.status_code, response.json())
    with house.db.read() as conn:
        assert raw == conn.execute(select(deliveries.c.body)).scalar_one()
        assert (LINK, AssetState.WAITING) == tuple(conn.execute(select(assets.c.link, assets.c.state)).one())
    wait_for(lambda: house.bell.rung == 1)


@pytest.mark.parametrize("recorded", samples("kie"), ids=lambda one: one.case)
def test_recorded__whatever_kie_documents_is_a_200(small_db: Database, recorded: Recorded) -> None:
    """Every documented body, sent to an open source, is answered with 200: understood, or kept for a person."""
    with open_house(small_db, FakeClock(recorded.at)) as house:
        outcome, reason = said(house, "open", recorded.body, key=None, headers=recorded.headers)
        if "not_understood" in recorded.expected:
            assert ("quarantined", recorded.expected["not_understood"]) == (outcome, reason)
        else:
            event = recorded.expected["event"]
            progress = event["progress"]
            wanted = {
                # Nobody can be asked here what a new word means, so a person is.
                "running": ("quarantined", event["reason"]) if event["reason"] else ("ignored", "not_final"),
                "failed": ("ignored", "failure_not_proved"),
                "succeeded": ("quarantined", "not_trusted"),
            }
            assert wanted[progress] == (outcome, reason)
        assert 1 == house.count()


def test_recorded__the_documented_signature_opens_a_signed_source(small_db: Database) -> None:
    """The vector of KIE's documentation is accepted at its instant."""
    with open_house(small_db, FakeClock(SIGNED.at)) as house:
        assert ("accepted", None) == said(house, "signed", SIGNED.body, key=None, headers=SIGNED.headers)


def test_duplicate__is_a_200_and_a_counter(house: House) -> None:
    """F31: a delivery repeated word for word changes nothing but a counter."""
    first, second = house.deliver().json(), house.deliver().json()
    assert ("accepted", "duplicate") == (first["outcome"], second["outcome"])
    assert first["delivery_id"] == second["delivery_id"]
    assert (1, 1, 1) == house.rows


def test_ignored__progress_opens_the_task_only(house: House) -> None:
    """A callback that is not final is kept and ignored; the task is known from then on."""
    body = b'{"taskId": "t1", "status": 0}'
    assert ("ignored", "not_final") == said(house, body=body, headers=signed(house, "t1"))
    assert (1, 1, 0) == house.rows


def test_quarantined__unknown_shape_is_kept_raw(house: House) -> None:
    """An authentic callback of a shape nobody knows is kept byte for byte."""
    body = b'{ "taskId": "t1",\n  "stage": 99 }'
    assert ("quarantined", "shape_unknown") == said(house, body=body, headers=signed(house, "t1"))
    with house.db.read() as conn:
        assert body == conn.execute(select(deliveries.c.body)).scalar_one()
    assert (1, 0, 0) == house.rows


def test_quarantined__a_link_to_a_host_nobody_lists(house: House) -> None:
    """Without a key to ask with, a link elsewhere is kept and not followed."""
    assert ("quarantined", "not_trusted") == said(house, link="https://evil.example/x.mp4")
    with house.db.read() as conn:
        assert AssetState.QUARANTINED == conn.execute(select(assets.c.state)).scalar_one()
    assert 0 == house.bell.rung


def test_hint__with_a_key_to_ask_the_link_is_not_taken(house: House) -> None:
    """Where the status API can be asked, the callback's own link never becomes an asset."""
    assert ("accepted", None) == said(house, "asked", link="https://evil.example/x.mp4")
    assert (1, 1, 0) == house.rows
    with house.db.read() as conn:
        assert house.clock.now == conn.execute(select(tasks.c.look_at)).scalar_one()
    wait_for(lambda: house.bell.rung == 1)


@pytest.mark.parametrize("key", ["an-old-key", KEY])
def test_rotation__both_keys_open(house: House, key: str) -> None:
    """F30: the old key and the new one are accepted side by side."""
    assert ("accepted", None) == said(house, key=key)


@pytest.mark.parametrize("token", ["an-old-callback-token", TOKEN])
def test_token__in_the_path(house: House, token: str) -> None:
    """A source without signatures is opened by any of its tokens."""
    assert ("accepted", None) == said(house, "token", key=None, token=token)


@pytest.mark.parametrize(
    ("reason", "source", "key", "token"),
    [
        ("signature_missing", "signed", None, None),
        ("signature_mismatch", "signed", "another-key", None),
        ("signature_mismatch", "asked", "an-old-key", None),
        ("token_missing", "token", KEY, None),
        ("token_mismatch", "token", KEY, "guess"),
        ("token_mismatch", "token", None, TOKEN + "x"),
        ("token_mismatch", "token", None, "%00"),
        ("token_missing", "both", KEY, None),
        ("token_mismatch", "both", KEY, "guess"),
        ("signature_missing", "both", None, TOKEN),
        ("signature_mismatch", "both", "another-key", TOKEN),
    ],
)
def test_401(house: House, reason: str, source: str, key: str | None, token: str | None) -> None:
    """Everything that is configured is demanded; what does not prove itself leaves nothing behind."""
    response = house.deliver(source, key=key, token=token)
    assert_problem(response, 401, reason)
    assert response.headers["www-authenticate"]
    assert (0, 0, 0) == house.rows


def test_401__leaves_nothing_of_a_swapped_task(house: House) -> None:
    """A body with another task under the recorded signature of one is refused."""
    headers = signed(house, "t1")
    assert_problem(house.deliver(body=b'{"taskId": "t2", "status": 1}', headers=headers), 401, "signature_mismatch")
    both = dumps({"data": {"task_id": "t1", "taskId": "t2", "state": "success"}})
    assert_problem(house.deliver(body=both, headers=headers), 401, "task_ids_differ")
    assert (0, 0, 0) == house.rows


def test_headers__names_in_any_case_and_sent_twice(house: House) -> None:
    """F30: header names have no case; a signature sent twice must match as it is judged."""
    headers, body = kie.sample("t1", LINK, key=KEY, now=house.clock.now)
    upper = {name.upper(): value for name, value in headers.items()}
    assert 200 == house.client.post("/webhooks/signed", content=body, headers=upper).status_code
    for pair in (("forged", "forged"), (headers["X-Webhook-Signature"], "forged")):
        twice = [*headers.items(), *(("X-Webhook-Signature", value) for value in pair)]
        assert_problem(house.client.post("/webhooks/signed", content=body, headers=twice), 401, "signature_mismatch")


@pytest.mark.parametrize("seconds", [-301, 301])
def test_stale__is_refused_where_nobody_can_be_asked(house: House, seconds: int) -> None:
    """A right signature outside the window opens nothing by itself."""
    headers = signed(house, "t1")
    house.clock.advance(seconds=seconds)
    body = b'{"taskId": "t1", "status": 2}'
    assert_problem(house.deliver(body=body, headers=headers), 401, "timestamp_stale")
    assert (0, 0, 0) == house.rows


def test_stale__is_a_hint_where_the_status_api_can_be_asked(house: House) -> None:
    """F31: with an API key a late callback is worth a look, and no more."""
    headers, body = kie.sample("t1", LINK, key=KEY, now=house.clock.now)
    house.clock.advance(hours=3)
    assert ("accepted", None) == said(house, "asked", body, headers=headers)
    assert (1, 1, 0) == house.rows


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_400__not_json(house: House, body: bytes) -> None:
    """Whatever is no JSON document is refused before anybody asks who sent it."""
    too_long = len(body) > house.settings.server.max_body
    status, reason = (413, "body_too_large") if too_long else (400, "not_json")
    assert_problem(house.deliver("open", body, key=None), status, reason)
    assert (0, 0, 0) == house.rows


def test_404__unknown_source(house: House) -> None:
    """A source that is not configured is not found, whatever is sent."""
    for path in ("/webhooks/absent", "/webhooks/absent/token", "/webhooks/SIGNED", "/webhooks/signed%00"):
        assert_problem(house.client.post(path, content=b"{}"), 404, "unknown_source")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/webhooks/signed", "/webhooks/token/token-in-the-path"])
def test_405__says_what_is_allowed(house: House, method: str, path: str) -> None:
    """Only POST delivers; any other method is told so."""
    response = house.client.request(method, path)
    assert (405, "POST") == (response.status_code, response.headers["allow"])
    if method != "HEAD":
        assert_problem(response, 405, "method_not_allowed")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    ["/webhooks/signed/", "/webhooks/token/token-in-the-path/", "/webhooks", "/webhooks/", "//webhooks/signed",
     "/webhooks/signed/a/b", "/api/tasks/", "/healthz/", "/nothing"],
)  # fmt: skip
def test_never_a_redirect(house: House, method: str, path: str) -> None:
    """A redirected POST is a lost callback: a wrong path is a 404, with or without slash."""
    response = house.client.request(method, path, content=b"{}" if method in {"POST", "PUT"} else None)
    assert 404 == response.status_code
    if method != "HEAD":
        assert_problem(response, 404, "not_found")


def test_413__by_its_own_word(house: House) -> None:
    """A stated length above the limit is refused without reading."""
    body = dumps({"taskId": "t1", "x": "y" * 4096})
    assert_problem(house.deliver("open", body, key=None), 413, "body_too_large")
    for length in ("999999999999999999999999", "4097"):
        response = house.deliver("open", b"{}", key=None, headers={"Content-Length": length})
        assert "close" == response.headers["connection"]
        assert_problem(response, 413, "body_too_large")


def test_413__streamed_without_a_length(house: House) -> None:
    """An endless body without a length is read to the limit and not a piece further."""
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 1024

    response = house.client.post("/webhooks/open", content=pieces(), headers={"Content-Type": "application/json"})
    assert_problem(response, 413, "body_too_large")
    assert (0, 0, 0) == house.rows


def test_body__of_exactly_the_limit(house: House) -> None:
    """The limit itself is allowed."""
    body = b'{"taskId": "t1", "status": 0}'
    body += b" " * (house.settings.server.max_body - len(body))
    assert ("ignored", "not_final") == said(house, "open", body, key=None)


KINDS = [
    ({"Content-Type": "text/plain"}, "not_json_type"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, "not_json_type"),
    ({"Content-Type": "multipart/form-data; boundary=x"}, "not_json_type"),
    ({"Content-Type": "application/jsonp"}, "not_json_type"),
    ({"Content-Type": ""}, "not_json_type"),
    ({"Content-Type": "application/json; charset=utf-8"}, None),
    ({"Content-Type": "Application/JSON"}, None),
    ({"Content-Type": "application/cloudevents+json"}, None),
    ({"Content-Encoding": "identity"}, None),
]


@pytest.mark.parametrize(("headers", "reason"), KINDS)
def test_415__from_a_stranger(house: House, headers: dict[str, str], reason: str | None) -> None:
    """Without proof, what says of itself that it is no JSON is refused; any kind of JSON is taken."""
    response = house.deliver("open", headers=headers, key=None)
    if reason is None:
        assert 200 == response.status_code
    else:
        assert_problem(response, 415, reason)


@pytest.mark.parametrize(("source", "token"), [("signed", None), ("token", TOKEN), ("both", TOKEN)])
def test_type__of_proved_callbacks_is_not_asked(house: House, source: str, token: str | None) -> None:
    """A callback that proves itself is JSON if it can be read as JSON, whatever its sender calls it."""
    for number, (headers, _) in enumerate(KINDS):
        assert ("accepted", None) == said(house, source, headers=headers, token=token, task_id=f"t{number}")


def test_415__compressed(house: House) -> None:
    """F34: nothing compressed is unpacked, whoever sends it; no provider documents that it compresses."""
    for source, token in (("open", None), ("signed", None), ("token", TOKEN)):
        for encoding in ("gzip", "br, gzip", "GZIP", "zstd"):
            response = house.deliver(source, headers={"Content-Encoding": encoding}, token=token)
            assert_problem(response, 415, "encoded_body")
    assert (0, 0, 0) == house.rows


@pytest.mark.parametrize(("source", "token"), [("open", None), ("signed", None), ("token", TOKEN), ("both", TOKEN)])
@pytest.mark.parametrize("encoding", ["UTF-8", "", "none", "binary"])
def test_encoding__what_is_no_coding_costs_no_callback(
    house: House, source: str, token: str | None, encoding: str
) -> None:
    """F34: a sender that puts its character set into Content-Encoding is heard as if it had said nothing."""
    response = house.deliver(source, headers={"Content-Encoding": encoding}, token=token)
    assert 200 == response.status_code


def test_415__without_a_type_is_taken(house: House) -> None:
    """A missing type gets the benefit of the doubt."""
    headers, body = kie.sample("t1", LINK, key=KEY, now=house.clock.now)
    del headers["Content-Type"]
    assert 200 == house.client.post("/webhooks/signed", content=body, headers=headers).status_code


def test_503__ledger_locked(house: House) -> None:
    """While the ledger cannot commit, the sender is asked to come again; nothing was acknowledged, nothing is lost."""
    other = Database(str(house.db.engine.url))
    with other.write():
        response = house.deliver()
        assert_problem(response, 503, "ledger_unavailable")
        assert "2" == response.headers["retry-after"]
        assert 0 == house.count()
    other.close()
    assert ("accepted", None) == said(house)


HOSTILE_TEXTS = [
    "\ud800",
    "a\udfffb",
    "\x00",
    "a\x00b",
    "\u202e",
    "\x1b[2J",
    "x" * 600,
    "😀",
    "\\u0000",
    "%00",
    "'; --",
]
HOSTILE_VALUES: list[object] = [2**63, -(2**63) - 1, 10**400, 1e308, -0.0, True, None, [], {}, [[]], [None], {"": 0}]


def test_hostile_values__everywhere(db: Database, clock: FakeClock) -> None:
    """No value at any place of either shape is answered with anything but 200; each delivery is kept and readable."""
    with open_house(db, clock) as house:
        check_hostile(house, [*HOSTILE_TEXTS, *HOSTILE_VALUES])


def check_hostile(house: House, values: list[object]) -> None:
    market = json.loads(sample("kie", "market_success").body)
    flat = json.loads(sample("kie", "flat_success").body)
    sent = []
    for value in values:
        inner = [{**market, "data": {**market["data"], name: value}} for name in market["data"]]
        outer = [{**market, name: value} for name in market]
        flats = [{**flat, name: value, "more": {"n": [value]}} for name in flat]
        keyed = [{**flat, json.dumps(value): value, str(value): value}]
        results = [{**market, "data": {**market["data"], "resultJson": json.dumps({"resultUrls": [value, LINK]})}}]
        sent += [dumps(d) for d in (*inner, *outer, *flats, *keyed, *results)]
    for body in sent:
        response = house.deliver("token", body, key=None, token=TOKEN)
        assert 200 == response.status_code, (body, response.text)
    assert len({hashlib.sha256(body).digest() for body in sent}) == house.count()
    for what in ("tasks", "assets", "deliveries"):
        page = house.get(f"/api/{what}", limit=200)
        for item in page["items"]:
            assert item["id"] == house.get(f"/api/{what}/{item['id']}")["id"]


def test_clock__instants_are_those_of_arrival(house: House) -> None:
    """A delivery without a usable time of its own is dated by the receiver."""
    house.clock.advance(days=1)
    body = dumps({"taskId": "t1", "status": 1, "videoUrl": LINK})
    assert ("accepted", None) == said(house, "token", body, key=None, token=TOKEN)
    with house.db.read() as conn:
        expires = conn.execute(select(assets.c.link_expires_at)).scalar_one()
    assert house.clock.now + timedelta(minutes=20) == expires


def signed(house: House, task_id: str) -> dict[str, str]:
    """Headers that KIE would send now about *task_id*, whatever the body."""
    return kie.sample(task_id, LINK, key=KEY, now=house.clock.now)[0]
