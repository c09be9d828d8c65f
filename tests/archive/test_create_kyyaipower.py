"""What can be ordered from GlobalAiOpc, and what it answers to a create call."""

import json
from typing import Any

import pytest

from archive.creation import Created
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import kyyaipower
from tests.doubles import START
from tests.orders import assert_refused, sent

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


VIDEO = kyyaipower.PRODUCTS["video"]
TEXT = {"type": "text", "text": "A cat yawning at the camera"}
SAMPLE = {
    "model": "seedance_1_5_pro_720p",
    "content": [TEXT],
    "ratio": "16:9",
    "duration": 5,
    "generate_audio": True,
}


def image(role: str | None = None, url: str = "https://example.com/image.jpg") -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}} | ({"role": role} if role else {})


def with_images(*roles: str | None) -> dict[str, Any]:
    return {**SAMPLE, "content": [TEXT, *(image(role) for role in roles)]}


@pytest.mark.parametrize(
    "sample",
    [
        SAMPLE,
        with_images("first_frame"),
        with_images(None),
        with_images("first_frame", "last_frame"),
        with_images(None, "last_frame"),
        with_images(*["reference_image"] * 4),
        {"model": "seedance_2_0_11s_15s", "content": [TEXT], "duration": 15, "generate_audio": False},
        SAMPLE | {"duration": -1},
        SAMPLE | {"content": [{"type": "text", "text": "字" * 500}]},
        SAMPLE | {"content": [{"type": "text", "text": "it's " * 1000}]},
    ],
)
def test_video__samples(sample: dict[str, Any]) -> None:
    """The page's request and its three image scenarios are taken, and sent as they stand; no price is claimed."""
    assert sample == sent(VIDEO, sample)
    assert VIDEO.model_validate(sample).cost() is None


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (SAMPLE | {"model": "seedance_1_0_lite"}, "model"),
        (SAMPLE | {"content": []}, "content"),
        (SAMPLE | {"content": "A cat"}, "content"),
        (SAMPLE | {"content": [{"type": "video_url"}]}, "content"),
        (SAMPLE | {"content": [{"type": "text", "text": ""}]}, "content"),
        (SAMPLE | {"content": [TEXT | {"image_url": {"url": "https://example.com/a"}}]}, "content"),
        (SAMPLE | {"content": [{"type": "text", "text": "字" * 501}]}, "content"),
        (SAMPLE | {"content": [{"type": "text", "text": "word " * 1001}]}, "content"),
        (with_images("middle_frame"), "content"),
        (SAMPLE | {"content": [TEXT, image(url="file:///etc/passwd")]}, "content"),
        (with_images("first_frame", "first_frame"), "content"),
        (with_images("first_frame", None), "content"),
        (with_images("first_frame", "last_frame", "last_frame"), "content"),
        (with_images("last_frame"), "content"),
        (with_images(*["reference_image"] * 5), "content"),
        (with_images("first_frame", "reference_image"), "content"),
        (with_images("last_frame", "reference_image"), "content"),
        (SAMPLE | {"ratio": "2:1"}, "ratio"),
        (SAMPLE | {"duration": 3}, "duration"),
        (SAMPLE | {"duration": 13}, "duration"),
        (SAMPLE | {"duration": -2}, "duration"),
        ({"model": "seedance_2_0_4s_5s", "content": [TEXT], "duration": 3}, "duration"),
        ({"model": "seedance_2_0_4s_5s", "content": [TEXT], "duration": 6}, "duration"),
        ({"model": "seedance_2_0_6s_10s", "content": [TEXT], "duration": 5}, "duration"),
        ({"model": "seedance_2_0_11s_15s", "content": [TEXT], "duration": 16}, "duration"),
        ({"model": "seedance_2_0_6s_10s", "content": [TEXT], "duration": -1}, "duration"),
        ({"model": "seedance_2_0_6s_10s", "content": [TEXT], "generate_audio": True}, "generate_audio"),
        (SAMPLE | {"callback_url": "https://example.com/"}, "callback_url"),
        (SAMPLE | {"prompt": "A cat"}, "prompt"),
    ],
)
def test_video__rules(order: dict[str, Any], field: str) -> None:
    """Each limit of the page refuses what lies beyond it, naming the field."""
    assert_refused(VIDEO, order, field)


def test_from_prompt__is_the_text_of_content() -> None:
    """A plain prompt goes before the images, in place of a text that is there; a content that is no list stays one."""
    text = {"type": "text", "text": "p"}
    assert {"content": [text]} == VIDEO.from_prompt("p", {})
    given = {"model": "m", "content": [{"type": "text", "text": "old"}, image(), "odd"]}
    assert {"model": "m", "content": [text, image(), "odd"]} == VIDEO.from_prompt("p", given)
    assert {"content": "x"} == VIDEO.from_prompt("p", {"content": "x"})
