"""seedanceapi.org's language: an envelope or its inside, a status answer, and what strangers may put into either."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.documents import parse
from archive.errors import NotUnderstoodError, ReelkeepError
from archive.identity import asset_id
from archive.model import ApiAnswer, Callbacks, Event, ExpiryOrigin, Progress, Verdict
from archive.providers import seedanceapi
from archive.sources import Source
from archive.statements import state
from archive.trust import Decision
from tests.doubles import START
from tests.recorded import answer, sample
from tests.strategies import assert_reads, json_values, links, objects

LINK = "https://cdn.example.com/v/1.mp4"


def data(**fields: Any) -> dict[str, Any]:
    return {"task_id": "t1", "status": "SUCCESS", "response": [LINK], **fields}


def read(document: Any, *, http: int = 200) -> Event:
    return seedanceapi.read_status("status", ApiAnswer(http, {}, json.dumps(document).encode()), at=START)


fields = objects({
    "task_id": st.sampled_from(["t1", "t2", "a b"]),
    "status": st.sampled_from(["SUCCESS", "success", "FAILED", "IN_PROGRESS", "LATER"]),
    "response": st.lists(links),
    "error_message": st.text(),
    "created_at": st.just("2026-04-03T10:30:00Z"),
})  # fmt: skip
envelopes = objects({"code": st.sampled_from([200, 200, 404, 500, "TASK_NOT_FOUND", -1, 10**400]), "data": fields})


@given(fields | envelopes | json_values, st.sampled_from([200, 204, 400, 404, 429, 503]))
def test_anything__is_an_event_or_a_refusal(document: Any, http: int) -> None:
    """Whatever shape a document has, reading it ends in an event or in an error of ours, never in anything else."""
    assert_reads(lambda: seedanceapi.normalise(document, at=START))
    assert_reads(lambda: read(document, http=http))


def test_request__carries_the_id_in_its_query() -> None:
    """The id is a parameter, so nothing in it can change the path."""
    request = seedanceapi.status_request("status", "../x?y=1")
    assert ("GET", "/v2/status", {"task_id": "../x?y=1"}, None) == (
        request.method, request.path, request.params, request.json,
    )  # fmt: skip


def test_identity__survives_a_new_signature() -> None:
    """A link signed anew is the same asset, by callback and by poll."""
    events = [
        seedanceapi.normalise(data(response=[f"{LINK}?sign=1"]), at=START),
        seedanceapi.normalise({"code": 200, "data": data(response=[f"{LINK}?sign=2"])}, at=START),
        read({"code": 200, "data": data(response=[f"{LINK}?sign=3"])}),
    ]
    assert 1 == len({asset_id("s", event.task_id, output) for event in events for output in event.outputs})


def test_expiry__is_counted_from_when_we_saw_the_link() -> None:
    """No completion is told: none is claimed, and a link of a task made long ago has its whole assumed life ahead."""
    recorded = answer("seedanceapi", "status_success")
    late = recorded.at + timedelta(hours=5)
    event = seedanceapi.read_status("status", recorded.answer, at=late)
    [link] = [output.link for output in event.outputs]
    assert (late + seedanceapi.LINK_LIFE, ExpiryOrigin.DEFAULT) == (link.expires_at, link.origin)
    assert (None, None) == (event.completed_at, event.storage_expires_at)


@pytest.mark.parametrize("junk", [7, True, "text", [], {}, [None], {"a": 1}])
def test_fields_we_do_not_need(junk: Any) -> None:
    """Nothing in a field that we do not read changes what an answer says."""
    extra = dict.fromkeys(("created_at", "request", "error_message", "is_public"), junk)
    assert read({"code": 200, "data": data()}) == read({"code": 200, "message": junk, "data": data(**extra)})
    for word in ("IN_PROGRESS", "FAILED"):
        assert not read({"code": 200, "data": data(status=word, response=junk)}).outputs


@pytest.mark.parametrize("code", [0, -1, 201, 302, 399, 1004, 10**400, "SOMETHING", "", True, 200.5, [200], {}])
def test_code__that_is_not_200(code: Any) -> None:
    """Only 200, or no code at all, vouches for what stands beside it; no reason repeats what a stranger wrote."""
    with pytest.raises(ReelkeepError) as caught:
        read({"code": code, "data": data()})
    assert caught.value.reason in {"code_unknown", "code_not_integer"}


@pytest.mark.parametrize("document", [data(), {"data": data()}, {"code": None, "data": data()}])
def test_code__that_is_absent(document: Any) -> None:
    """An answer without a code is read by what it holds."""
    assert Progress.SUCCEEDED is read(document).progress


def test_links__are_all_or_none() -> None:
    """One link that is none makes the answer a person's business: a success must not lose a file in silence."""
    with pytest.raises(NotUnderstoodError, match="link_not_a_url"):
        read({"code": 200, "data": data(response=[LINK, "soon"])})


@pytest.mark.parametrize("text", ["canary", "https://h.example/a?key=canary", {"code": "canary"}])
def test_error_message__is_told_nowhere(text: Any) -> None:
    """The free text of a failure, which may quote prompts and links, is no part of the event."""
    event = read({"code": 200, "data": data(status="FAILED", error_message=text)})
    assert ("provider_failed", False) == (event.reason, "canary" in repr(event))


def test_task_id__of_whoever_the_callback_was_for() -> None:
    """Where the body does not name its task, the caller's knowledge counts; where it does, the body's word."""
    nameless = data(task_id=None)
    assert "t9" == seedanceapi.normalise(nameless, at=START, task_id="t9").task_id
    assert "t1" == seedanceapi.normalise(data(), at=START, task_id="t9").task_id


@pytest.mark.parametrize(
    ("configured", "decision"),
    [
        ({"api_key": "k"}, Decision.CONFIRM),
        ({"tokens": ["t" * 16], "api_key": "k"}, Decision.CONFIRM),
        ({"tokens": ["t" * 16]}, Decision.DOUBT),
        ({"tokens": ["t" * 16], "allowed_hosts": ["cdn.example.com"]}, Decision.BELIEVE),
    ],
)
def test_trust__of_a_callback(configured: dict[str, Any], decision: Decision) -> None:
    """With a key every callback is confirmed; with a token alone only links to hosts that the operator listed count."""
    source = Source.model_validate({"provider": "seedanceapi", **configured})
    recorded = sample("seedanceapi", "success")
    event = seedanceapi.normalise(parse(recorded.body), at=recorded.at)
    verdict = Verdict.TOKEN if source.tokens else Verdict.UNSIGNED
    assert Callbacks.UNSIGNED is seedanceapi.CALLBACKS
    assert decision is state("s", source, event, verdict, "test").decision
