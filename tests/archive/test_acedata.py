"""AceData Cloud's language: callbacks and records in each of their shapes, batches, and what strangers may put in."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.documents import parse
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError, ReelkeepError, TaskUnknownError
from archive.identity import asset_id
from archive.model import ApiAnswer, Event, Progress
from archive.providers import acedata
from tests.doubles import START
from tests.recorded import answer as recorded_answer
from tests.recorded import sample

FILM = "https://platform.cdn.acedata.cloud/seedance/1.mp4"
FRAME = "https://platform.cdn.acedata.cloud/seedance/1.png"
FILE = "https://platform.cdn.acedata.cloud/seedance/1.mov"
FLAT = {"task_id": "cgt-1", "status": "succeeded", "video_url": FILM, "last_frame_url": FRAME}
ARK = {"id": "cgt-1", "status": "succeeded", "content": {"video_url": FILM, "last_frame_url": FRAME}}


def called(data: Any = None, /, **fields: Any) -> Event:
    """A callback with something changed."""
    return acedata.normalise(
        {"success": True, "task_id": "t1", "data": FLAT if data is None else data, **fields}, at=START
    )


def asked(document: Any, status: int = 200) -> Event:
    return acedata.read_status(acedata.TASKS, ApiAnswer(status, {}, json.dumps(document).encode()), at=START)


def batch(document: Any, status: int = 200) -> dict[str, Event | NotUnderstoodError]:
    return acedata.read_batch(acedata.TASKS, ApiAnswer(status, {}, json.dumps(document).encode()), at=START)


def record(task_id: Any = "t1", /, **fields: Any) -> dict[str, Any]:
    """A finished task's record with something changed."""
    response = {"success": True, "task_id": task_id, "data": FLAT}
    return {"id": task_id, "request": {}, "response": response, "finished_at": START.timestamp() - 60, **fields}


def links(event: Event) -> list[tuple[str, str]]:
    return [(output.role, output.link.url) for output in event.outputs]


def test_identities__are_the_same_in_every_shape() -> None:
    """Callback, record and older answer, flat, nested or a list, signed anew or not: the same assets."""
    resigned = {"task_id": "cgt-1", "status": "succeeded", "video_url": f"{FILM}?s=2", "last_frame_url": f"{FRAME}?s=2"}
    events = [
        called(), called(ARK), called([ARK]), called(resigned), asked(record()),
        asked(record(response={"success": True, "data": [ARK]})),
        asked({"success": True, "task_id": "t1", "data": [ARK]}),
    ]  # fmt: skip
    identities = {tuple(asset_id("s", event.task_id, output) for output in event.outputs) for event in events}
    assert [1, 2] == [len(identities), len(identities.pop())]


def test_read_status__the_two_documented_answers_agree() -> None:
    """The record of the newer pages and the body of the older guide are read from the documents themselves."""
    newer, older = (recorded_answer("acedata", case) for case in ("status_record", "status_list_succeeded"))
    for recorded in (newer, older):
        event = acedata.read_status(acedata.TASKS, recorded.answer, at=recorded.at)
        assert event.task_id == recorded.expected["event"]["task_id"]
        assert not event.task_id.startswith("cgt")


@pytest.mark.parametrize("inner", ["cgt-1", "other", None, 7])
def test_normalise__the_inner_id_names_nothing(inner: Any) -> None:
    """The upstream's id is never taken for the task's, whether the outer one is there or not."""
    assert "t1" == called({**FLAT, "task_id": inner, "id": inner}).task_id
    with pytest.raises(NotUnderstoodError, match="task_id_missing"):
        acedata.normalise({"success": True, "data": {**FLAT, "task_id": inner, "id": inner}}, at=START)


@pytest.mark.parametrize(
    "document", [parse(sample("acedata", "failure_without_task").body), {"success": True, "data": FLAT}]
)
def test_normalise__whose_it_is_where_the_body_does_not_say(document: Any) -> None:
    """A callback without a task's id is the task's whose URL it was sent to, and nobody's where that is not known."""
    assert "known" == acedata.normalise(document, at=START, task_id="known").task_id
    with pytest.raises(NotUnderstoodError, match="task_id_missing"):
        acedata.normalise(document, at=START)


