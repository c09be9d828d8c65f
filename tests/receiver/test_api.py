"""The API people and programs use."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from archive.documents import parse
from archive.ledger import claims, deliveries, leases, results
from archive.ledger.claims import Intent
from archive.ledger.database import Database
from archive.ledger.schema import assets
from archive.model import Delivery, Verdict
from archive.providers import kie
from receiver.understand import understand
from tests.doubles import START, FakeClock, wait_for
from tests.hostile_json import nested
from tests.receiver.house import (
    LINK,
    OPERATOR,
    SETTINGS,
    TOKEN,
    VIEWER,
    House,
    assert_problem,
    dumps,
    open_house,
)  # fmt: skip
from tests.recorded import sample

READS = ["/api/status", "/api/tasks", "/api/assets", "/api/deliveries", "/api/tasks/x", "/api/assets/x",
         "/api/deliveries/x", "/api/assets/x/content", "/api/notifications", "/api/notifications/x",
         "/api/targets", "/api/orders"]  # fmt: skip
ACTS = ["/api/tasks", "/api/assets/x/retry", "/api/deliveries/x/replay", "/api/sources/signed/pause",
        "/api/sources/signed/resume", "/api/notifications/redrive", "/api/notifications/x/redrive",
        "/api/targets/app/test", "/api/orders/x/dismiss", "/api/tasks/reopen", "/api/assets/retry",
        "/api/deliveries/replay"]  # fmt: skip
CALLS = [("GET", path) for path in READS] + [("POST", path) for path in ACTS]


def the_asset(house: House) -> str:
    [item] = house.get("/api/assets")["items"]
    return str(item["id"])


def archive(house: House) -> str:
    """Deliver a video and archive it as a worker would; return the asset's id."""
    house.deliver()
    claim = claims.take(house.db, "w", house.settings.caps, timedelta(seconds=12))
    assert claim is not None
    key = f"assets/signed/t1/video-{claim.asset_id}.mp4"
    results.intend(house.db, claim, Intent("videos", key, 5, "ab" * 32, "video/mp4", '{"duration": 5.0}'))
    results.archived(house.db, claim, "v1", {"size": 5})
    return claim.asset_id


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "token_missing"),
        ("", "token_missing"),
        ("Bearer", "token_missing"),
        ("Bearer ", "token_missing"),
        (f"Basic {OPERATOR}", "token_missing"),
        (OPERATOR, "token_missing"),
        ("Bearer guess", "token_unknown"),
        (f"Bearer {OPERATOR}x", "token_unknown"),
        (f"Bearer {OPERATOR},{VIEWER}", "token_unknown"),
        (f"Bearer {TOKEN}", "token_unknown"),
        ("Bearer \xe9\xff", "token_unknown"),
    ],
)
def test_auth__without_a_token_of_ours(house: House, method: str, path: str, header: str | None, reason: str) -> None:
    """Nothing under /api is answered or done without a known bearer token."""
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    response = house.client.request(method, path, headers=headers)
    assert_problem(response, 401, reason)
    assert 'Bearer realm="reelkeep"' == response.headers["www-authenticate"]


@pytest.mark.parametrize("path", ACTS)
def test_auth__a_viewer_may_not_act(house: House, path: str) -> None:
    """A viewer's token reads and does nothing else."""
    assert_problem(house.ask("POST", path, VIEWER, content=b"{}"), 403, "operator_needed")
    assert (0, 0, 0) == house.rows


@pytest.mark.parametrize("token", [VIEWER, OPERATOR, "operator-2"])
def test_auth__who_may_read(house: House, token: str) -> None:
    """Viewers and every operator read."""
    for path in READS:
        assert house.ask("GET", path, token).status_code in {200, 404}


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_auth__the_scheme_has_no_case(house: House, scheme: str) -> None:
    """RFC 9110: schemes are compared without case."""
    assert 200 == house.client.get("/api/status", headers={"Authorization": f"{scheme} {OPERATOR}"}).status_code


