"""How long something shall be good, as people write it."""

import pytest

from archive.lifetime import seconds
from tests.doubles import START


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90), ("90m", 5400), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600), ("P7D", 604_800),
        ("PT12H", 43_200), ("2026-11-21T13:00:00Z", 3600), ("2026-11-21T14:00:00+01:00", 3600),
    ],
)  # fmt: skip
def test_seconds(text: str, expected: int) -> None:
    """Spans with a unit, ISO 8601 durations and instants with an offset are seconds from now."""
    assert expected == seconds(text, START)


@pytest.mark.parametrize(
    "text",
    ["", "7", "d", "7 d", "-7d", "0d", "1.5h", "7d12h", "٣d", "P", "P-1D", "PT0S", "soon", "2026-12-01",
     "2026-11-21T13:00:00", "2026-11-21T12:00:00Z", "1999-01-01T00:00:00Z", "9" * 400 + "d", "P" + "9" * 400 + "D"],
)  # fmt: skip
def test_seconds__none(text: str) -> None:
    """What is nothing of the kind, or over, is refused with a sentence."""
    with pytest.raises(ValueError, match=r"^is n"):
        seconds(text, START)
