"""Comparing signatures and judging their age."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import VerificationError
from archive.signature import WINDOW, hmac_sha256_base64, is_fresh, matches_any, timestamp
from tests.doubles import START


def test_hmac__published_vector() -> None:
    """RFC 4231, test case 2, as base64."""
    expected = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
    assert expected == hmac_sha256_base64("Jefe", b"what do ya want for nothing?")


@given(st.text(st.characters()), st.lists(st.text(min_size=1)))
def test_matches_any__only_what_is_there(given_: str, expected: list[str]) -> None:
    """A text matches if it is one of the candidates; arbitrary ones, lone surrogates included, never crash."""
    if "?" not in "".join(expected):
        assert (given_ in expected) is matches_any(given_, expected)


def test_matches_any__nothing_to_match() -> None:
    """Without candidates nothing matches, and every candidate is tried."""
    assert not matches_any("a", [])
    assert matches_any("c", ["a", "b", "c"])
    assert matches_any("a", ["a", "b", "c"])
    assert not matches_any("abc", ["a", "b", "c"])
    assert not matches_any("", ["a"])


def test_timestamp__unix_seconds() -> None:
    """Digits are seconds since 1970 in UTC."""
    assert datetime(2025, 12, 1, 20, 45, 45, tzinfo=UTC) == timestamp("1764621945")


@given(st.text(st.characters(), max_size=20))
def test_timestamp__anything_else(text: str) -> None:
    """Any other text is refused, and never another exception."""
    try:
        instant = timestamp(text)
    except VerificationError as exc:
        assert "timestamp_malformed" == exc.reason  # noqa: PT017
    else:
        assert int(text) == instant.timestamp()


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, True), (300, True), (-300, True), (300.001, False), (-301, False)]
)
def test_is_fresh__on_both_sides(seconds: float, expected: bool) -> None:
    """The window counts into the past and into the future."""
    assert timedelta(seconds=300) == WINDOW
    assert expected is is_fresh(START + timedelta(seconds=seconds), START)