def test_lists__what_an_asset_shows(house: House) -> None:
    """An archived asset shows where it stands and what it is; never its link or whose claim it was."""
    key = archive(house)
    [listed] = house.get("/api/assets")["items"]
    shown = house.get(f"/api/assets/{key}")
    for item in (listed, shown):
        assert (key, "signed", "t1", "video", "archived", None, 5, "ab" * 32) == tuple(
            item[name] for name in ("id", "source", "task_id", "role", "state", "reason", "size", "sha256")
        )
        assert ("videos", "v1", {"duration": 5.0}, "2026-11-21T12:00:00.000Z") == tuple(
            item[name] for name in ("bucket", "version_id", "media", "archived_at")
        )
        assert not {"link", "owner", "fence", "claimed", "body", "task"} & set(item)
    assert ["waiting", "archived"] == [entry["now"] for entry in shown["history"]]
    assert ["archived"] == [attempt["outcome"] for attempt in shown["tries"]]
    assert "storage.kie.ai/" not in json.dumps(shown)


def test_lists__filters(house: House) -> None:
    """Every filter narrows every list; a filter that matches nothing is an empty page."""
    for n in range(3):
        house.deliver(task_id=f"t{n}", link=f"https://storage.kie.ai/{n}.mp4")
        house.clock.advance(minutes=1)
    house.deliver("token", key=None, token=TOKEN, task_id="t0")
    house.ask("POST", "/api/tasks", json={"source": "signed", "task_id": "t1", "external_id": "order-7"})
    for what in ("tasks", "assets", "deliveries"):

        def found(what: str = what, **params: Any) -> list[str]:
            items = house.get(f"/api/{what}", **params)["items"]
            return sorted(f"{item['source']}/{item['task_id']}" for item in items)

        assert ["signed/t0", "signed/t1", "signed/t2", "token/t0"] == found()
        assert ["token/t0"] == found(source="token")
        assert ["signed/t0", "token/t0"] == found(task_id="t0")
        assert ["signed/t1"] == found(external_id="order-7")
        assert ["signed/t2", "token/t0"] == found(since="2026-11-21T12:02:00Z")
        assert ["signed/t0", "signed/t1"] == found(until="2026-11-21T13:02:00+01:00")
        assert ["signed/t1"] == found(since="2026-11-21T12:01:00", until="2026-11-21T12:02:00")
        assert ["signed/t2"] == found(q="t2")
        assert [] == found(source="nonsense") == found(q="%") == found(q="_0")
    assert 4 == len(house.get("/api/tasks", state="succeeded")["items"])
    assert 4 == len(house.get("/api/assets", state="waiting")["items"])
    assert 4 == len(house.get("/api/deliveries", state="accepted")["items"])


def test_lists__cursors_meet_every_row_once(house: House) -> None:
    """Following `next_cursor` shows each row once, newest first, and ends."""
    for n in range(7):
        house.deliver(task_id=f"t{n}", link=f"https://storage.kie.ai/{n}.mp4")
        if n % 3 == 0:
            house.clock.advance(seconds=1)
    for what, instant in (("tasks", "created_at"), ("assets", "created_at"), ("deliveries", "received_at")):
        seen, cursor, pages = [], None, 0
        while cursor or not pages:
            page = house.get(f"/api/{what}", limit=3, **({"cursor": cursor} if cursor else {}))
            seen += page["items"]
            cursor, pages = page["next_cursor"], pages + 1
        assert (7, 3) == (len({item["id"] for item in seen}), pages)
        assert 7 == len(seen)
        assert sorted((item[instant] for item in seen), reverse=True) == [item[instant] for item in seen]


