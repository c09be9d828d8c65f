"""How long something shall be good, as people write it. Pure."""

import math
import re
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SHORT = re.compile("([0-9]{1,9})([smhdw])")
_DURATION = TypeAdapter(timedelta)


def seconds(text: str, now: datetime) -> int:
    """
    Read `7d`, `12h`, `90m`, an ISO 8601 duration (`P7D`) or an aware instant, from *now*; whole seconds.

    Raises:
        ValueError: it is none of these, or it is over.
    """
    if short := _SHORT.fullmatch(text):
        found = int(short[1]) * _UNITS[short[2]]
    elif text.startswith("P"):
        found = _iso(text)
    else:
        found = _until(text, now)
    if found <= 0:
        raise ValueError("is not in the future")
    return found


def _iso(text: str) -> int:
    try:
        return int(_DURATION.validate_python(text).total_seconds())
    except ValidationError:
        raise ValueError("is no ISO 8601 duration, like P7D") from None


def _until(text: str, now: datetime) -> int:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError("is neither a span like 7d or 12h nor an instant with its offset (ISO 8601)")
    return math.ceil((instant - now).total_seconds())  # until then, not until the second before
