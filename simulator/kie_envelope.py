"""
The envelope that KIE.ai's documented routes share: `{code, msg, data}`, where code 200 is good.

The codes 401 and 429 are documented; the HTTP statuses that go with them, all wording, and anything like a 503 are
UNKNOWN.
"""

import json
from datetime import datetime
from typing import Any

from simulator.world import Answer


def good(data: dict[str, Any]) -> dict[str, Any]:
    """Wrap what went well."""
    return {"code": 200, "msg": "success", "data": data}


def refusal(code: int, reason: str) -> Answer:
    """Refuse under HTTP 200, as the docs say that failures may come too."""
    return 200, {"code": code, "msg": reason, "data": None}


def unauthorised() -> Answer:
    """Refuse a wrong key."""
    return 401, {"code": 401, "msg": "You do not have access permissions"}


def busy(status: int) -> Answer:
    """Refuse one request too many, or any at all for now."""
    wording = {429: "Too many requests", 503: "Service unavailable"}[status]
    return status, {"code": status, "msg": wording, "data": None}


def compact(value: object) -> str:
    """Write JSON as KIE's strings hold it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def milliseconds(at: datetime) -> int:
    """Return Unix milliseconds."""
    return round(at.timestamp() * 1000)
