"""What AceData Cloud answers to a create call, at once or when the film is done."""

import json
from typing import Any

import pytest

from archive.creation import Created
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import acedata
from tests.doubles import START

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
