"""What can be ordered from seedanceapi.org, and what it answers to a create call."""

import json
from decimal import Decimal
from typing import Any

import pytest

from archive.creation import Cost, Created
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import seedanceapi
from tests.doubles import START
from tests.orders import assert_refused, sent


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


VIDEO = seedanceapi.PRODUCTS["video"]
TEXT = {
    "prompt": "A slow dolly shot through a neon-lit street in the rain",
    "aspect_ratio": "16:9",
    "duration": 10,
    "model": "seedance-2.0",
}
IMAGE = {
    "prompt": "The subject walks forward and looks at the camera",
    "images": ["https://example.com/reference.jpg"],
    "duration": 5,
    "model": "seedance-2.0",
}
FAST = {
    "prompt": "Sunrise over misty mountains with birds crossing the frame",
    "aspect_ratio": "9:16",
    "duration": 15,
    "model": "seedance-2.0-fast",
}
MINI = {
    "prompt": "A compact product demo with smooth camera motion and clean lighting",
    "aspect_ratio": "1:1",
    "resolution": "720p",
    "duration": 8,
    "model": "seedance-2-mini",
}
LINK = "https://example.com/a.mp4"


@pytest.mark.parametrize("sample", [TEXT, IMAGE, FAST, MINI])
def test_video__samples(sample: dict[str, Any]) -> None:
    """Each request of the page is taken, and sent as it stands there."""
    assert sample == sent(VIDEO, sample)


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (TEXT | {"prompt": ""}, "prompt"),
        (TEXT | {"prompt": "x" * 2001}, "prompt"),
        (TEXT | {"duration": 8}, "duration"),
        (TEXT | {"duration": "ten"}, "duration"),
        (FAST | {"duration": 4}, "duration"),
        (MINI | {"duration": 3}, "duration"),
        (MINI | {"duration": 16}, "duration"),
        ({"prompt": "p", "duration": 8}, "duration"),
        (TEXT | {"resolution": "4k"}, "resolution"),
        (TEXT | {"aspect_ratio": "1:1"}, "aspect_ratio"),
        (FAST | {"aspect_ratio": "adaptive"}, "aspect_ratio"),
        ({"prompt": "p", "aspect_ratio": "21:9"}, "aspect_ratio"),
        (MINI | {"aspect_ratio": "2:1"}, "aspect_ratio"),
        (IMAGE | {"aspect_ratio": "16:9"}, "aspect_ratio"),
        (IMAGE | {"images": []}, "images"),
        (IMAGE | {"images": [LINK] * 5}, "images"),
        (IMAGE | {"images": ["data:image/png;base64,AA"]}, "images"),
        (TEXT | {"reference_video_urls": [LINK]}, "reference_video_urls"),
        (MINI | {"reference_video_urls": []}, "reference_video_urls"),
        (TEXT | {"model": "seedance-3"}, "model"),
        (TEXT | {"callback_url": LINK}, "callback_url"),
    ],
)
def test_video__rules(order: dict[str, Any], field: str) -> None:
    """Each limit of the page refuses what lies beyond it, naming the field."""
    assert_refused(VIDEO, order, field)


@pytest.mark.parametrize("seconds", range(4, 16))
def test_video__mini_takes_any_second(seconds: int) -> None:
    """Mini makes films of every whole number of seconds from 4 to 15, in the wider ratios too."""
    for ratio in ("1:1", "21:9", "adaptive", "3:4"):
        order = {"prompt": "p", "model": "seedance-2-mini", "duration": seconds, "aspect_ratio": ratio}
        assert order == sent(VIDEO, order)


def test_video__text_of_the_command_line() -> None:
    """A number as text and a lone link are sent as a number and a list."""
    given = {"prompt": "p", "duration": "15", "images": LINK}
    assert {"prompt": "p", "duration": 15, "images": [LINK]} == sent(VIDEO, given)


@pytest.mark.parametrize(
    ("order", "amount"),
    [
        ({"model": "seedance-2.0", "duration": 5}, 240),
        ({"model": "seedance-2.0", "duration": 10}, 480),
        ({"model": "seedance-2.0", "duration": 15, "resolution": "480p"}, 720),
        ({"model": "seedance-2.0-fast", "duration": 5}, 160),
        ({"model": "seedance-2.0-fast", "duration": 10}, 320),
        ({"model": "seedance-2.0-fast", "duration": 15}, 480),
        ({}, 240),
        ({"model": "seedance-2-mini", "resolution": "480p", "duration": 4}, 57),
        ({"model": "seedance-2-mini", "resolution": "480p", "duration": 5}, 72),
        ({"model": "seedance-2-mini", "resolution": "480p", "duration": 7, "reference_video_urls": [LINK]}, 63),
        ({"model": "seedance-2-mini", "resolution": "720p", "duration": 4}, 123),
        ({"model": "seedance-2-mini", "resolution": "720p", "duration": 5}, 154),
        ({"model": "seedance-2-mini", "resolution": "720p", "duration": 5, "reference_video_urls": [LINK]}, 94),
        ({"model": "seedance-2-mini", "resolution": "720p", "duration": 8, "reference_video_urls": [LINK]}, 150),
        ({"model": "seedance-2-mini", "resolution": "1080p", "duration": 5}, 154),
        ({"model": "seedance-2-mini", "images": [LINK]}, 154),
    ],
)
def test_video__prices(order: dict[str, Any], amount: int) -> None:
    """Each row of the price tables costs its credits, fractions rounded up, and a hundredth of that in dollars."""
    assert Cost(Decimal(amount) / 100, Decimal(amount)) == VIDEO.model_validate({"prompt": "p"} | order).cost()
