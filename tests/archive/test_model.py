"""The words of the house: how much one event may say, and what a link shows of itself."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from archive.errors import NotUnderstoodError
from archive.model import (
    MAX_OUTPUTS,
    ApiAnswer,
    Delivery,
    Event,
    ExpiryOrigin,
    Link,
    Outcome,
    Output,
    Progress,
    Verdict,
)
from archive.providers import acedata, kie, seedance2ai, seedanceapi
from archive.sources import Source
from archive.trust import Decision, decide
from archive.urls import read_url
from receiver.understand import understand
from tests.doubles import START
from tests.hostile_urls import DECOY, hostile_urls
from tests.strategies import odd_urls


def urls(count: int, place: str = "v") -> list[str]:
    return [f"https://files.example/{place}/{n}.mp4" for n in range(count)]


def kie_veo(films: int, covers: int = 0) -> Any:
    return {"code": 200, "data": {"taskId": "t1", "info": {"resultUrls": urls(films), "imageUrls": urls(covers, "c")}}}


def ace(films: int, frames: int = 0) -> Any:
    made = [{"status": "succeeded", "video_url": url} for url in urls(films)]
    return {
        "success": True, "task_id": "t1",
        "data": made + [{"status": "succeeded", "last_frame_url": url} for url in urls(frames, "f")],
    }  # fmt: skip


CALLBACKS: dict[str, Callable[[int, int], Any]] = {"kie": kie_veo, "acedata": ace}
ANSWERS: dict[str, tuple[Any, str, Callable[[int], Any]]] = {
    "kie": (kie, kie.MARKET, lambda n: {
        "code": 200, "data": {"taskId": "t1", "state": "success", "resultJson": json.dumps({"resultUrls": urls(n)})},
    }),
    "seedanceapi": (seedanceapi, "status", lambda n: {
        "code": 200, "data": {"task_id": "t1", "status": "SUCCESS", "response": urls(n)},
    }),
    "seedance2ai": (seedance2ai, seedance2ai.TASKS, lambda n: {"id": "t1", "status": "completed", "output": urls(n)}),
    "acedata": (acedata, acedata.TASKS, lambda n: {"id": "t1", "response": ace(n), "finished_at": START.timestamp()}),
}  # fmt: skip


@pytest.mark.parametrize("provider", CALLBACKS)
@pytest.mark.parametrize(("films", "beside"), [(MAX_OUTPUTS + 1, 0), (MAX_OUTPUTS - 1, 2), (9000, 0)])
def test_event__a_delivery_that_names_too_many_files(provider: str, films: int, beside: int) -> None:
    """F61: more files than any page shows, of one kind or of several together, make no assets: the delivery is kept."""
    source = Source.model_validate({"provider": provider, "tokens": ["t" * 16]}, context={})
    for count, other, reason in ((films, beside, "too_many_outputs"), (MAX_OUTPUTS - 1, 1, "not_trusted")):
        document = CALLBACKS[provider](count, other)
        said = Delivery(provider, {}, json.dumps(document).encode(), None, START)
        kept = understand(said, document, source, Verdict.TOKEN)
        assert (Outcome.QUARANTINED, reason) == (kept.outcome, kept.reason)
        assert (0 if reason == "too_many_outputs" else MAX_OUTPUTS) == len(
            kept.statement.event.outputs if kept.statement else ()
        )


@pytest.mark.parametrize("provider", ANSWERS)
def test_event__a_status_answer_that_names_too_many_files(provider: str) -> None:
    """F61: an answer of a status route is bound like a delivery; the task stays open, for a person to look at."""
    module, route, made = ANSWERS[provider]

    def read(count: int) -> Event:
        answer = ApiAnswer(200, {}, json.dumps(made(count)).encode())
        event: Event = module.read_status(route, answer, at=START)
        return event

    assert MAX_OUTPUTS == len(read(MAX_OUTPUTS).outputs)
    with pytest.raises(NotUnderstoodError, match="too_many_outputs"):
        read(MAX_OUTPUTS + 1)


def test_link__is_listed_by_the_host_it_is_followed_to() -> None:
    """F54, F56: no spelling brings a link past the allow list that the guard would read as another host."""
    hosts = frozenset({DECOY})
    for url in hostile_urls():
        link = Link(url, START, ExpiryOrigin.DEFAULT)
        event = Event("t1", Progress.SUCCEEDED, kie.MARKET, (Output("video", 0, link),))
        found = decide(event, Verdict.TOKEN, can_ask=False, confirm_always=False, hosts=hosts)
        assert found is Decision.DOUBT or (read_url(url).host, link.host) == (DECOY, DECOY), url


@given(odd_urls)
def test_link__shows_no_more_than_a_host(url: str) -> None:
    """F80: whatever the URL, its repr is the host that it is followed to, or none."""
    shown = repr(Link(f"{url}secret", START, ExpiryOrigin.DEFAULT))
    assert shown.isascii()
    host = Link(f"{url}secret", START, ExpiryOrigin.DEFAULT).host
    assert shown.startswith(f"Link({host!r}, expires_at=")
