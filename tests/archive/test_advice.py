"""What to do about a notification that could not be delivered."""

import pytest

from archive.advice import advice


@pytest.mark.parametrize(
    ("reason", "word"),
    [("http_404", "url"), ("http_418", "refuses"), ("http_502", "trouble"), ("http_302", "redirects"),
     ("address_not_public", "private = true"), ("unreachable", "Nothing answers"),
     ("certificate_refused", "certificate"), ("name_not_resolved", "DNS")],
)  # fmt: skip
def test_advice__fits_the_reason(reason: str, word: str) -> None:
    """The most telling advice there is for a reason: its own, else that of its family."""
    assert word in (advice(reason) or "")


@pytest.mark.parametrize("reason", [None, "", "of_a_later_version", "http_2000"])
def test_advice__none_is_made_up(reason: str | None) -> None:
    """Where there is nothing to advise, nothing is."""
    assert advice(reason) is None
