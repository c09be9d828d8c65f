"""Dead letters, many at a time: what fits is given another chance, each with its audit entry, and nothing else is."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from archive.errors import NotUnderstoodError
from archive.ledger import claims, redrive, results
from archive.ledger.claims import Intent
from archive.ledger.queries import Filter
from archive.ledger.schema import assets, audit, tasks
from archive.model import Event, ExpiryOrigin, Link, Output, Progress
from archive.providers import PROVIDERS
from tests.doubles import START, wait_for
from tests.receiver import house as houses
from tests.receiver.house import LINK, House, assert_problem, dumps

LEASE = timedelta(seconds=12)


def deliver(house: House, number: int) -> list[str]:
    """So many accepted deliveries; the ids of their assets, by their tasks."""
    for n in range(number):
        house.deliver(task_id=f"t{n}")
    items = house.get("/api/assets", limit=200)["items"]
    return [item["id"] for item in sorted(items, key=lambda item: str(item["task_id"]))]


def end(house: House, key: str, state: str, reason: str) -> None:
    with house.db.write() as conn:
        dead = {"state": state, "reason": reason, "due_at": None, "attempts": 3, "crashes": 4}
        conn.execute(update(assets).where(assets.c.id == key).values(**dead))


def retried(house: House) -> int:
    with house.db.read() as conn:
        wanted = select(func.count()).select_from(audit).where(audit.c.reason == "retry", audit.c.actor == "operator")
        return conn.execute(wanted).scalar_one()


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ({}, 3), ({"state": "lost"}, 1), ({"reason": "crashes_worker"}, 2), ({"source": "token"}, 0),
        ({"task_id": "t1"}, 1), ({"q": "t2"}, 1), ({"since": "2026-11-21T13:00:00Z"}, 0),
        ({"until": "2026-11-21T13:00:00Z", "state": "quarantined"}, 2), ({"external_id": "o-7"}, 0),
    ],
)  # fmt: skip
def test_retry__what_fits(house: House, body: dict[str, Any], number: int) -> None:
    """F08: a dry run counts; then what fits waits again with attempts and crashes forgotten, one audit entry each."""
    keys = deliver(house, 4)
    for key, state, reason in zip(
        keys, ("quarantined", "quarantined", "lost"), ("crashes_worker", "crashes_worker", "http_403"), strict=False
    ):
        end(house, key, state, reason)
    said = house.ask("POST", "/api/assets/retry", content=dumps({**body, "dry_run": True})).json()
    assert ({"retried": number, "dry_run": True}, 0) == (said, retried(house))
    rung = house.bell.rung
    said = house.ask("POST", "/api/assets/retry", content=dumps(body)).json()
    assert ({"retried": number, "dry_run": False}, number) == (said, retried(house))
    states = Counter(item["state"] for item in house.get("/api/assets")["items"])
    assert (1 + number, 3 - number) == (states["waiting"], states["quarantined"] + states["lost"])
    waiting = house.get("/api/assets", state="waiting")["items"]
    assert {(0, 0, None)} == {(row["attempts"], row["crashes"], row["reason"]) for row in waiting}
    if number:
        wait_for(lambda: house.bell.rung > rung)
    assert 0 == house.ask("POST", "/api/assets/retry", content=dumps(body)).json()["retried"]


def test_retry__many_transactions(house: House) -> None:
    """However many there are, each is taken once, in transactions of a bounded size."""
    keys = deliver(house, 5)
    for key in keys:
        end(house, key, "lost", "http_403")
    assert 5 == redrive.retry(house.db, Filter(), "operator", at_once=2)
    assert 5 == retried(house)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("assets/retry", {"state": "archived"}), ("assets/retry", {"all": True}), ("assets/retry", {"q": "\x00"}),
        ("tasks/reopen", {"state": "gone"}), ("deliveries/replay", {"outcome": "duplicate"}),
        ("deliveries/replay", {"reason": "\ud800"}),
    ],
)  # fmt: skip
def test_refused(house: House, path: str, body: dict[str, Any]) -> None:
    """A filter that cannot be meant redrives nothing."""
    assert_problem(house.ask("POST", f"/api/{path}", content=dumps(body)), 422, "bad_redrive")


def test_reopen__what_is_gone(house: House) -> None:
    """Tasks that are gone are open again and asked about at once, where they can be asked about; one entry each."""
    for source in ("asked", "signed"):
        said = {"source": source, "task_id": f"gone-{source}"}
        house.ask("POST", "/api/tasks", content=dumps(said))
    with house.db.write() as conn:
        conn.execute(update(tasks).values(state="gone", reason="task_not_found", look_at=None))
    body = dumps({"reason": "task_not_found"})
    assert {"reopened": 1, "dry_run": False} == house.ask("POST", "/api/tasks/reopen", content=body).json()
    [opened] = house.get("/api/tasks", state="open")["items"]
    assert ("gone-asked", None, "2026-11-21T12:00:00.000Z") == (opened["task_id"], opened["reason"], opened["look_at"])
    history = house.get(f"/api/tasks/{opened['id']}")["history"]
    assert ("gone", "open", "reopened") == tuple(history[-1][name] for name in ("was", "now", "reason"))


class _Mended:
    """KIE's adapter after an update: it knows one shape more, of callbacks that name a film."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_KIE, name)

    def normalise(self, document: Any, **more: Any) -> Event:
        try:
            return _KIE.normalise(document, **more)
        except NotUnderstoodError:
            if not isinstance(document, dict) or "film" not in document:
                raise
        link = Link(str(document["film"]), START + timedelta(hours=1), ExpiryOrigin.DEFAULT)
        return Event(str(document["taskId"]), Progress.SUCCEEDED, "market", (Output("video", 0, link),))


