"""A fresh link for a dead one, asked of a real local API in KIE's words."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from archive.errors import ProviderBusyError
from archive.identity import asset_id
from archive.ledger.claims import Claim
from archive.model import Link
from archive.providers import kie
from tests.builders import output, source
from tests.doubles import START, FakeClock, MeterDouble
from tests.origin import Origin, Scene, answer, origin
from workers.egress import Egress
from workers.meter import Meter
from workers.provider_api import ProviderApi
from workers.refresh import Refresher

CALL = "/api/v1/common/download-url"
SEEDANCE, MARKET = "/api/v1/seedance/record-info", "/api/v1/jobs/recordInfo"
OLD, NEW, OTHER = (f"https://files.example/{name}" for name in ("t1.mp4?sig=1", "t1.mp4?sig=2", "other.mp4?sig=2"))
UNKNOWN = answer({"code": 404, "msg": "not found"})
REFUSED = answer({"code": 422, "msg": "The url is not ours"})
BUSY = answer({"code": 429, "msg": "slow down"})
CLAIM = Claim(
    asset_id("kie", "t1", output("/t1.mp4")), "kie", "task", "t1", "video", 0, 1, "w1", 0, "polled",
    output("/t1.mp4").link, None, START + timedelta(days=14),
)  # fmt: skip


def flat(url: str) -> Scene:
    return answer({"code": 0, "data": {"taskId": "t1", "status": 1, "videoUrl": url}})


def market(*urls: str) -> Scene:
    return answer(
        {"code": 200, "data": {"taskId": "t1", "state": "success", "resultJson": json.dumps({"resultUrls": urls})}}
    )


@pytest.fixture
def host() -> Iterator[Origin]:
    with origin() as server:
        yield server


def refresh(
    host: Origin,
    call: Scene,
    seedance: Scene = UNKNOWN,
    third: Scene = UNKNOWN,
    *,
    key: bool = True,
    claim: Claim = CLAIM,
    meter: Meter | None = None,
) -> Link | None:
    paths = [kie.status_request(route, "t1").path for route in kie.ROUTES]
    host.scenes |= {**dict.fromkeys(paths, UNKNOWN), CALL: call, SEEDANCE: seedance, MARKET: third}
    sources = {"kie": source(host.authority if key else "")}
    egress = Egress()
    try:
        return Refresher(sources, ProviderApi(sources, egress), meter or MeterDouble(), FakeClock())(claim)
    finally:
        egress.close()


def test_refresh__by_the_providers_call(host: Origin) -> None:
    """The call for fresh links is told the old link, and its answer lives for the stated time."""
    link = refresh(host, answer({"code": 200, "data": NEW}))
    assert link is not None
    assert (NEW, START + timedelta(minutes=20)) == (link.url, link.expires_at)
    assert ([CALL], [{"url": OLD}]) == (host.paths, [json.loads(body) for body in host.bodies])


@pytest.mark.parametrize(
    "call",
    [
        REFUSED,
        UNKNOWN,
        answer({"code": 200, "data": "no link"}),
        answer({"code": 200, "data": None}),
        answer({"code": 0}),
    ],
    ids=["refused", "unknown", "no-link", "null", "other-shape"],
)
def test_refresh__by_the_status_answer(host: Origin, call: Scene) -> None:
    """Where the call gives no link, the same file in the task's status answer does, on whichever route knows it."""
    for routes in ((flat(NEW), UNKNOWN), (UNKNOWN, market(OTHER, NEW))):
        link = refresh(host, call, *routes)
        assert link is not None
        assert NEW == link.url


@pytest.mark.parametrize(
    "routes",
    [(UNKNOWN, UNKNOWN), (flat(OLD), market(OLD)), (flat(OTHER), UNKNOWN)],
    ids=["unknown", "same-link", "other-file"],
)
def test_refresh__none_to_be_had(host: Origin, routes: tuple[Scene, Scene]) -> None:
    """An unknown task, the same dead link, or another file is no fresh link."""
    assert refresh(host, REFUSED, *routes) is None


@pytest.mark.parametrize(
    "routes",
    [(answer({"code": 0}), REFUSED), (answer({"code": 401}), UNKNOWN), (answer("oops", status="502 Bad"), UNKNOWN)],
    ids=["not-understood", "refused", "down"],
)
def test_refresh__no_answer_is_no_word_about_links(host: Origin, routes: tuple[Scene, Scene]) -> None:
    """Where no route says that there is no other link, it is asked again later."""
    with pytest.raises(ProviderBusyError):
        refresh(host, REFUSED, *routes)


def test_refresh__a_route_that_is_down_hides_no_other(host: Origin) -> None:
    """A later route's fresh link is taken although an earlier one cannot answer."""
    link = refresh(host, REFUSED, answer("oops", status="502 Bad Gateway"), market(NEW))
    assert link is not None
    assert NEW == link.url


def test_refresh__of_another_task_is_not_taken(host: Origin) -> None:
    """An answer about another task gives no link, whatever file it names."""
    other = answer({"code": 0, "data": {"taskId": "t2", "status": 1, "videoUrl": NEW}})
    assert refresh(host, REFUSED, other) is None


def test_refresh__is_paid_for_request_by_request(host: Origin) -> None:
    """Each request comes out of the account's budget; where that is used up none is sent, and it is tried again."""
    meter = MeterDouble()
    refresh(host, REFUSED, UNKNOWN, market(NEW), meter=meter)
    assert (["kie"] * 3, 3) == (meter.paid, len(host.heads))
    with pytest.raises(ProviderBusyError, match="rate_budget"):
        refresh(host, answer({"code": 200, "data": NEW}), meter=MeterDouble(timedelta(seconds=7)))
    assert 3 == len(host.heads)


def test_refresh__a_provider_that_wants_rest_is_heeded(host: Origin) -> None:
    """That an account is told to slow down here counts for all its requests."""
    meter = MeterDouble()
    with pytest.raises(ProviderBusyError):
        refresh(host, BUSY, meter=meter)
    assert ["code_429"] == meter.heeded


@pytest.mark.parametrize(
    "scenes", [(BUSY,), (REFUSED, BUSY), (REFUSED, UNKNOWN, BUSY)], ids=["call", "first", "second"]
)
def test_refresh__busy_may_have_one_later(host: Origin, scenes: tuple[Scene, ...]) -> None:
    """A provider that asks us to come back has not said no."""
    with pytest.raises(ProviderBusyError):
        refresh(host, *scenes)


def test_refresh__without_a_key_nobody_is_asked(host: Origin) -> None:
    """A source without an API key has no fresh links."""
    assert refresh(host, answer({"code": 200, "data": NEW}), key=False) is None
    assert [] == host.heads
