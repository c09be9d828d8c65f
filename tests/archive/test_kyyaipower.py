"""kyyAiPower's language: what a status answer says, and what strangers may put into it."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import NotUnderstoodError, ProviderBusyError, ReelkeepError, TaskUnknownError
from archive.identity import asset_id
from archive.model import ApiAnswer, Event, ExpiryOrigin, Progress
from archive.providers import kyyaipower
from tests.doubles import START

FILM = "https://h.example/v.mp4"
SOURCE = "https://source.example/o.mp4"


def read(document: Any = None, /, http: int = 200, **fields: Any) -> Event:
    """A completed task's answer with something changed."""
    whole = {"id": "t1", "status": "completed", "video_url": FILM, **fields} if document is None else document
    return kyyaipower.read_status(kyyaipower.POWER, ApiAnswer(http, {}, json.dumps(whole).encode()), at=START)


@pytest.mark.parametrize(
    ("task_id", "last"),
    [
        ("video_1", "video_1"),
        ("../x", "%2E%2E%2Fx"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        ("%2e%2e", "%252e%252e"),
        ("任务", "%E4%BB%BB%E5%8A%A1"),
    ],
)
def test_status_request__an_id_stays_in_its_segment(task_id: str, last: str) -> None:
    """No id changes the path it is put into: slashes, dots, queries and escapes are one segment's text."""
    paths = [kyyaipower.status_request(route, task_id).path for route in kyyaipower.ROUTES]
    assert [f"/kyyAiPower/v1/result/{last}", f"/kyyReactApiServer/v1/result/{last}"] == paths
    assert all(urlsplit(path).path == path for path in paths)


@pytest.mark.parametrize("word", ["reviewing", "success", "cancel", "compléted", "failed "])
def test_read_status__a_word_nobody_documented_is_not_final(word: str) -> None:
    """A new word of state neither ends a task nor stops it from being asked about."""
    event = read(status=word)
    assert (Progress.RUNNING, "state_unknown", ()) == (event.progress, event.reason, event.outputs)


@pytest.mark.parametrize("error", ["Insufficient balance: sk-secret", {"code": 1}, 7, None, ["x"], "x" * 10_000])
def test_read_status__a_failure_keeps_nothing_of_its_text(error: Any) -> None:
    """The error is free text: whatever it holds, the reason is the same slug."""
    event = read(status="failed", error=error)
    assert (Progress.FAILED, "provider_failed") == (event.progress, event.reason)


@pytest.mark.parametrize("word", ["cancelled", "Cancelled", "CANCELLED"])
def test_read_status__cancelled(word: str) -> None:
    """A cancelled task has failed, and says why."""
    event = read(status=word)
    assert (Progress.FAILED, "provider_cancelled") == (event.progress, event.reason)


@pytest.mark.parametrize("source", [None, "", 7, {}, ["https://x.example/a"], "ftp://x.example/a", "no link", FILM])
def test_read_status__a_second_link_that_is_none(source: Any) -> None:
    """A source link that is malformed, of another type or the same as the film's costs nothing."""
    [film] = read(officialMediaUrl=source).outputs
    assert (FILM, None) == (film.link.url, film.second)


@pytest.mark.parametrize("url", [None, "", 7, "no link", "javascript:alert(1)"])
def test_read_status__the_source_stands_in_for_a_film_without_link(url: Any) -> None:
    """A paid film whose own link does not serve is had from its source."""
    [film] = read(video_url=url, officialMediaUrl=SOURCE).outputs
    assert (SOURCE, None) == (film.link.url, film.second)


def test_read_status__a_source_changes_no_identity() -> None:
    """With or without a source link, and signed anew, a film is the same asset."""
    plain, resigned = read(), read(video_url=f"{FILM}?sign=2", officialMediaUrl=SOURCE)
    assert asset_id("s", "t1", plain.outputs[0]) == asset_id("s", "t1", resigned.outputs[0])


@pytest.mark.parametrize(
    ("url", "reason"),
    [(None, "no_outputs"), ("", "no_outputs"), ("no link", "link_not_a_url"), (7, "video_url_not_text")],
)
def test_read_status__a_success_without_film(url: Any, reason: str) -> None:
    """Completed with nothing to fetch is for a person, never a success."""
    with pytest.raises(NotUnderstoodError) as caught:
        read(video_url=url)
    assert reason == caught.value.reason


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"id": None},
        {"id": ""},
        {"code": 500, "msg": "not exist"},
        {"status": "failed", "error": "task not found"},
        {"id": None, "status": "processing"},
        {"id": None, "status": "something"},
        {"timestamp": "x", "status": 500, "error": "Internal", "path": "/kyyAiPower/v1/result/t1"},
    ],
)
def test_read_status__names_no_task(document: Any) -> None:
    """An answer about nobody is "not known here", so that the other route is asked and nothing is believed failed."""
    with pytest.raises(TaskUnknownError):
        read(document)