def test_normalise__the_bodys_own_word_comes_first() -> None:
    """Where the body names a task, that is whose it is."""
    assert "t1" == acedata.normalise({"success": True, "task_id": "t1", "data": FLAT}, at=START, task_id="t2").task_id


@pytest.mark.parametrize("frame", [None, "", 7, {}, [FRAME], "no link", "ftp://h.example/a.png", "x" * 9000])
def test_normalise__a_last_frame_that_is_none_costs_no_film(frame: Any) -> None:
    """Whatever stands where the last frame should be, the film is had, in either shape."""
    for data in ({**FLAT, "last_frame_url": frame}, {**ARK, "content": {"video_url": FILM, "last_frame_url": frame}}):
        assert [("video", FILM)] == links(called(data))


@pytest.mark.parametrize("file", [7, "no link", FILM])
def test_normalise__a_file_that_is_none_costs_no_film(file: Any) -> None:
    """A file link that is none, or is the film's own, adds nothing."""
    assert [("video", FILM)] == links(called({**ARK, "content": {"video_url": FILM, "file_url": file}}))


def test_normalise__file_and_last_frame_beside_the_film() -> None:
    """What is no mp4 is kept beside the film under a role that lets its bytes say what it is."""
    content = {"video_url": FILM, "file_url": FILE, "last_frame_url": FRAME}
    assert [("video", FILM), ("file", FILE), ("last_frame", FRAME)] == links(called({**ARK, "content": content}))


@pytest.mark.parametrize("content", [{}, {"last_frame_url": FRAME}, None, 7, [FILM]])
def test_normalise__success_without_film(content: Any) -> None:
    """Nothing, or a last frame alone, is no success: it would end the task without its film."""
    with pytest.raises(NotUnderstoodError, match="no_outputs"):
        called({"status": "succeeded", "content": content})


def test_normalise__every_item_of_a_list_is_read() -> None:
    """Films of all items are outputs; an item that failed costs the others nothing."""
    second = {"status": "succeeded", "content": {"video_url": f"{FILM}x"}}
    assert [("video", FILM), ("video", f"{FILM}x"), ("last_frame", FRAME)] == links(
        called([ARK, {"status": "failed", "error": {"code": "x"}}, second])
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([ARK, {"status": "processing"}], None),
        ([ARK, {"status": "reviewing"}], "state_unknown"),
        ({**FLAT, "status": "reviewing"}, "state_unknown"),
        ({**FLAT, "status": "PROCESSING"}, None),
        ({**ARK, "status": "queued"}, None),
        ({**ARK, "status": "running"}, None),
    ],
)
def test_normalise__not_final(data: Any, reason: str | None) -> None:
    """While one item runs, or says a word nobody documented, the task runs."""
    event = called(data)
    assert (Progress.RUNNING, reason, ()) == (event.progress, event.reason, event.outputs)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"success": False, "error": {"code": "used_up", "message": "sk-secret"}}, "provider_used_up"),
        ({"success": False, "error": {"code": 7}}, "provider_failed"),
        ({"success": False, "error": "text"}, "provider_failed"),
        ({"success": False, "error": None, "data": None}, "provider_failed"),
        ({"success": False, "data": "not an object"}, "provider_failed"),
        ({"data": {"status": "Cancelled"}}, "provider_cancelled"),
        ({"data": {"status": "expired"}}, "provider_expired"),
        (
            {"data": {"status": "failed", "error": {"code": "InputTextRisk", "message": "text"}}},
            "provider_inputtextrisk",
        ),
        ({"success": None, "data": None, "error": {"code": "api_error"}}, "provider_api_error"),
    ],
)
def test_normalise__failures(fields: dict[str, Any], reason: str) -> None:
    """A failure is told in several ways; its code becomes a short slug and its text is not kept."""
    event = called(**fields)
    assert (Progress.FAILED, reason, ()) == (event.progress, event.reason, event.outputs)


@pytest.mark.parametrize("success", ["true", 1, 0, "false", {}])
def test_normalise__a_success_that_is_no_boolean(success: Any) -> None:
    """Only true and false say how it ended."""
    with pytest.raises(NotUnderstoodError, match="success_not_boolean"):
        called(success=success)


