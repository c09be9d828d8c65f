"""The OpenAPI 3.1 document, made from the routes, the models they read, and the endpoints' own docstrings."""

import inspect
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from starlette.routing import Route

from archive.model import Callbacks
from receiver.api import TaskIn
from receiver.callback_urls import CallbackUrlIn
from receiver.paging import ListQuery

_PROBLEM = {
    "description": "A problem document (RFC 9457) with a `reason` slug.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_RECEIPT = {
    "type": "object",
    "required": ["delivery_id", "outcome"],
    "properties": {
        "code": {"type": "integer"},
        "msg": {"type": "string"},
        "delivery_id": {"type": "string"},
        "outcome": {"enum": ["accepted", "duplicate", "ignored", "quarantined"]},
        "reason": {"type": ["string", "null"]},
    },
}
_COUNTS = {
    "type": "object",
    "description": "by source, then by state or outcome",
    "additionalProperties": {"type": "object", "additionalProperties": {"type": "integer"}},
}
_POLLING = ("open", "due", "late", "lag", "asked", "failing", "requests_per_minute")
_SCHEMAS: dict[str, Any] = {
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail", "reason"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "reason": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        },
    },
    "Receipt": _RECEIPT,
    "Page": {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": {"type": "object"}},
            "next_cursor": {"type": ["string", "null"]},
        },
    },
    "Row": {"type": "object", "required": ["id"]},
    "Status": {
        "type": "object",
        "required": ["alerts", "sources", "work", "assets", "tasks", "deliveries"],
        "properties": {
            "alerts": {"type": "array", "items": {"type": "string"}, "description": "what costs videos while it lasts"},
            "sources": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/SourceStatus"}},
            "work": {"type": "object", "additionalProperties": {"type": "integer"}},
            **dict.fromkeys(("assets", "tasks", "deliveries"), _COUNTS),
        },
    },
    "SourceStatus": {
        "type": "object",
        "required": ["provider", "callbacks", "paused", "can_ask"],
        "properties": {
            "provider": {"type": "string"},
            "callbacks": {"enum": [*Callbacks]},
            "paused": {"type": "boolean"},
            "can_ask": {"type": "boolean", "description": "the source has an API key"},
            "polling": {
                "type": "object",
                "description": "how its open tasks are asked about; `lag` in seconds",
                "required": [*_POLLING, "trouble"],
                "properties": {
                    **{name: {"type": "number"} for name in _POLLING},
                    "trouble": {"type": ["string", "null"]},
                },
            },
        },
    },
    "Seen": {
        "type": "object",
        "required": ["reelkeep", "proof"],
        "properties": {
            "reelkeep": {"type": "object", "description": "the probe as it arrived"},
            "proof": {"type": "string", "description": "HMAC-SHA256 of it with the signing key of the token, in hex"},
        },
    },
    "TaskIn": TaskIn.model_json_schema(),
    "CallbackUrlIn": CallbackUrlIn.model_json_schema(),
    "CallbackUrl": {
        "type": "object",
        "required": ["id", "url", "expires_at"],
        "properties": {
            "id": {"type": "string", "description": "what POST /api/tasks takes as `callback_id`"},
            "url": {"type": "string", "format": "uri", "description": "a secret, for the provider alone"},
            "expires_at": {"type": "string", "format": "date-time"},
        },
    },
}
_BODIES = {"/api/tasks": "TaskIn", "/api/callback-urls": "CallbackUrlIn"}
_LINK = {"url": {"type": "string", "format": "uri"}, "expires_at": {"type": "string", "format": "date-time"}}
_LISTS = ("/api/tasks", "/api/assets", "/api/deliveries")


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """The document for *routes*."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            paths.setdefault(route.path, {})[method.lower()] = _operation(route, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Reelkeep",
            "version": version("reelkeep"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, method: str) -> dict[str, Any]:
    is_list = method == "GET" and route.path in _LISTS
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in route.param_convertors
    ]
    if is_list:
        properties = ListQuery.model_json_schema()["properties"]
        parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]
    operation: dict[str, Any] = {
        "operationId": f"{route.name}_{len(route.param_convertors)}",
        "summary": (inspect.getdoc(route.endpoint) or route.name.replace("_", " ")).split("\n")[0],
        "parameters": parameters,
        "responses": {**_success(route, is_list), "4XX": _PROBLEM, "503": _PROBLEM},
    }
    if route.path.startswith("/api/") or route.path == "/metrics":
        operation["security"] = [{"token": []}]
    if method == "POST" and route.path in _BODIES:
        operation["requestBody"] = _json({"$ref": f"#/components/schemas/{_BODIES[route.path]}"}, required=True)
    if route.path.startswith("/webhooks/"):
        operation["requestBody"] = _json({"description": "what the provider documents"}, required=True)
    return operation


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
    if route.path.startswith("/webhooks/-/"):
        name = "Seen"
    elif route.path.startswith("/webhooks/") or route.path.endswith("/replay"):
        name = "Receipt"
    elif route.path == "/api/status":
        name = "Status"
    elif is_list:
        name = "Page"
    elif route.path == "/api/callback-urls":
        name = "CallbackUrl"
    elif "{id}" in route.path or route.path == "/api/tasks":
        name = "Row"
    else:
        return {"200": {"description": "OK", **_json({"type": "object"})}}
    return {"200": {"description": "OK", **_json({"$ref": f"#/components/schemas/{name}"})}}


def _json(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}, **more}
