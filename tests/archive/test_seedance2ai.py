"""seedance2ai.io's language: a task route, three forms of output, and what strangers may put into them."""

import json
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import ReelkeepError
from archive.identity import asset_id
from archive.model import ApiAnswer, Event, ExpiryOrigin, Progress
from archive.providers import seedance2ai
from tests.doubles import START
from tests.recorded import answers
from tests.strategies import assert_reads, json_values, links, objects

VIDEO, FRAME = "https://h.example/v.mp4", "https://h.example/f.png"
IMAGE, ORIGIN = "https://h.example/1.png", "https://origin.example/p/1.png"


def task(**fields: Any) -> dict[str, Any]:
    output = {"video_url": VIDEO, "last_frame_url": FRAME}
    return {"id": "sd2_1", "status": "completed", "output": output, "error": None, **fields}


def read(document: Any, *, http: int = 200, at: datetime = START) -> Event:
    return seedance2ai.read_status("tasks", ApiAnswer(http, {}, json.dumps(document).encode()), at=at)


def roles(event: Event) -> list[str]:
    return [output.role for output in event.outputs]


images = objects({"url": links, "provider_url": links})
outputs = (
    objects({"video_url": links, "last_frame_url": links, "seed": st.integers()})
    | st.lists(links)
    | objects({"images": st.lists(images)})
)
tasks = objects({
    "id": st.sampled_from(["sd2_1", "gpt2_1", "a b"]),
    "status": st.sampled_from(["completed", "Completed", "failed", "processing", "later"]),
    "output": outputs,
    "error": objects({"code": st.text(), "message": st.text()}) | st.text(),
    "updated_at": st.sampled_from(["2026-06-03T10:03:12.000Z", "0001-01-01T00:00:00+23:59", "9999-12-31", "soon"]),
})  # fmt: skip


@given(tasks | json_values, st.sampled_from([200, 204, 400, 404, 429, 503]))
def test_anything__is_an_event_or_a_refusal(document: Any, http: int) -> None:
    """Whatever shape an answer has, reading it ends in an event or in an error of ours, never in anything else."""
    assert_reads(lambda: read(document, http=http))


@pytest.mark.parametrize("task_id", ["../x", "..", ".", "a/b", "a?b=1", "a#b", "%2e%2e", "a b", "é", "a\\b", "//h/x"])
def test_request__stays_in_its_path(task_id: str) -> None:
    """Whatever an id holds, it is one segment under the task route, and the id can be read back from it."""
    path = seedance2ai.status_request("tasks", task_id).path
    segment = path.removeprefix("/api/v1/tasks/")
    assert re.fullmatch(r"[A-Za-z0-9_~%-]+", segment)
    assert task_id == unquote(segment)


def test_request__goes_to_the_host_that_keeps_the_key() -> None:
    """The bare host redirects, and a redirect loses the key: www is asked directly."""
    assert "https://www.seedance2ai.io" == seedance2ai.API_BASE


@pytest.mark.parametrize("junk", [7, True, "soon", "", [], {}, [FRAME], "ftp://h/f.png", "https://[::1", "https://h/é"])
def test_last_frame__never_costs_the_video(junk: Any) -> None:
    """Whatever stands for the last frame, the video is kept."""
    assert ["video"] == roles(read(task(output={"video_url": VIDEO, "last_frame_url": junk})))


@pytest.mark.parametrize("junk", [7, True, "soon", "", [], {}, "asset://1", "https://[::1"])
def test_second_link__never_costs_the_image(junk: Any) -> None:
    """Whatever stands for one of an image's two links, the other one serves."""
    for image, link in (
        ({"url": IMAGE, "provider_url": junk}, IMAGE),
        ({"url": junk, "provider_url": ORIGIN}, ORIGIN),
    ):
        [output] = read(task(output={"images": [image]})).outputs
        assert (link, None) == (output.link.url, output.second)


def test_second_link__is_another_one() -> None:
    """The same link twice is one way to the image, not two."""
    [output] = read(task(output={"images": [{"url": IMAGE, "provider_url": IMAGE}]})).outputs
    assert output.second is None