def test_read_status__a_finished_task_needs_no_word_we_know() -> None:
    """The services' words differ: finished and successful with a film is a success, whatever it is called."""
    for word in ("completed", "SUCCESS", None):
        response = {"success": True, "data": {**FLAT, "status": word}}
        assert Progress.SUCCEEDED is asked(record(response=response)).progress


@pytest.mark.parametrize("word", ["failed", "processing"])
def test_read_status__a_finished_tasks_known_word_still_counts(word: str) -> None:
    """A word that is documented means what it says even in a finished record."""
    assert (
        Progress.SUCCEEDED is not asked(record(response={"success": True, "data": {**FLAT, "status": word}})).progress
    )


@pytest.mark.parametrize("finished_at", [None, "soon", -1, 10**20, 4102444800.5])
def test_read_status__an_end_that_cannot_be_meant(finished_at: Any) -> None:
    """What is no plausible end counts as now and costs no film."""
    event = asked(record(finished_at=finished_at))
    assert (START, START + timedelta(hours=24)) == (event.completed_at, event.outputs[0].link.expires_at)


def test_read_status__a_link_dies_a_day_after_the_end() -> None:
    """The expiry is counted from `finished_at`, which is a fraction of a second."""
    event = asked(record(finished_at=(START - timedelta(hours=1)).timestamp() + 0.25))
    assert START + timedelta(hours=23, microseconds=250_000) == event.outputs[0].link.expires_at


@pytest.mark.parametrize("response", [None, {}, "soon", []])
def test_read_status__running_until_it_is_answered(response: Any) -> None:
    """Without response and end a task runs; with an end and no response it is neither a success nor given up."""
    assert Progress.RUNNING is asked(record(response=response, finished_at=None)).progress
    with pytest.raises(NotUnderstoodError, match="response_missing"):
        asked(record(response=response))


def test_read_status__the_record_of_another_task() -> None:
    """A response that names another task than its record is for a person."""
    with pytest.raises(NotUnderstoodError, match="task_ids_differ"):
        asked(record(response={"success": True, "task_id": "t2", "data": FLAT}))


@pytest.mark.parametrize(
    "code",
    ["no_token", "invalid_token", "token_expired", "token_mismatched", "disabled", "used_up", "forbidden", "no_api"],
)
@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_errors__refused(code: str, status: int) -> None:
    """A refusal is told by its code, under whichever HTTP status, for one task and for several."""
    for read in (asked, batch):
        with pytest.raises(ProviderRefusedError) as caught:
            read({"error": {"code": code, "message": "sk-secret"}, "trace_id": "x"}, status)
        assert code == caught.value.reason


@pytest.mark.parametrize("code", ["too_many_requests", "rate_limited", "api_error", "timeout"])
@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_errors__busy(code: str, status: int) -> None:
    """An error of a query that names no task says nothing about the task: asked again later."""
    for read in (asked, batch):
        with pytest.raises(ProviderBusyError) as caught:
            read({"success": False, "error": {"code": code, "message": "text"}}, status)
        assert code == caught.value.reason


@pytest.mark.parametrize(
    ("error", "reason", "document", "status"),
    [
        (TaskUnknownError, "task_not_found", {}, 200),
        (TaskUnknownError, "task_not_found", {"items": []}, 200),
        (TaskUnknownError, "task_not_found", {"error": {"code": "not_found"}}, 404),
        (TaskUnknownError, "task_not_found", {"error": {"code": "not_found"}}, 200),
        (ProviderRefusedError, "http_404", {}, 404),
        (ProviderRefusedError, "http_404", None, 404),
        (ProviderRefusedError, "http_418", {"error": {"code": ["x"]}}, 418),
        (ProviderRefusedError, "provider_new_code", {"error": {"code": "new-code"}}, 200),
        (ProviderBusyError, "http_503", {"error": "down"}, 503),
        (NotUnderstoodError, "task_id_missing", {"trace_id": "x"}, 200),
        (NotUnderstoodError, "not_an_object", None, 200),
    ],
)
def test_errors__others(error: type[ReelkeepError], reason: str, document: Any, status: int) -> None:
    """Only what is documented as not found counts as that; a wrong address must not let every task be gone."""
    with pytest.raises(error) as caught:
        asked(document, status)
    assert reason == caught.value.reason


