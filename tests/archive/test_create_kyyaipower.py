"""What GlobalAiOpc answers to a create call."""

import json
from typing import Any

import pytest

from archive.creation import Created
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import kyyaipower
from tests.doubles import START

PATH = "/kyyAiPower/v1/seedance/videos"


def read(document: Any, *, http: int = 200) -> Created:
    return kyyaipower.read_created(PATH, ApiAnswer(http, {}, json.dumps(document).encode()), at=START)


def test_created__as_the_page_shows_it() -> None:
    """The page's own answer names the task."""
    assert Created(("video_abc123def456",)) == read(
        {
            "id": "video_abc123def456",
            "object": "video",
            "created": 1761635478,
            "model": "seedance_1_5_pro_720p",
            "status": "queued",
        }
    )


@pytest.mark.parametrize(
    ("http", "reason"),
    [
        (400, "invalid_parameters"),
        (401, "key_refused"),
        (402, "insufficient_credits"),
        (200, "refused"),
        (404, "http_404"),
    ],
)
def test_refused__by_http(http: int, reason: str) -> None:
    """No error is documented, so HTTP's status says what it means, and the free text nothing."""
    with pytest.raises(ProviderRefusedError) as caught:
        read({"error": "secret"}, http=http)
    assert reason == caught.value.reason


@pytest.mark.parametrize("http", [429, 500, 503])
def test_busy__by_http(http: int) -> None:
    """A limit reached and a server's own error are not the order's fault."""
    with pytest.raises(ProviderBusyError, match=f"http_{http}"):
        read({"error": "secret"}, http=http)


@pytest.mark.parametrize("document", [{}, {"id": None}, {"id": 5}, [], None])
def test_not_understood__a_success_without_a_task(document: Any) -> None:
    """A success that names no task is for a person: it was paid for."""
    with pytest.raises(NotUnderstoodError):
        read(document)
