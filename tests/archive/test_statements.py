"""What the source's configuration makes of an event."""

import pytest

from archive.model import Event, ExpiryOrigin, Link, Output, Progress, Verdict
from archive.providers import kie
from archive.statements import state
from archive.trust import Decision
from tests.builders import source
from tests.doubles import START

FILM = Output("upscaled", 0, Link("https://storage.kie.ai/4k.mp4", START, ExpiryOrigin.DEFAULT))


@pytest.mark.parametrize(
    ("route", "api", "verdict", "decision", "settles"),
    [
        (kie.VEO, "api.example", Verdict.SIGNED_ID, Decision.CONFIRM, True),
        (kie.VEO, "", Verdict.SIGNED_ID, Decision.BELIEVE, True),
        (kie.VEO_4K, "api.example", Verdict.SIGNED_ID, Decision.BELIEVE, False),
        (kie.VEO_4K, "api.example", Verdict.UNSIGNED, Decision.DOUBT, False),
        (kie.VEO_4K, "", Verdict.SIGNED_ID, Decision.BELIEVE, True),
        (kie.VEO_4K, "api.example", Verdict.POLLED, Decision.BELIEVE, True),
    ],
)
def test_state__what_no_route_tells_of(
    route: str, api: str, verdict: Verdict, decision: Decision, settles: bool
) -> None:
    """Files no status route knows are judged without asking; they do not spare asking about their task."""
    event = Event("t1", Progress.SUCCEEDED, route, (FILM,))
    found = state("kie", source(api), event, verdict, "test")
    assert (decision, settles) == (found.decision, found.settles)
    assert bool(api) == found.can_refresh