_KIE = PROVIDERS["kie"]


def test_replay__after_an_adapter_was_mended(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quarantined deliveries come to life once their shape is known, and are archived; twice makes no second asset."""
    for n in range(3):
        house.deliver(body=dumps({"taskId": f"new{n}", "film": f"{LINK}?{n}"}), task_id=f"new{n}")
    house.deliver(body=dumps({"taskId": "odd", "film_url": LINK}), task_id="odd")
    assert {"shape_unknown"} == {row["reason"] for row in house.get("/api/deliveries", state="quarantined")["items"]}
    kept = len(house.get("/api/deliveries")["items"])
    told = house.ask("POST", "/api/deliveries/replay", content=dumps({})).json()
    assert (kept, {"quarantined": kept}, kept) == (told["replayed"], told["outcomes"], len(told["not_understood"]))
    monkeypatch.setitem(PROVIDERS, "kie", _Mended())
    body = {"reason": "shape_unknown", "source": "signed"}
    said = house.ask("POST", "/api/deliveries/replay", content=dumps({**body, "dry_run": True})).json()
    assert {"replayed": 4, "dry_run": True} == said
    rung = house.bell.rung
    told = house.ask("POST", "/api/deliveries/replay", content=dumps(body)).json()
    assert (4, {"accepted": 3, "quarantined": 1}) == (told["replayed"], told["outcomes"])
    [left] = told["not_understood"]
    assert ("quarantined", "shape_unknown") == (left["outcome"], left["reason"])
    wait_for(lambda: house.bell.rung > rung)
    while claim := claims.take(house.db, "w", house.settings.caps, LEASE):
        key = f"assets/signed/{claim.task_id}/video-{claim.asset_id}.mp4"
        results.intend(house.db, claim, Intent("videos", key, 5, "ab" * 32, "video/mp4", None))
        results.archived(house.db, claim, "v1", {})
    again = house.ask("POST", "/api/deliveries/replay", content=dumps({"outcome": "accepted"})).json()
    assert {"accepted": 3} == again["outcomes"]
    assert ["archived"] * 3 == [item["state"] for item in house.get("/api/assets")["items"]]


def test_replay__page_by_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many are read in several requests, each of which says where the next one goes on."""
    monkeypatch.setattr("receiver.redrive.AT_ONCE", 2)
    for n in range(3):
        house.deliver(body=dumps({"taskId": f"odd{n}", "film_url": LINK}), task_id=f"odd{n}")
    first = house.ask("POST", "/api/deliveries/replay", content=dumps({})).json()
    assert 2 == first["replayed"]
    second = house.ask("POST", "/api/deliveries/replay", content=dumps({"cursor": first["next_cursor"]})).json()
    assert (1, None) == (second["replayed"], second["next_cursor"])
    ids = {one["delivery_id"] for told in (first, second) for one in told["not_understood"]}
    assert 3 == len(ids)
    assert_problem(house.ask("POST", "/api/deliveries/replay", content=b'{"cursor": "x"}'), 400, "bad_cursor")


def test_replay__of_a_source_that_is_gone(house: House) -> None:
    """A delivery whose source is not configured any more stays as it is, and is named."""
    house.deliver(body=dumps({"taskId": "odd", "film_url": LINK}), task_id="odd")
    with houses.open_house(house.db, house.clock, sources={"token": houses.SETTINGS["sources"]["token"]}) as other:
        [left] = other.ask("POST", "/api/deliveries/replay", content=dumps({})).json()["not_understood"]
    assert "unknown_source" == left["reason"]