def cursor_of(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "%%%", "é", "=", cursor_of([]), cursor_of({}), cursor_of(7), cursor_of("ab"),
        cursor_of(["2026-11-21", "0" * 32]), cursor_of(["2026-11-21T00:00:00Z", "0" * 31]),
        cursor_of(["2026-11-21T00:00:00Z", 7]), cursor_of(["2026-11-21T00:00:00Z", None]),
        cursor_of(["2026-11-21T00:00:00Z", "a\x00b"]), cursor_of(["2026-11-21T00:00:00Z", "\ud800"]),
        cursor_of(["yesterday", "x"]), cursor_of([[], "x"]), cursor_of({"2026-11-21T00:00:00Z": 1, "x": 2}),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(), base64.urlsafe_b64encode(b"[" * 200).decode(), "x" * 401,
    ],
)  # fmt: skip
def test_lists__a_cursor_nobody_gave(house: House, cursor: str) -> None:
    """A cursor that is not one of ours is a 400, whatever is in it."""
    reason = "bad_query" if len(cursor) > 400 else "bad_cursor"
    assert_problem(house.ask("GET", "/api/assets", params={"cursor": cursor}), 400, reason)


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"}, {"limit": "201"}, {"limit": "-1"}, {"limit": "many"}, {"limit": "9" * 5000}, {"limit": "1e3"},
        {"since": "yesterday"}, {"since": "inf"}, {"since": "9" * 400}, {"until": "2026-13-01"}, {"since": ""},
        {"nonsense": "1"}, {"Source": "kie"}, {"q": "x" * 201}, {"q": "\x00"}, {"source": "a\x00"},
        {"state": "\x00"}, {"state": "nonsense"}, {"task_id": "\x00"}, {"external_id": "\x00"},
    ],
)  # fmt: skip
def test_lists__a_query_that_cannot_be_read(house: House, params: dict[str, str]) -> None:
    """A parameter that is unknown, out of bounds or malformed is a 400 that does not repeat its value."""
    document = assert_problem(house.ask("GET", "/api/assets", params=params), 400, "bad_query")
    assert not any(len(value) > 3 and value in document["detail"] for value in params.values())


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0", "2026-11-21"])
def test_lists__instants_at_the_edge_of_time(house: House, since: str) -> None:
    """Any instant that can be read can be asked for."""
    assert {"items": [], "next_cursor": None} == house.get("/api/assets", since=since, until=since)


def test_ids__that_cannot_be_ours(db: Database, clock: FakeClock) -> None:
    """An id with NUL, a lone surrogate or anything else in it is simply not found, on both databases."""
    with open_house(db, clock) as house:
        for key in ("a%00b", "%ED%A0%80", "%F0%9F%8E%AC", "..", "%2e%2e", "x" * 3000, "'", "a%0Ab"):
            for what in ("tasks", "assets", "deliveries"):
                assert 404 == house.ask("GET", f"/api/{what}/{key}").status_code, key
            for path in (f"assets/{key}/retry", f"deliveries/{key}/replay"):
                assert 404 == house.ask("POST", f"/api/{path}").status_code, key
            assert 404 == house.ask("GET", f"/api/assets/{key}/content").status_code


TASK = {"source": "asked", "task_id": "t9", "external_id": "order-9", "metadata": {"prompt": "p", "n": [1, None]}}


def test_tasks__registration_is_idempotent(house: House) -> None:
    """Registering twice is one task; what is said anew is kept, what is not said stays."""
    first = house.ask("POST", "/api/tasks", json={**TASK, "expected_by": "2026-11-21T13:30:00+01:00"})
    assert 200 == first.status_code
    shown = first.json()
    assert ("open", "order-9", TASK["metadata"], "2026-11-21T12:30:00.000Z") == tuple(
        shown[name] for name in ("state", "external_id", "metadata", "look_at")
    )
    again = house.ask("POST", "/api/tasks", json={"source": "asked", "task_id": "t9", "metadata": {"b": 2}}).json()
    assert (shown["id"], "order-9", {"b": 2}, shown["look_at"]) == tuple(
        again[name] for name in ("id", "external_id", "metadata", "look_at")
    )
    assert (0, 1, 0) == house.rows
    assert ["open"] == [entry["now"] for entry in again["history"]]