def test_read_status__a_film_of_nobody() -> None:
    """A finished film without a task's name is for a person, not nothing."""
    with pytest.raises(NotUnderstoodError, match="task_id_missing"):
        read(id=None)


@pytest.mark.parametrize("status", [None, "", 7, {}])
def test_read_status__no_word_of_state(status: Any) -> None:
    """A task without a word about it is for a person."""
    with pytest.raises(NotUnderstoodError, match="status_missing"):
        read(status=status)


def test_gone_after__the_longest_that_a_page_keeps_a_task() -> None:
    """How an unknown task is told is not documented, so none is given up while any page says that it is kept."""
    assert timedelta(days=7) == kyyaipower.GONE_AFTER


def test_read_status__the_day_is_counted_from_the_creation() -> None:
    """`created` is the only instant told: link and storage end a day later, and the completion stays open."""
    event = read(created=int((START - timedelta(hours=5)).timestamp()))
    ends_at = START + timedelta(hours=19)
    link = event.outputs[0].link
    assert (ends_at, ExpiryOrigin.DEFAULT, ends_at, None) == (
        link.expires_at, link.origin, event.storage_expires_at, event.completed_at,
    )  # fmt: skip


@pytest.mark.parametrize("created", [None, "1761635478", 0, -1, 10**20, 1.5e300, True, {}, 4102444800, 1761635478000])
def test_read_status__a_creation_that_cannot_be_meant(created: Any) -> None:
    """What is no plausible creation counts as now and costs no film."""
    assert START + kyyaipower.LINK_LIFE == read(created=created).outputs[0].link.expires_at


def test_read_status__fields_that_are_not_needed() -> None:
    """Whatever stands in the fields that nothing is read from, the film is had."""
    event = read(object=7, model=[], actualDuration="x", totalTokens={}, error={"a": 1}, extra=None)
    assert [FILM] == [output.link.url for output in event.outputs]


def test_read_status__a_proxys_page() -> None:
    """A page under HTTP 200 is no word about the task."""
    with pytest.raises(ProviderBusyError, match="answer_not_json"):
        kyyaipower.read_status(kyyaipower.REACT, ApiAnswer(200, {}, b"<html>"), at=datetime(2026, 1, 1, tzinfo=UTC))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
FIELDS = ("id", "status", "video_url", "officialMediaUrl", "error", "created")
VALUES = json_values | st.sampled_from(["t1", "completed", "failed", "cancelled", FILM, 1761635478])


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES) | json_values, st.sampled_from([200, 201, 400, 404, 429, 500]))
def test_anything__is_an_event_or_an_error_of_ours(document: Any, status: int) -> None:
    """Whatever an answer holds, it ends in an event with a film where it succeeded, or in an error of ours."""
    with suppress(ReelkeepError):
        event = read(document, status) if document is not None else read()
        assert bool(event.outputs) == (event.progress is Progress.SUCCEEDED)
