"""Instants as they are written, and waits as strangers ask for them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.instants import iso, retry_after
from archive.model import ApiAnswer
from archive.providers import reading

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_iso__is_utc_in_milliseconds() -> None:
    """Every instant has one form, whatever its zone and however fine it is."""
    assert "2026-11-21T12:00:00.123Z" == iso(NOW + timedelta(microseconds=123_999))
    assert "2026-11-21T12:00:00.000Z" == iso(NOW.astimezone(timezone(timedelta(hours=5))))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("120", 120), (" 7 ", 7), ("0", 0), ("9" * 40, 999_999_999),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60), ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("", None), ("soon", None), ("-5", None), ("٣", None), ("1.5", None),
        ("Sat, 99999999999999999999999 Nov 2026 00:00:00 GMT", None),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999", None),
    ],
)  # fmt: skip
def test_retry_after__in_both_forms(value: str, wanted: int | None) -> None:
    """Seconds and dates are read, never less than nothing; what says neither asks for nothing."""
    assert (None if wanted is None else timedelta(seconds=wanted)) == retry_after(value, at=NOW)


@given(st.text(max_size=60))
def test_retry_after__of_any_text(value: str) -> None:
    """Whatever a host writes there, reading it raises nothing, and a provider is left alone for an hour at most."""
    wait = retry_after(value, at=NOW)
    assert wait is None or wait >= timedelta(0)
    believed = reading.retry_after(ApiAnswer(429, {"retry-after": value}, b""), at=NOW)
    assert believed is None or believed <= timedelta(hours=1)