def test_tasks__a_result_that_came_first_meets_its_registration(house: House) -> None:
    """F27: a callback before our own registration is no stranger: the task keeps its state and gets its metadata."""
    house.deliver(task_id="t9")
    shown = house.ask("POST", "/api/tasks", json={**TASK, "source": "signed"}).json()
    assert ("succeeded", "order-9") == (shown["state"], shown["external_id"])
    [asset] = house.get("/api/assets", external_id="order-9")["items"]
    assert (shown["assets"], TASK["metadata"]) == ([asset["id"]], asset["metadata"])


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("bad_task", b"{}"), ("bad_task", b"[]"), ("bad_task", b"7"), ("bad_task", dumps({**TASK, "taskid": "x"})),
        ("bad_task", dumps({**TASK, "task_id": 7})), ("bad_task", dumps({**TASK, "metadata": []})),
        ("bad_task", dumps({**TASK, "external_id": "x" * 513})), ("bad_task", dumps({**TASK, "expected_by": "soon"})),
        ("bad_task", dumps({**TASK, "expected_by": "2026-11-21T12:00:00"})),
        ("bad_task", dumps({**TASK, "expected_by": "9999-12-31T23:59:59Z"})),
        ("bad_task", dumps({**TASK, "expected_by": "0001-01-01T00:00:00+23:59"})),
        ("bad_task", dumps({**TASK, "\ud800": 1})),
        ("task_id_missing", dumps({**TASK, "task_id": ""})),
        ("task_id_not_printable", dumps({**TASK, "task_id": "a\x00b"})),
        ("task_id_not_printable", dumps({**TASK, "task_id": "x" * 513})),
        ("external_id_not_printable", dumps({**TASK, "external_id": "a\nb"})),
        ("unknown_source", dumps({**TASK, "source": "absent"})),
    ],
)  # fmt: skip
def test_tasks__that_cannot_be_registered(house: House, reason: str, body: bytes) -> None:
    """A task that is not whole is a 422 that names what is wrong, and nothing is kept."""
    assert_problem(house.ask("POST", "/api/tasks", content=body), 422, reason)
    assert (0, 0, 0) == house.rows


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"a":NaN}', b'{"metadata":{"a":1e9999}}', b"[" * 4000, nested(65)]
)
def test_tasks__no_json(house: House, body: bytes) -> None:
    """What is no JSON, or nested beyond all need, is a 400."""
    assert_problem(house.ask("POST", "/api/tasks", content=body), 400, "not_json")


def test_tasks__a_body_without_end(house: House) -> None:
    """The limit of one body holds here as well."""
    body = dumps({**TASK, "metadata": {"prompt": "x" * house.settings.server.max_body}})
    assert_problem(house.ask("POST", "/api/tasks", content=body), 413, "body_too_large")


def test_tasks__metadata_comes_back_as_it_was_given(db: Database, clock: FakeClock) -> None:
    """Whatever JSON holds can be kept with a task and is shown again in lists and alone, on both databases."""
    values = [2**63, 10**300, 1e308, "\x00", "\u2028", "\ud800", "😀", {"\udfff": [None, True]}, "x" * 3000]
    with open_house(db, clock) as house:
        for value in values:
            body = dumps({**TASK, "metadata": {"v": value}})
            shown = house.ask("POST", "/api/tasks", content=body).json()
            assert {"v": value} == shown["metadata"] == house.get("/api/tasks")["items"][0]["metadata"]


def test_content__is_a_presigned_link_for_browsers(house: House) -> None:
    """An archived file is a redirect to a signed GET of this very version at the public address; its end is stated."""
    key = archive(house)
    response = house.ask("GET", f"/api/assets/{key}/content", VIEWER)
    assert 302 == response.status_code
    link = urlsplit(response.headers["location"])
    query = {name: value for name, [value] in parse_qs(link.query).items()}
    place = f"https://cdn.example/videos/assets/signed/t1/video-{key}.mp4"
    assert place == f"{link.scheme}://{link.netloc}{link.path}"
    assert ("AWS4-HMAC-SHA256", "900", "v1", f'inline; filename="video-{key}.mp4"') == (
        query["X-Amz-Algorithm"], query["X-Amz-Expires"], query["versionId"], query["response-content-disposition"],
    )  # fmt: skip
    assert "no-store" == response.headers["cache-control"]
    assert response.headers["reelkeep-link-expires-at"].endswith("Z")


