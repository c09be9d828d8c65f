"""The OpenAPI 3.1 document, made from the routes, the models they read, and the endpoints' own docstrings."""

import inspect
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from starlette.routing import Route

from receiver.notifications import NotificationQuery
from receiver.paging import ListQuery, PageQuery
from receiver.schemas import SCHEMAS

_PROBLEM = {
    "description": "A problem document (RFC 9457) with a `reason` slug.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_TOO_MANY = {
    **_PROBLEM,
    "description": "Too much has come from this address that proves nothing. Never said to who has proof.",
    "headers": {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}},
}
_BODIES = {
    "/api/tasks": "TaskIn",
    "/api/tasks/import": "ImportIn",
    "/api/tasks/lookup": "LookupIn",
    "/api/callback-urls": "CallbackUrlIn",
    "/api/tasks/reopen": "ReopenIn",
    "/api/assets/retry": "RetryIn",
    "/api/deliveries/replay": "ReplayIn",
    "/api/notifications/redrive": "RedriveIn",
    "/api/generate/{source}": "GenerateIn",
}
_ANSWERS = {
    "/api/tasks": "Row",
    "/api/tasks/import": "Imported",
    "/api/tasks/lookup": "Lookup",
    "/api/callback-urls": "CallbackUrl",
    "/api/tasks/reopen": "Reopened",
    "/api/assets/retry": "Retried",
    "/api/deliveries/replay": "Replayed",
    "/api/notifications/redrive": "Redriven",
    "/api/orders": "Page",
    "/api/targets": "Targets",
    "/api/targets/{name}/test": "Row",
}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "where the provider takes one; a random one is sent where none is given",
    "schema": {"type": "string", "maxLength": 255},
}
_LINK = {"url": {"type": "string", "format": "uri"}, "expires_at": {"type": "string", "format": "date-time"}}
_LISTS: dict[str, type[PageQuery]] = {
    "/api/tasks": ListQuery,
    "/api/assets": ListQuery,
    "/api/deliveries": ListQuery,
    "/api/notifications": NotificationQuery,
}


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """The document for *routes*."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            paths.setdefault(route.path_format, {})[method.lower()] = _operation(route, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Reelkeep",
            "version": version("reelkeep"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, method: str) -> dict[str, Any]:
    is_list = method == "GET" and route.path in _LISTS
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in route.param_convertors
    ]
    if is_list:
        properties = _LISTS[route.path].model_json_schema()["properties"]
        parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]
    operation: dict[str, Any] = {
        "operationId": "_".join(
            [route.name, str(len(route.param_convertors)), *([method.lower()] if _is_proxy(route) else [])]
        ),
        "summary": (inspect.getdoc(route.endpoint) or route.name.replace("_", " ")).split("\n")[0],
        "parameters": parameters,
        "responses": {**_success(route, is_list), "4XX": _PROBLEM, "503": _PROBLEM},
    }
    if route.path == "/api/generate/{source}":
        operation["parameters"].append(_IDEMPOTENCY)
    if _is_proxy(route):
        operation["responses"] |= dict.fromkeys(("502", "504"), _PROBLEM)
        if method in {"POST", "PUT", "PATCH"}:
            operation["requestBody"] = _json({"description": "what the provider documents"})
    if route.path.startswith("/api/") or route.path == "/metrics" or _is_proxy(route):
        operation["security"] = [{"token": []}]
        operation["responses"]["429"] = _TOO_MANY
    if method == "POST" and route.path in _BODIES:
        operation["requestBody"] = _json({"$ref": f"#/components/schemas/{_BODIES[route.path]}"}, required=True)
    if route.path.startswith("/webhooks/"):
        operation["requestBody"] = _json({"description": "what the provider documents"}, required=True)
        operation["responses"]["429"] = _TOO_MANY
    return operation


def _is_proxy(route: Route) -> bool:
    return route.path.startswith("/proxy/")


def _success(route: Route, is_list: bool) -> dict[str, Any]:
    if route.path.endswith("/content"):
        life = {"description": "when the link dies", "schema": {"type": "string", "format": "date-time"}}
        link = {"type": "object", "required": ["url", "expires_at"], "properties": _LINK}
        return {
            "200": {"description": "The link in a document, where the caller accepts JSON.", **_json(link)},
            "302": {"description": "A presigned link to the file.", "headers": {"Reelkeep-Link-Expires-At": life}},
        }
    if route.path == "/metrics":
        text = {"text/plain": {"schema": {"type": "string"}}}
        return {"200": {"description": "Prometheus text, version 0.0.4.", "content": text}}
    if _is_proxy(route):
        ids = {"description": "our ids of the tasks that a create call made", "schema": {"type": "string"}}
        answered = "What the provider answered, unchanged, whatever its status."
        return {"default": {"description": answered, "headers": {"Reelkeep-Task": ids}}}
    if route.path == "/api/generate/{source}":
        made = {"description": "OK", **_json({"$ref": "#/components/schemas/Generated"})}
        return {"200": made, "502": _PROBLEM, "504": _PROBLEM}
    if route.path.startswith("/webhooks/-/"):
        name = "Seen"
    elif route.path.startswith("/webhooks/") or route.path.endswith("/{id}/replay"):
        name = "Receipt"
    elif route.path == "/api/status":
        name = "Status"
    elif is_list:
        name = "Page"
    elif route.path in _ANSWERS:
        name = _ANSWERS[route.path]
    elif "{id}" in route.path:
        name = "Row"
    else:
        return {"200": {"description": "OK", **_json({"type": "object"})}}
    return {"200": {"description": "OK", **_json({"$ref": f"#/components/schemas/{name}"})}}


def _json(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}, **more}
