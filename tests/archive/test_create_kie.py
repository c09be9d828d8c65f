"""What KIE.ai answers to a create call, and its callbacks signed anew."""

import json
from datetime import timedelta
from typing import Any

import pytest

from archive.creation import Created
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError, VerificationError
from archive.model import ApiAnswer, Delivery, Verdict
from archive.providers import kie
from tests.doubles import START

FLAT, MARKET = "/api/v1/seedance/generate", "/api/v1/jobs/createTask"


def read(document: Any, *, http: int = 200, path: str = MARKET, headers: dict[str, str] | None = None) -> Created:
    return kie.read_created(path, ApiAnswer(http, headers or {}, json.dumps(document).encode()), at=START)


def test_created__as_the_pages_show_it() -> None:
    """The flat route's answer with code 0 and the others' with code 200 name their task."""
    flat = {"code": 0, "message": "success", "data": {"taskId": "seedance_xyz789abc", "status": 0}}
    other = {"code": 200, "msg": "success", "data": {"taskId": "veo_task_abcdef123456"}}
    assert Created(("seedance_xyz789abc",)) == read(flat, path=FLAT)
    assert Created(("veo_task_abcdef123456",)) == read(other)


@pytest.mark.parametrize(
    ("code", "http", "reason"),
    [
        (1001, 400, "invalid_prompt"),
        (1002, 200, "invalid_image"),
        (1003, 200, "insufficient_credits"),
        (1004, 400, "invalid_parameters"),
        (1006, 200, "content_unsafe"),
        (1007, 200, "image_too_large"),
        (401, 200, "key_refused"),
        (402, 200, "insufficient_credits"),
        (422, 200, "invalid_parameters"),
        ("402", 200, "insufficient_credits"),
        (451, 200, "provider_451"),
        (None, 402, "insufficient_credits"),
        (None, 403, "key_refused"),
        (None, 418, "http_418"),
        ({"x": 1}, 400, "invalid_parameters"),
    ],
)
def test_refused__by_its_codes(code: Any, http: int, reason: str) -> None:
    """Each documented code is a refusal in our words under whatever HTTP status, and the message is no part of it."""
    with pytest.raises(ProviderRefusedError) as caught:
        read({"code": code, "msg": "Secret words", "data": None}, http=http)
    assert reason == caught.value.reason


@pytest.mark.parametrize(
    ("code", "http", "reason", "too_many"),
    [
        (1005, 200, "code_1005", True),
        (429, 200, "code_429", True),
        (455, 200, "code_455", False),
        (None, 429, "http_429", True),
        (None, 502, "http_502", False),
    ],
)
def test_busy__is_no_refusal(code: Any, http: int, reason: str, too_many: bool) -> None:
    """A limit reached or an upstream that is away is told as such, with the wait it asks for."""
    with pytest.raises(ProviderBusyError) as caught:
        read({"code": code}, http=http, headers={"retry-after": "7"})
    assert (reason, timedelta(seconds=7), too_many) == (
        caught.value.reason, caught.value.retry_after, caught.value.is_too_many,
    )  # fmt: skip


@pytest.mark.parametrize("data", [None, [], "t", {}, {"taskId": 1}, {"taskId": ""}, {"taskId": "a b"}])
def test_not_understood__a_success_without_a_task(data: Any) -> None:
    """A success that names no task is for a person: it was paid for."""
    with pytest.raises(NotUnderstoodError):
        read({"code": 200, "data": data})


@pytest.mark.parametrize(
    "document",
    [{"taskId": "t-1", "status": 1}, {"data": {"task_id": "t-1"}}, {"data": {"taskId": "t-1"}, "code": 200}],
)
def test_resign__verifies(document: dict[str, Any]) -> None:
    """A callback signed anew verifies with that key at that time, and with no other key."""
    headers = {name.lower(): value for name, value in kie.resign(document, key="new", now=START).items()}
    delivery = Delivery("kie", headers, json.dumps(document).encode(), None, START)
    assert Verdict.SIGNED_ID == kie.verify(delivery, document, ["new"], now=START)
    with pytest.raises(VerificationError, match="signature_mismatch"):
        kie.verify(delivery, document, ["old"], now=START)


@pytest.mark.parametrize("document", [None, [], {}, {"taskId": 5}, {"taskId": "a", "data": {"taskId": "b"}}])
def test_resign__nothing_to_sign(document: Any) -> None:
    """A body that names no task, or two, gets no signature: none could vouch for it."""
    assert {} == kie.resign(document, key="k", now=START)
