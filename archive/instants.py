"""Instants and waits, as JSON and HTTP write them. Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def iso(at: datetime) -> str:
    """ISO 8601 in UTC, milliseconds, `Z`: the one form in answers, notifications and stored documents."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def retry_after(value: str, *, at: datetime) -> timedelta | None:
    """
    How long a Retry-After (RFC 9110, 10.2.3) asks for, seconds or an HTTP date, never less than nothing.

    None where it says nothing that we understand: a stranger writes it. The caller bounds what he believes.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=int(value[:9]))
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(timedelta(0), (until if until.tzinfo else until.replace(tzinfo=UTC)) - at)
