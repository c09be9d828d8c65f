"""The OpenAPI document describes what is there."""

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.applications import Starlette
from starlette.routing import Route

from receiver.notifications import NotificationQuery
from receiver.paging import ListQuery, PageQuery
from tests.receiver.house import House


@pytest.fixture
def document(house: House) -> dict[str, Any]:
    """What `/openapi.json` answers, to anybody."""
    response = house.client.get("/openapi.json")
    assert 200 == response.status_code
    return dict(response.json())


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method.upper()): one for path, methods in document["paths"].items() for method, one in methods.items()
    }


def test_document__is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    """The document follows its own specification, references included."""
    assert document["openapi"].startswith("3.1.")
    assert [] == [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]


def test_document__every_route_and_nothing_else(house: House, document: dict[str, Any]) -> None:
    """Each route and method but the console's files is described, and each description has its route."""
    app = house.client.app
    assert isinstance(app, Starlette)
    routes = {
        (route.path_format, method)
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    pages = {key for key in routes if key[0] in {"/", "/openapi.json"} or key[0].startswith("/console/")}
    assert routes - pages == set(operations(document))


def test_document__operations_are_told_apart(document: dict[str, Any]) -> None:
    """Each operation has an id of its own, a summary, its path's parameters and a way to fail."""
    described = operations(document)
    assert len(described) == len({one["operationId"] for one in described.values()})
    for (path, _), one in described.items():
        names = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "path"}
        assert {part[1:-1] for part in path.split("/") if part.startswith("{")} == names
        assert one["summary"]
        assert "4XX" in one["responses"]


def test_document__who_needs_a_token(document: dict[str, Any]) -> None:
    """Exactly what stands under /api, the proxy and the metrics need a bearer token."""
    for (path, _), one in operations(document).items():
        assert (path.startswith(("/api/", "/proxy/")) or path == "/metrics") is ("security" in one)


def test_document__lists_take_every_filter(document: dict[str, Any]) -> None:
    """The filters of the lists are those the receiver reads."""
    models: dict[str, type[PageQuery]] = dict.fromkeys(("/api/tasks", "/api/assets", "/api/deliveries"), ListQuery)
    for path, model in (models | {"/api/notifications": NotificationQuery}).items():
        query = {p["name"] for p in operations(document)[path, "GET"]["parameters"] if p["in"] == "query"}
        assert set(model.model_fields) == query


def test_document__bodies(document: dict[str, Any]) -> None:
    """What takes a body says so."""
    with_body = {key for key, one in operations(document).items() if "requestBody" in one}
    assert {
        ("/api/tasks", "POST"), ("/api/tasks/import", "POST"), ("/api/tasks/lookup", "POST"),
        ("/api/callback-urls", "POST"), ("/api/notifications/redrive", "POST"), ("/webhooks/-/{token}", "POST"),
        ("/api/tasks/reopen", "POST"), ("/api/assets/retry", "POST"), ("/api/deliveries/replay", "POST"),
        ("/webhooks/{source}", "POST"), ("/webhooks/{source}/{token}", "POST"), ("/api/generate/{source}", "POST"),
        *(("/proxy/{source}/{path}", method) for method in ("POST", "PUT", "PATCH")),
    } == with_body  # fmt: skip


def test_document__a_callback_url(document: dict[str, Any]) -> None:
    """What makes a callback URL says what it takes and what it answers."""
    made = operations(document)["/api/callback-urls", "POST"]
    wanted = document["components"]["schemas"]["CallbackUrlIn"]["properties"]
    assert {"source", "external_id", "metadata", "expires_in"} == set(wanted)
    answer = made["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert {"id", "url", "expires_at"} == set(document["components"]["schemas"][answer]["properties"])
    assert "callback_id" in document["components"]["schemas"]["TaskIn"]["properties"]


def test_document__targets(house: House, document: dict[str, Any]) -> None:
    """What a target shows is what is described, and each of it is."""
    schemas = document["components"]["schemas"]
    answer = operations(document)["/api/targets", "GET"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert "#/components/schemas/Targets" == answer["$ref"]
    [shown] = house.get("/api/targets")["items"]
    assert set(shown) == set(schemas["Target"]["properties"]) == set(schemas["Target"]["required"])