def test_content__as_json_for_who_cannot_follow_a_redirect(house: House) -> None:
    """A caller that asks for JSON gets the same link and its end."""
    path = f"/api/assets/{archive(house)}/content"
    headers = {"Authorization": f"Bearer {VIEWER}", "Accept": "application/json"}
    response = house.client.get(path, headers=headers)
    assert (200, "no-store", "Accept") == (
        response.status_code, response.headers["cache-control"], response.headers["vary"],
    )  # fmt: skip
    assert response.json()["url"].startswith("https://cdn.example/videos/assets/signed/t1/")
    assert response.headers["reelkeep-link-expires-at"] == response.json()["expires_at"]


def test_content__of_what_is_not_archived(house: House) -> None:
    """An asset that waits has nothing to show yet."""
    house.deliver()
    assert_problem(house.ask("GET", f"/api/assets/{the_asset(house)}/content"), 409, "not_archived")


def test_retry__makes_an_asset_due_and_rings(house: House) -> None:
    """An asset in quarantine waits again and the workers are rung; the operator's act is in its history."""
    house.deliver(link="https://evil.example/x.mp4")
    key = the_asset(house)
    answer = house.ask("POST", f"/api/assets/{key}/retry").json()
    assert {"id": key, "was": "quarantined", "state": "waiting"} == answer
    wait_for(lambda: house.bell.rung == 1)
    last = house.get(f"/api/assets/{key}")["history"][-1]
    assert ("quarantined", "waiting", "retry", "operator") == tuple(last[n] for n in ("was", "now", "reason", "actor"))


def test_retry__of_what_is_archived_or_unknown(house: House) -> None:
    """There is nothing to try again for a file that stands, and none for one nobody knows."""
    assert_problem(house.ask("POST", f"/api/assets/{archive(house)}/retry"), 409, "already_archived")
    assert_problem(house.ask("POST", "/api/assets/absent/retry"), 404, "not_found")


def test_replay__of_a_shape_that_is_understood_by_now(house: House) -> None:
    """A delivery kept from before an adapter was mended becomes its task and asset when it is read again."""
    body = dumps({"taskId": "t1", "status": 1, "videoUrl": LINK})
    delivery = Delivery("signed", {}, body, None, START)
    read = understand(delivery, parse(body), house.settings.sources["signed"], Verdict.SIGNED_ID)
    deliveries.record(house.db, [read.quarantined("shape_unknown")])
    assert (1, 0, 0) == house.rows
    for _ in range(2):  # twice is as good as once
        answer = house.ask("POST", f"/api/deliveries/{read.id}/replay").json()
        assert {"delivery_id": read.id, "outcome": "accepted", "reason": None} == answer
        assert (1, 1, 1) == house.rows
    shown = house.get(f"/api/deliveries/{read.id}")
    assert ("accepted", None, "t1", "signed_id") == tuple(shown[n] for n in ("outcome", "reason", "task_id", "verdict"))
    wait_for(lambda: house.bell.rung > 0)


def test_replay__of_a_link_that_is_trusted_by_now(small_db: Database, clock: FakeClock) -> None:
    """After its host was added to the settings, a delivery read again lets its quarantined asset go."""
    with open_house(small_db, clock) as house:
        key = house.deliver(link="https://files.example/x.mp4").json()["delivery_id"]
        assert "quarantined" == house.get("/api/assets")["items"][0]["state"]
    sources = {**SETTINGS["sources"], "signed": {**SETTINGS["sources"]["signed"], "allowed_hosts": ["files.example"]}}
    with open_house(small_db, clock, sources=sources) as house:
        assert "accepted" == house.ask("POST", f"/api/deliveries/{key}/replay").json()["outcome"]
        [asset] = house.get("/api/assets")["items"]
        assert ("waiting", None) == (asset["state"], asset["reason"])
        history = house.get(f"/api/assets/{asset['id']}")["history"]
        assert [(None, "quarantined"), ("quarantined", "waiting")] == [(e["was"], e["now"]) for e in history]
        wait_for(lambda: house.bell.rung == 1)


def test_replay__does_not_free_what_needs_a_person(house: House) -> None:
    """An asset that was quarantined for what it is stays so, however trusted its link."""
    key = house.deliver().json()["delivery_id"]
    with house.db.write() as conn:
        conn.execute(update(assets).values(state="quarantined", reason="not_a_video", due_at=None))
    house.ask("POST", f"/api/deliveries/{key}/replay")
    assert "quarantined" == house.get("/api/assets")["items"][0]["state"]


