"""A fresh link for a dead one, asked of a real local API in KIE's words."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from archive.errors import ProviderBusyError
from archive.identity import asset_id
from archive.ledger.claims import Claim
from archive.model import Link
from tests.builders import output, source
from tests.doubles import START, FakeClock
from tests.origin import Origin, Scene, answer, origin
from workers.egress import Egress
from workers.provider_api import ProviderApi
from workers.refresh import Refresher

CALL = "/api/v1/common/download-url"
SEEDANCE, MARKET = "/api/v1/seedance/record-info", "/api/v1/jobs/recordInfo"
REST = ("/api/v1/veo/record-info", "/api/v1/runway/record-detail")
OLD, NEW, OTHER = (f"https://files.example/{name}" for name in ("t1.mp4?sig=1", "t1.mp4?sig=2", "other.mp4?sig=2"))
UNKNOWN = answer({"code": 404, "msg": "not found"})
REFUSED = answer({"code": 422, "msg": "The url is not ours"})
BUSY = answer({"code": 429, "msg": "slow down"})
CLAIM = Claim(
    asset_id("kie", "t1", output("/t1.mp4")), "kie", "task", "t1", "video", 1, "w1", 0, "polled",
    output("/t1.mp4").link, START + timedelta(days=14),
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
    host: Origin, call: Scene, seedance: Scene = UNKNOWN, third: Scene = UNKNOWN, *, key: bool = True
) -> Link | None:
    host.scenes |= {CALL: call, SEEDANCE: seedance, MARKET: third} | dict.fromkeys(REST, UNKNOWN)
    sources = {"kie": source(host.authority if key else "")}
    egress = Egress()
    try:
        return Refresher(sources, ProviderApi(sources, egress), FakeClock())(CLAIM)
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
    [(UNKNOWN, UNKNOWN), (flat(OTHER), market(OTHER)), (flat(OLD), market(OLD)), (answer({"code": 0}), REFUSED)],
    ids=["unknown", "other-file", "same-link", "not-understood"],
)
def test_refresh__none_to_be_had(host: Origin, routes: tuple[Scene, Scene]) -> None:
    """Another file, the same dead link, or no answer that helps is no fresh link."""
    assert refresh(host, REFUSED, *routes) is None


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
