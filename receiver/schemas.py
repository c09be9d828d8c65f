"""The schemas of the OpenAPI document: made from the models that read bodies, written down for what is answered."""

from typing import Any

from pydantic import BaseModel

from archive.model import Callbacks, TaskState
from receiver.callback_urls import CallbackUrlIn
from receiver.imports import ImportIn, LookupIn
from receiver.notifications import RedriveIn
from receiver.ordering import GenerateIn
from receiver.task_in import TaskIn, TaskRow


def _own(model: type[BaseModel], named: str) -> dict[str, Any]:
    """The model's schema, with *named* among the document's own schemas instead of within it."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema["$defs"].pop(named)
    return {name: value for name, value in schema.items() if value}


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
_URGENCY = ("earliest_deadline", "oldest_due", "clock_tick_age")
_POLLING = ("open", "due", "late", "lag", "asked", "failing", "requests_per_minute")
SCHEMAS: dict[str, Any] = {
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
    "Row": {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string"},
            "credits": {"type": ["number", "null"], "description": "of a task: what the provider says that it cost"},
        },
    },
    "Status": {
        "type": "object",
        "required": ["role", "alerts", "sources", "targets", "work", "urgency", "assets", "tasks", "deliveries"],
        "properties": {
            "role": {"enum": ["viewer", "operator"], "description": "what the token of the request may"},
            "alerts": {"type": "array", "items": {"type": "string"}, "description": "what costs videos while it lasts"},
            "sources": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/SourceStatus"}},
            "targets": {"type": "array", "items": {"$ref": "#/components/schemas/Target"}},
            "work": {"type": "object", "additionalProperties": {"type": "integer"}},
            "urgency": {
                "type": "object",
                "description": "seconds: until the most urgent waiting asset is beyond reach (null: nothing waits), "
                "that one has been due, since the clock ticked (null: never)",
                "required": [*_URGENCY],
                "properties": {name: {"type": ["integer", "null"]} for name in _URGENCY},
            },
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