def test_replay__of_an_unknown_delivery_or_source(small_db: Database, clock: FakeClock) -> None:
    """Nothing to read again is a 404; a source that is gone from the settings is a 409."""
    with open_house(small_db, clock) as house:
        key = house.deliver().json()["delivery_id"]
        assert_problem(house.ask("POST", "/api/deliveries/absent/replay"), 404, "not_found")
    with open_house(small_db, clock, sources={"token": SETTINGS["sources"]["token"]}) as house:
        assert_problem(house.ask("POST", f"/api/deliveries/{key}/replay"), 409, "unknown_source")
        assert 200 == house.ask("GET", f"/api/deliveries/{key}").status_code


def test_status__how_the_providers_are_asked(house: House) -> None:
    """Each source that can be asked tells its open, due and late tasks and its pace; lateness is an alert in words."""
    house.ask("POST", "/api/tasks", json={"source": "asked", "task_id": "t1"})
    status = house.get("/api/status")
    asked = {"open": 1, "due": 0, "late": 0, "lag": 0}
    assert (asked, []) == (
        {name: status["sources"]["asked"]["polling"][name] for name in asked}, status["alerts"],
    )  # fmt: skip
    assert status["sources"]["asked"]["polling"]["requests_per_minute"] > 60
    assert "polling" not in status["sources"]["signed"]
    assert "signed" == status["sources"]["signed"]["callbacks"]
    house.clock.advance(minutes=30)
    status = house.get("/api/status")
    assert (1, 1) == (status["sources"]["asked"]["polling"]["due"], status["sources"]["asked"]["polling"]["late"])
    [alert] = status["alerts"]
    assert alert.startswith("asked: 1 task was not heard of")


def test_status__how_urgent_it_is(house: House) -> None:
    """It says how long the most urgent asset can still be had, how long one has been due, and when the clock ticked."""
    assert {"earliest_deadline": None, "oldest_due": 0, "clock_tick_age": None} == house.get("/api/status")["urgency"]
    house.deliver(task_id="t1")
    leases.hold(house.db, leases.CLOCK, "c", leases.clock_life(house.settings.workers.sweep))
    house.clock.advance(seconds=30)
    left = round(kie.LINK_LIFE.total_seconds()) - 30
    urgency = {"earliest_deadline": left, "oldest_due": 30, "clock_tick_age": 30}
    assert urgency == house.get("/api/status")["urgency"]


def test_task__tells_what_it_cost(house: House) -> None:
    """The credits of a callback that is believed stand in its task, in lists as well."""
    body = parse(sample("kie", "market_success").body)
    told = dumps({"code": 200, "data": body["data"] | {"creditsConsumed": 61.5}})
    house.deliver("signed", told, task_id=body["data"]["taskId"])
    [listed] = house.get("/api/tasks")["items"]
    assert (61.5, 61.5) == (listed["credits"], house.get(f"/api/tasks/{listed['id']}")["credits"])


def test_sources__pause_and_resume(house: House) -> None:
    """A paused source says so in the status; resuming rings; an unknown source is not found."""
    assert {"source": "signed", "paused": True} == house.ask("POST", "/api/sources/signed/pause").json()
    sources = house.get("/api/status")["sources"]
    assert (True, False) == (sources["signed"]["paused"], sources["token"]["paused"])
    assert (True, False) == (sources["asked"]["can_ask"], sources["token"]["can_ask"])
    house.deliver()
    assert claims.take(house.db, "w", house.settings.caps, timedelta(seconds=12)) is None
    assert {"source": "signed", "paused": False} == house.ask("POST", "/api/sources/signed/resume").json()
    assert claims.take(house.db, "w", house.settings.caps, timedelta(seconds=12)) is not None
    for verb in ("pause", "resume"):
        assert_problem(house.ask("POST", f"/api/sources/absent/{verb}"), 404, "unknown_source")