def test_second_link__belongs_to_its_own_image() -> None:
    """Where only one of several images has a second link, it is that image's."""
    listed = [{"url": f"{IMAGE}?1"}, {"url": "https://h.example/2.png", "provider_url": ORIGIN}]
    assert [None, ORIGIN] == [
        output.second and output.second.url for output in read(task(output={"images": listed})).outputs
    ]


def test_identity__survives_a_new_signature() -> None:
    """Links signed anew are the same assets, and a last frame under the video's own path is another one."""
    first, second = (
        read(task(output={"video_url": f"{VIDEO}?s={n}", "last_frame_url": f"{VIDEO}?frame={n}"})) for n in (1, 2)
    )
    identities = [{asset_id("s", event.task_id, output) for output in event.outputs} for event in (first, second)]
    assert identities[0] == identities[1]
    assert 2 == len(identities[0])


def test_expiry__is_counted_from_the_completion() -> None:
    """A link is taken to die a link life after the completion that the answer tells, and storage is not promised."""
    updated_at = START - timedelta(minutes=5)
    event = read(task(updated_at=updated_at.isoformat()))
    assert {(updated_at + seedance2ai.LINK_LIFE, ExpiryOrigin.DEFAULT)} == {
        (output.link.expires_at, output.link.origin) for output in event.outputs
    }
    assert (updated_at, None) == (event.completed_at, event.storage_expires_at)


@pytest.mark.parametrize(
    "text", [None, 7, [], "", "soon", "1970-01-01T00:00:00Z", "2036-01-01", "9999-12-31T23:59-23:59"]
)
def test_expiry__of_a_completion_that_cannot_be_meant(text: Any) -> None:
    """What is no instant, or none at which a task can have ended, counts as now."""
    assert START == read(task(updated_at=text)).completed_at


@pytest.mark.parametrize("junk", [7, True, "text", [], {}, [None], {"code": "x"}])
def test_fields_we_do_not_need(junk: Any) -> None:
    """Nothing in a field that we do not read changes what an answer says."""
    extra = dict.fromkeys(("model", "quality_tier", "created_at", "error", "batch_task_ids"), junk)
    assert read(task()) == read(task(**extra))
    assert Progress.RUNNING is read(task(status="processing", output=junk, updated_at=junk)).progress
    assert Progress.FAILED is read(task(status="failed", output=junk)).progress


@pytest.mark.parametrize(
    "error",
    ["canary", "https://h.example/?k=canary", {"code": "see https://h.example/canary"}, {"message": "canary"},
     {"code": {"canary": 1}}, ["canary"], {"code": "canary\n"}],
)  # fmt: skip
def test_error__its_text_is_told_nowhere(error: Any) -> None:
    """The free text of a failure, which may quote prompts and links, is no part of the event."""
    event = read(task(status="failed", error=error))
    assert ("provider_failed", False) == (event.reason, "canary" in repr(event))


@pytest.mark.parametrize(("code", "reason"), [("content_policy", "provider_content_policy"), (451, "provider_451")])
def test_error__its_code_is_the_reason(code: Any, reason: str) -> None:
    """A code, word or number, becomes the reason's slug."""
    assert reason == read(task(status="failed", error={"code": code})).reason


def test_video__without_it_a_last_frame_is_no_success() -> None:
    """A task whose video is missing is not settled by its last frame."""
    with pytest.raises(ReelkeepError, match="no_outputs"):
        read(task(output={"video_url": "", "last_frame_url": FRAME}))


def test_samples__show_every_product() -> None:
    """The three products of the documentation are recorded as it shows them, each with its roles."""
    shown = {r.case: r.expected["event"] for r in answers("seedance2ai") if r.case.endswith("_documented")}
    assert {
        "status_video_documented": ["video", "last_frame"],
        "status_gpt_image_documented": ["image"],
        "status_nano_banana_documented": ["image"],
    } == {case: [output["role"] for output in event["outputs"]] for case, event in shown.items()}