def test_batch_request__names_the_tasks() -> None:
    """Several tasks are asked about by their ids in one documented body."""
    request = acedata.batch_request(acedata.TASKS, ("t1", "t2"))
    assert request is not None
    assert ("POST", "/seedance/tasks", {"ids": ["t1", "t2"], "action": "retrieve_batch"}) == (
        request.method, request.path, request.json,
    )  # fmt: skip


def test_read_batch__documented() -> None:
    """Records of finished and running tasks are told by their ids, each as it would be alone."""
    items = [
        record("t1"),
        record("t2", response=None, finished_at=None),
        {"success": True, "task_id": "t3", "data": [ARK]},
    ]
    found = batch({"items": items, "count": 3})
    assert {"t1": asked(items[0]), "t2": asked(items[1]), "t3": asked(items[2])} == found


@pytest.mark.parametrize(
    "bad", [None, 7, "x", [], {}, {"id": None}, {"id": 7}, {"id": "a\x00b"}, {"error": {"code": "x"}}]
)
def test_read_batch__an_item_that_names_nobody_is_left_out(bad: Any) -> None:
    """What names no task costs no other task anything."""
    assert ["t1", "t2"] == list(batch({"items": [record("t1"), bad, record("t2")], "count": 3}))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (record("bad", response=None), "response_missing"),
        (record("bad", response={"success": 7}), "success_not_boolean"),
        (record("bad", response={"success": True, "task_id": "other", "data": FLAT}), "task_ids_differ"),
        (record("bad", response={"success": True, "data": {**FLAT, "video_url": "no link"}}), "link_not_a_url"),
    ],
)
def test_read_batch__an_item_not_understood_is_an_error_of_its_own(bad: Any, reason: str) -> None:
    """A task told in a way nobody documented is there as its error; the others are as they would be."""
    found = batch({"items": [record("t1"), bad, record("t2")], "count": 3})
    error = found.pop("bad")
    assert isinstance(error, NotUnderstoodError)
    assert (reason, {"t1": asked(record("t1")), "t2": asked(record("t2"))}) == (error.reason, found)


@pytest.mark.parametrize("document", [{}, {"items": []}, {"items": [], "count": 0}])
def test_read_batch__nobody_known(document: Any) -> None:
    """A batch of which no task is known has no entries: whoever asked sees which are missing."""
    assert {} == batch(document)


@pytest.mark.parametrize("document", [None, [], {"count": 2}, {"items": {}}, {"items": None}, "x"])
def test_read_batch__no_batch(document: Any) -> None:
    """What is no list of records says nothing about any task."""
    with pytest.raises(NotUnderstoodError, match="items_missing"):
        batch(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
WORDS = st.sampled_from(["t1", "succeeded", "failed", "processing", FILM, FRAME, True, False, None, 1766329518.051])
ITEM = ("status", "video_url", "last_frame_url", "file_url", "content", "error")
items = st.dictionaries(st.sampled_from(ITEM), WORDS | json_values | st.just({"video_url": FILM}))
BODY = ("id", "task_id", "success", "error", "data", "response", "finished_at", "items")
bodies = st.dictionaries(
    st.sampled_from(BODY), WORDS | json_values | items | st.lists(items) | st.fixed_dictionaries({"data": items})
)


@given(
    bodies | st.builds(lambda each: {"items": each}, st.lists(bodies)) | json_values, st.sampled_from([200, 404, 500])
)
def test_anything__is_an_event_or_an_error_of_ours(document: Any, status: int) -> None:
    """Whatever shape a document has, reading it ends in values or in an error of ours; a success has a file."""
    answer = ApiAnswer(status, {}, json.dumps(document).encode())
    events: list[Event | NotUnderstoodError] = []
    for act in (
        lambda: [acedata.normalise(document, at=START)],
        lambda: [acedata.normalise(document, at=START, task_id="known")],
        lambda: [acedata.read_status(acedata.TASKS, answer, at=START)],
        lambda: list(acedata.read_batch(acedata.TASKS, answer, at=START).values()),
    ):
        with suppress(ReelkeepError):
            events += act()
    for event in events:
        if isinstance(event, Event):
            assert bool(event.outputs) == (event.progress is Progress.SUCCEEDED)