def test_status__counts(house: House) -> None:
    """What waits and what is done, by source and state."""
    archive(house)
    house.deliver(task_id="t2", link="https://storage.kie.ai/2.mp4")
    house.deliver("asked", task_id="t3")
    status = house.get("/api/status")
    waits = {"due": 1, "running": 0, "overdue": 0, "looks_due": 1, "notifications_due": 1}
    assert {**waits, "held": 0, "kept": 0, "store_reason": None} == status["work"]
    assert {"signed": {"archived": 1, "waiting": 1}} == status["assets"]
    assert {"asked": {"open": 1}, "signed": {"succeeded": 2}} == status["tasks"]
    assert {"asked": {"accepted": 1}, "signed": {"accepted": 2}} == status["deliveries"]


ECHO = "https://hooks.example/webhooks/both/token-in-the-path"
BODIES: dict[str, bytes] = {
    "plain": dumps({"taskId": "t1", "videoUrl": LINK + "?sig=canary", "callBackUrl": ECHO}),
    "slashes escaped": dumps({"u": LINK + "?sig=canary", "callBackUrl": ECHO}).replace(b"/", rb"\/"),
    "ampersand escaped": dumps({"u": LINK + "?a=1&sig=canary"}).replace(b"&", rb"\u0026"),
    "question mark escaped": dumps({"u": LINK + "?sig=canary"}).replace(b"?", rb"\u003f"),
    "JSON in JSON": dumps({"param": json.dumps({"input": json.dumps({"u": LINK + "?a=1&sig=canary", "cb": ECHO})})}),
    "JSON in JSON, escaped": dumps(
        {"param": json.dumps({"u": LINK + "?a=1&sig=canary"}).replace("&", r"\u0026").replace("/", r"\/")}
    ),
    "upper case": dumps({"u": LINK.upper() + "?sig=canary"}),
    "a fragment": dumps({"u": LINK + "#sig=canary"}),
    "user info": dumps({"u": "https://user:canary@h.example/x"}),
    "in a sentence": dumps({"m": f"see {LINK}?sig=canary, or {LINK}?sig=canary"}),
    "a key": dumps({f"{LINK}?sig=canary": 1, "k": "kie-test-hmac-key"}),
    "an API key": dumps({"k": "canary-api-key", "h": "Bearer canary-api-key"}),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_delivery__its_body_shows_no_secret(small_db: Database, clock: FakeClock, body: bytes) -> None:
    """An operator sees what was delivered, without query strings, tokens or keys, however they were escaped."""
    both = {**SETTINGS["sources"]["both"], "api_key": "canary-api-key"}
    with open_house(small_db, clock, sources={"both": both}) as house:
        received = Delivery("both", {}, body, TOKEN, START)
        kept = understand(received, parse(body), house.settings.sources["both"], Verdict.SIGNED_ID)
        deliveries.record(house.db, [kept])
        shown = house.get(f"/api/deliveries/{kept.id}")["body"]
        for secret in ("canary", TOKEN, "kie-test-hmac-key"):
            assert secret not in shown
        assert isinstance(json.loads(shown), dict)


def test_delivery__its_body_is_for_operators(house: House) -> None:
    """A viewer sees what became of a delivery, not what was in it."""
    key = house.deliver().json()["delivery_id"]
    assert LINK in house.get(f"/api/deliveries/{key}")["body"]
    shown = house.ask("GET", f"/api/deliveries/{key}", VIEWER).json()
    assert ("accepted", False) == (shown["outcome"], "body" in shown)


def test_methods__that_a_route_does_not_have(house: House) -> None:
    """A wrong method is a 405 that names every right one."""
    for method, path, allowed in (
        ("PUT", "/api/tasks", {"GET", "HEAD", "POST"}),
        ("POST", "/api/assets", {"GET", "HEAD"}),
        ("GET", "/api/assets/x/retry", {"POST"}),
    ):
        response = house.ask(method, path)
        assert_problem(response, 405, "method_not_allowed")
        assert allowed == set(response.headers["allow"].split(", "))


def test_crash__is_a_503_without_details(house: House) -> None:
    """A ledger that cannot be read is a problem document, not a traceback."""
    Path(str(house.db.engine.url.database)).unlink()
    house.db.close()
    response = house.ask("GET", "/api/assets")
    assert_problem(response, 503, "ledger_unavailable")
