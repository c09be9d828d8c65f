"""Orders are written down before they are sent: whatever is cut off between the two is told to a person."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from archive.ledger import orders
from archive.ledger.schema import audit
from archive.ledger.schema import orders as table
from tests.origin import Origin, Scene, Wire, answer
from tests.receiver.outward import GENERATE, VIEWER, Service, hangs_up, made, refuses, takes
from tests.receiver.test_generate import generate, sd2

SD2 = "/api/v1/video/seedance2"


def proxied(service: Service) -> httpx.Response:
    return service.ask("POST", f"/proxy/kie{GENERATE}", json={"prompt": "a street"})


WAYS = pytest.mark.parametrize("order", [generate, proxied])


def pass_time(service: Service, span: timedelta = orders.DOUBT) -> None:
    with service.db.write() as conn:
        conn.execute(update(table).values(created_at=service.db.now(conn) - span))


def doubted(service: Service) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = service.ask("GET", "/api/orders", VIEWER).json()["items"]
    return items


@WAYS
def test_order__stands_in_the_ledger_while_it_is_under_way(
    service: Service, provider: Origin, order: Callable[[Service], httpx.Response]
) -> None:
    """When the provider reads the order, the ledger has it; when its task is registered, no more."""
    seen: list[list[dict[str, Any]]] = []

    def look(wire: Wire) -> None:
        seen.append(service.rows(table))
        made()(wire)

    takes(provider, look)
    assert 200 == order(service).status_code
    [[row]] = seen
    assert ("kie", "a street") == (row["source"], json.loads(row["metadata"])["generate"]["request"]["prompt"])
    assert [] == service.rows(table)


@WAYS
@pytest.mark.parametrize(
    ("scene", "left"),
    [
        (refuses(1003), 0),
        (refuses(1005, status="429 Too Many Requests"), 0),
        (answer({"code": 503, "message": "m", "data": None}, status="503 Service Unavailable"), 0),
        (answer({"message": "bad gateway"}, status="502 Bad Gateway"), 1),
        (answer({"code": 0, "message": "success", "data": {}}), 1),
        (hangs_up, 1),
    ],
    ids=["refused", "too many", "not now", "a gateway's word", "no task named", "no answer"],
)
def test_order__is_in_doubt_only_where_it_may_exist(
    service: Service, provider: Origin, order: Callable[[Service], httpx.Response], scene: Scene, left: int
) -> None:
    """A no settles an order; an answer that is lost, a gateway's or without a task leaves it for a person."""
    takes(provider, scene)
    order(service)
    assert left == len(service.rows(table))


def test_order__that_was_not_sent_is_no_doubt(service: Service, provider: Origin) -> None:
    """Where nobody listens nothing was ordered."""
    provider.close()
    assert 502 == generate(service).status_code
    assert 502 == proxied(service).status_code
    assert [] == service.rows(table)


def test_order__a_callback_settles_it(service: Service, provider: Origin) -> None:
    """What was in doubt is not any more once the provider has called about it."""
    takes(provider, hangs_up)
    generate(service)
    url = json.loads(provider.bodies[0])["callBackUrl"]
    httpx.post(url, json={"taskId": "seedance_9", "status": 2}, trust_env=False)
    assert [] == service.rows(table)


def test_order__repeated_under_its_key_is_the_same(service: Service, provider: Origin) -> None:
    """Asked for again with its key and answered, an order that was in doubt is settled."""
    takes(provider, hangs_up, path=SD2)
    generate(service, "seedance2ai", key="k-1")
    assert 1 == len(service.rows(table))
    takes(provider, sd2(), path=SD2)
    generate(service, "seedance2ai", key="k-1")
    assert [] == service.rows(table)


def test_doubt__is_an_alert_until_somebody_has_looked(service: Service, provider: Origin) -> None:
    """An hour later it is told with what was asked for; an operator dismisses it, which is written down."""
    takes(provider, hangs_up)
    generate(service, external_id="order-7")
    assert ([], []) == (doubted(service), service.ask("GET", "/api/status").json()["alerts"])
    pass_time(service)
    [row] = doubted(service)
    assert ("kie", "order-7", "a street") == (
        row["source"], row["external_id"], row["metadata"]["generate"]["request"]["prompt"],
    )  # fmt: skip
    [told] = service.ask("GET", "/api/status").json()["alerts"]
    assert told.startswith("kie: of 1 order no task is known")
    path = f"/api/orders/{row['id']}/dismiss"
    assert 403 == service.ask("POST", path, VIEWER).status_code
    assert 200 == service.ask("POST", path).status_code
    assert 404 == service.ask("POST", path).status_code
    assert ([], []) == (doubted(service), service.ask("GET", "/api/status").json()["alerts"])
    assert ["dismissed"] == [entry["now"] for entry in service.rows(audit) if entry["subject"] == "order"]
