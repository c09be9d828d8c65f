"""What seedanceapi.org answers to a create call."""

import json
from decimal import Decimal
from typing import Any

import pytest

from archive.creation import Created
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import seedanceapi
from tests.doubles import START


def read(document: Any, *, http: int = 200) -> Created:
    return seedanceapi.read_created("/v2/generate", ApiAnswer(http, {}, json.dumps(document).encode()), at=START)


def test_created__as_the_page_shows_it() -> None:
    """The page's own answer names the task and its credits."""
    data = {"task_id": "n90a1b2c3d4e5f6sd20", "status": "IN_PROGRESS", "consumed_credits": 480}
    assert Created(("n90a1b2c3d4e5f6sd20",), Decimal(480)) == read({"code": 200, "message": "success", "data": data})


@pytest.mark.parametrize("amount", [None, "480", True, -1, 1e300, [480]])
def test_created__odd_credits_cost_no_task(amount: Any) -> None:
    """Credits that can be none are left out; the task stands."""
    assert Created(("t",)) == read({"code": 200, "data": {"task_id": "t", "consumed_credits": amount}})


@pytest.mark.parametrize(
    ("code", "http", "reason"),
    [
        ("INVALID_PROMPT", 400, "invalid_prompt"),
        ("INVALID_ASPECT_RATIO", 400, "invalid_aspect_ratio"),
        ("INVALID_DURATION", 400, "invalid_duration"),
        ("TOO_MANY_IMAGES", 400, "too_many_images"),
        ("INVALID_API_KEY", 401, "key_refused"),
        ("INSUFFICIENT_CREDITS", 402, "insufficient_credits"),
        ("INSUFFICIENT_CREDITS", 200, "insufficient_credits"),
        (402, 200, "insufficient_credits"),
        (None, 400, "invalid_parameters"),
        ("INVALID_CALLBACK_URL", 400, "provider_invalid_callback_url"),
        ("a sentence", 400, "refused"),
        ("NOVEL", 200, "provider_novel"),
    ],
)
def test_refused__by_its_codes(code: Any, http: int, reason: str) -> None:
    """Each documented code is a refusal in our words, under HTTP 200 too; the message is no part of it."""
    with pytest.raises(ProviderRefusedError) as caught:
        read({"code": code, "message": "Secret words"}, http=http)
    assert reason == caught.value.reason


@pytest.mark.parametrize(("code", "http"), [("INTERNAL_ERROR", 500), ("INTERNAL_ERROR", 200), (None, 503), (429, 200)])
def test_busy__is_no_refusal(code: Any, http: int) -> None:
    """A server's own error and a limit reached are not the order's fault."""
    with pytest.raises(ProviderBusyError):
        read({"code": code}, http=http)


@pytest.mark.parametrize("document", [{"code": 200}, {"code": 200, "data": {}}, [], "x"])
def test_not_understood__a_success_without_a_task(document: Any) -> None:
    """A success that names no task is for a person: it was paid for."""
    with pytest.raises(NotUnderstoodError):
        read(document)
