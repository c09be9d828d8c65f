"""What can be ordered from AceData Cloud, and what it answers to a create call, at once or when the film is done."""

import json
from typing import Any

import pytest

from archive.creation import Created
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import acedata
from tests.doubles import START
from tests.orders import assert_refused, sent

VIDEOS = "/seedance/videos"
WAITED = {
    "success": True,
    "task_id": "93f11baf-347b-4bb4-9520-8653cb46d6a3",
    "trace_id": "a9063166-26ed-4451-85b5-54e896817c69",
    "data": {"id": "cgt-2025", "status": "succeeded", "content": {"video_url": "https://h.example/v.mp4"}},
}


def read(document: Any, *, http: int = 200) -> Created:
    return acedata.read_created(VIDEOS, ApiAnswer(http, {}, json.dumps(document).encode()), at=START)


@pytest.mark.parametrize(
    ("document", "task_id"),
    [
        ({"task_id": "t-1"}, "t-1"),
        ({"success": True, "task_id": "t-1"}, "t-1"),
        (WAITED, "93f11baf-347b-4bb4-9520-8653cb46d6a3"),
        ({"success": False, "task_id": "t-1", "error": {"code": "api_error", "message": "x"}}, "t-1"),
    ],
)
def test_created__at_once_or_waited_for(document: dict[str, Any], task_id: str) -> None:
    """The outer id is the task's, in an answer at once and in the whole document, whatever became of the film."""
    assert Created((task_id,)) == read(document)


@pytest.mark.parametrize(
    ("body", "at_once"),
    [
        ({}, False),
        ({"async": False}, False),
        ({"async": True}, True),
        ({"callback_url": "https://h.example"}, True),
        ({"callback_url": ""}, False),
    ],
)
def test_answers_at_once__by_async_or_callback(body: dict[str, Any], at_once: bool) -> None:
    """Only `async` or a callback URL makes the call answer before the film is done."""
    assert at_once is acedata.CREATE_PATHS[VIDEOS].answers_at_once(body)


@pytest.mark.parametrize(
    ("code", "http", "reason"),
    [
        ("bad_request", 400, "invalid_parameters"),
        ("token_mismatched", 400, "key_refused"),
        ("no_token", 400, "key_refused"),
        ("disabled", 400, "key_refused"),
        ("invalid_token", 401, "key_refused"),
        ("token_expired", 401, "key_refused"),
        ("forbidden", 403, "key_refused"),
        ("used_up", 403, "insufficient_credits"),
        ("used_up", 200, "insufficient_credits"),
        ("api_not_implemented", 400, "not_offered"),
        ("no_api", 404, "not_offered"),
        ("novel", 200, "provider_novel"),
        (None, 400, "invalid_parameters"),
    ],
)
def test_refused__by_its_codes(code: Any, http: int, reason: str) -> None:
    """Each documented code is a refusal in our words; the message is no part of it."""
    with pytest.raises(ProviderRefusedError) as caught:
        read({"error": {"code": code, "message": "Secret words"}, "trace_id": "t"}, http=http)
    assert reason == caught.value.reason


@pytest.mark.parametrize(
    ("code", "http"), [("too_many_requests", 429), ("rate_limited", 429), ("api_error", 500), ("timeout", 504)]
)
def test_busy__is_no_refusal(code: str, http: int) -> None:
    """A limit reached and an upstream that failed are not the order's fault."""
    with pytest.raises(ProviderBusyError, match=code):
        read({"error": {"code": code}}, http=http)


@pytest.mark.parametrize("document", [{}, {"task_id": ""}, {"task_id": 5}, [], {"data": {"task_id": "cgt-1"}}])
def test_not_understood__a_success_without_a_task(document: Any) -> None:
    """A success that names no task of theirs is for a person; the upstream's id is none."""
    with pytest.raises(NotUnderstoodError):
        read(document)


VIDEO = acedata.PRODUCTS["video"]
TEXT = {"type": "text", "text": "A kitten yawning at the camera."}
IMAGE = {"type": "image_url", "role": "first_frame", "image_url": {"url": "https://cdn.acedata.cloud/v8073y.png"}}
ORDER: dict[str, Any] = {"model": "doubao-seedance-1-0-pro-250528", "content": [TEXT]}
EVERYTHING = {
    "model": "doubao-seedance-1-5-pro-251215",
    "content": [TEXT, IMAGE],
    "ratio": "adaptive",
    "resolution": "480p",
    "frames": 289,
    "seed": 4294967295,
    "watermark": True,
    "camerafixed": False,
    "generate_audio": True,
    "return_last_frame": True,
    "service_tier": "default",
    "execution_expires_after": 3600,
}


@pytest.mark.parametrize("sample", [ORDER, EVERYTHING, ORDER | {"duration": -1}, ORDER | {"frames": 29, "seed": -1}])
def test_video__every_field(sample: dict[str, Any]) -> None:
    """Every field of the page is taken and sent as it stands, with `async` besides; no price is claimed."""
    assert sample | {"async": True} == sent(VIDEO, sample)
    assert VIDEO.model_validate(sample).cost() is None


@pytest.mark.parametrize("frames", [25 + 4 * n for n in range(1, 67)])
def test_video__frames_of_the_row(frames: int) -> None:
    """All of 29, 33, … 289 are taken, and their neighbours are not."""
    assert frames == sent(VIDEO, ORDER | {"frames": frames})["frames"]
    assert_refused(VIDEO, ORDER | {"frames": frames + 1}, "frames")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"content": []}, "content"),
        ({"content": None}, "content"),
        ({"content": [{"type": "text", "text": "x" * 1001}]}, "content"),
        ({"content": [TEXT | {"image_url": {"url": "https://example.com/a"}}]}, "content"),
        ({"content": [IMAGE | {"text": "t"}]}, "content"),
        ({"content": [{"type": "text"}]}, "content"),
        ({"content": [{"type": "image_url", "image_url": "https://example.com/a"}]}, "content"),
        ({"content": [IMAGE | {"role": "cover"}]}, "content"),
        ({"ratio": "2:1"}, "ratio"),
        ({"resolution": "360p"}, "resolution"),
        ({"duration": 31}, "duration"),
        ({"duration": -2}, "duration"),
        ({"frames": 25}, "frames"),
        ({"frames": 293}, "frames"),
        ({"frames": 29, "duration": 5}, "frames"),
        ({"seed": -2}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"watermark": "maybe"}, "watermark"),
        ({"camerafixed": 0}, "camerafixed"),
        ({"generate_audio": "1"}, "generate_audio"),
        ({"return_last_frame": []}, "return_last_frame"),
        ({"service_tier": ""}, "service_tier"),
        ({"execution_expires_after": 3599}, "execution_expires_after"),
        ({"execution_expires_after": 259_201}, "execution_expires_after"),
        ({"callback_url": "https://example.com/"}, "callback_url"),
        ({"async": False}, "async"),
    ],
)
def test_video__rules(change: dict[str, Any], field: str) -> None:
    """Each limit of the page refuses what lies beyond it, naming the field."""
    assert_refused(VIDEO, ORDER | change, field)
