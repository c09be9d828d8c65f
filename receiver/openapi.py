"""The OpenAPI 3.1 document, made from the routes, the models they read, and the endpoints' own docstrings."""

import inspect
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from starlette.routing import Route

from archive.model import Callbacks, TaskState
from receiver.callback_urls import CallbackUrlIn
from receiver.imports import ImportIn, LookupIn
from receiver.notifications import NotificationQuery, RedriveIn
from receiver.ordering import GenerateIn
from receiver.paging import ListQuery, PageQuery
from receiver.task_in import TaskIn, TaskRow


def _own(model: type[BaseModel], named: str) -> dict[str, Any]:
    """The model's schema, with *named* among the document's own schemas instead of within it."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema["$defs"].pop(named)
    return {name: value for name, value in schema.items() if value}


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
_TARGET_SAID = ("name", "url", "format", "types", "sources")
_TARGET_COUNTED = ("failures", "pending", "delivered", "dead")
_TARGET_INSTANTS = ("failing_since", "rests_until", "succeeded_at", "failed_at")
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
        "required": ["role", "alerts", "sources", "targets", "work", "assets", "tasks", "deliveries"],
        "properties": {
            "role": {"enum": ["viewer", "operator"], "description": "what the token of the request may"},
            "alerts": {"type": "array", "items": {"type": "string"}, "description": "what costs videos while it lasts"},
            "sources": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/SourceStatus"}},
            "targets": {"type": "array", "items": {"$ref": "#/components/schemas/Target"}},
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
    "Target": {
        "type": "object",
        "description": "one [[notify]] table; counts are bounded",
        "required": [*_TARGET_SAID, *_TARGET_COUNTED, *_TARGET_INSTANTS, "reason", "advice"],
        "properties": {
            "name": {"type": "string"},
            "url": {"type": "string", "description": "scheme and host; the rest may be a secret"},
            "format": {"enum": ["reelkeep", "provider"]},
            "types": {"type": "array", "items": {"type": "string"}},
            "sources": {"type": "array", "items": {"type": "string"}},
            **{name: {"type": "integer"} for name in _TARGET_COUNTED},
            **{name: {"type": ["string", "null"], "format": "date-time"} for name in _TARGET_INSTANTS},
            "reason": {"type": ["string", "null"], "description": "of the last failure, while it lasts"},
            "advice": {"type": ["string", "null"], "description": "what to do about it"},
        },
    },
    "Targets": {
        "type": "object",
        "required": ["items"],
        "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Target"}}},
    },
    "RedriveIn": RedriveIn.model_json_schema(),
    "Redriven": {
        "type": "object",
        "required": ["redriven"],
        "properties": {"redriven": {"type": "integer", "description": "how many are sent again"}},
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
    "TaskRow": TaskRow.model_json_schema(),
    "ImportIn": _own(ImportIn, "TaskRow"),
    "Imported": {
        "type": "object",
        "required": ["tasks"],
        "properties": {
            "tasks": {
                "type": "array",
                "description": "in the order they were sent",
                "items": {
                    "type": "object",
                    "required": ["id", "source", "task_id", "state", "is_new"],
                    "properties": {
                        **{key: {"type": "string"} for key in ("id", "source", "task_id")},
                        "state": {"enum": [*TaskState]},
                        "is_new": {"type": "boolean", "description": "false: it was known before"},
                    },
                },
            },
        },
    },
    "LookupIn": LookupIn.model_json_schema(),
    "Lookup": {
        "type": "object",
        "required": ["tasks"],
        "properties": {
            "tasks": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "source", "task_id", "external_id", "state", "reason", "assets"],
                    "properties": {
                        **{key: {"type": "string"} for key in ("id", "source", "task_id")},
                        **{key: {"type": ["string", "null"]} for key in ("external_id", "reason")},
                        "state": {"enum": [*TaskState]},
                        "assets": {
                            "type": "object",
                            "description": "how many are in which state",
                            "additionalProperties": {"type": "integer"},
                        },
                        "asset_reasons": {"type": "array", "items": {"type": "string"}},
                    },
                },
            },
        },
    },
    "CallbackUrlIn": CallbackUrlIn.model_json_schema(),
    "GenerateIn": GenerateIn.model_json_schema(),
    "Generated": {
        "type": "object",
        "required": ["tasks", "callback_id", "credits", "cost", "request"],
        "properties": {
            "tasks": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Row"},
                "description": "none in a dry run",
            },
            "callback_id": {"type": ["string", "null"], "description": "of the callback URL that was minted for it"},
            "credits": {"type": ["number", "null"], "description": "as the provider's answer counts them"},
            "cost": {
                "type": ["object", "null"],
                "description": "the estimate by the documented prices, where there are any",
                "required": ["usd", "credits"],
                "properties": {"usd": {"type": "number"}, "credits": {"type": ["number", "null"]}},
            },
            "request": {"type": "object", "description": "the body as it was sent, the callback URL left out"},
        },
    },
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
_BODIES = {
    "/api/tasks": "TaskIn",
    "/api/tasks/import": "ImportIn",
    "/api/tasks/lookup": "LookupIn",
    "/api/callback-urls": "CallbackUrlIn",
    "/api/notifications/redrive": "RedriveIn",
    "/api/generate/{source}": "GenerateIn",
}
_ANSWERS = {
    "/api/tasks": "Row",
    "/api/tasks/import": "Imported",
    "/api/tasks/lookup": "Lookup",
    "/api/callback-urls": "CallbackUrl",
    "/api/notifications/redrive": "Redriven",
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
            "schemas": _SCHEMAS,
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
    if method == "POST" and route.path in _BODIES:
        operation["requestBody"] = _json({"$ref": f"#/components/schemas/{_BODIES[route.path]}"}, required=True)
    if route.path.startswith("/webhooks/"):
        operation["requestBody"] = _json({"description": "what the provider documents"}, required=True)
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
    elif route.path.startswith("/webhooks/") or route.path.endswith("/replay"):
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
