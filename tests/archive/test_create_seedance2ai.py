"""What seedance2ai.io answers to a create call."""

import json
from decimal import Decimal
from typing import Any

import pytest

from archive.creation import Created
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import seedance2ai
from tests.doubles import START

VIDEO = {
    "id": "sd2_xxxxx",
    "status": "processing",
    "model": "seedance2",
    "quality_tier": "standard",
    "credits_used": 30,
}
IMAGE = {
    "id": "gpt2_xxxxx",
    "status": "processing",
    "model": "gpt-image-2",
    "credits_used": 8,
    "remaining_credits": 120,
}
BANANA = {"id": "nbp_xxxxx", "request_id": "kie_xxxxx", "status": "processing", "credits_used": 12}


def read(document: Any, *, http: int = 200) -> Created:
    answer = ApiAnswer(http, {"retry-after": "9"}, json.dumps(document).encode())
    return seedance2ai.read_created("/api/v1/video/seedance2", answer, at=START)


@pytest.mark.parametrize(
    ("document", "created"),
    [
        (VIDEO, Created(("sd2_xxxxx",), Decimal(30))),
        (IMAGE, Created(("gpt2_xxxxx",), Decimal(8))),
        (BANANA, Created(("nbp_xxxxx",), Decimal(12))),
        (
            IMAGE | {"batch_task_ids": ["gpt2_xxxxx", "gpt2_2"], "batch_success": 2},
            Created(("gpt2_xxxxx", "gpt2_2"), Decimal(8)),
        ),
        (IMAGE | {"id": None, "batch_task_ids": ["a", "b"]}, Created(("a", "b"), Decimal(8))),
        (IMAGE | {"batch_task_ids": "odd", "credits_used": 0.5}, Created(("gpt2_xxxxx",), Decimal("0.5"))),
    ],
)
def test_created__as_the_page_shows_it(document: dict[str, Any], created: Created) -> None:
    """Each product's answer names its task, a batch all of its tasks, each once."""
    assert created == read(document)


@pytest.mark.parametrize(
    ("code", "http", "reason"),
    [
        ("unauthorized", 401, "key_refused"),
        ("invalid_request", 400, "invalid_parameters"),
        ("insufficient_credits", 402, "insufficient_credits"),
        ("idempotency_conflict", 409, "idempotency_conflict"),
        ("idempotency_conflict", 200, "idempotency_conflict"),
        ("not_found", 404, "provider_not_found"),
        (None, 409, "http_409"),
        (None, 200, "refused"),
    ],
)
def test_refused__by_its_codes(code: Any, http: int, reason: str) -> None:
    """Each documented code is a refusal in our words; the message is no part of it."""
    with pytest.raises(ProviderRefusedError) as caught:
        read({"error": {"code": code, "message": "Secret words"}}, http=http)
    assert reason == caught.value.reason


@pytest.mark.parametrize(("code", "http"), [("rate_limited", 429), ("service_busy", 503), ("internal_error", 500)])
def test_busy__waits_as_asked(code: str, http: int) -> None:
    """The three errors that pass are told with the wait they ask for."""
    with pytest.raises(ProviderBusyError) as caught:
        read({"error": {"code": code}}, http=http)
    assert (code, 9) == (caught.value.reason, caught.value.retry_after and caught.value.retry_after.total_seconds())


@pytest.mark.parametrize("document", [{}, {"status": "processing"}, {"id": 7}, [], {"batch_task_ids": ["a b"]}])
def test_not_understood__a_success_without_a_task(document: Any) -> None:
    """A success that names no task is for a person: it was paid for."""
    with pytest.raises(NotUnderstoodError):
        read(document)
