"""What can be ordered from seedance2ai.io, and what it answers to a create call."""

import json
from decimal import Decimal
from typing import Any

import pytest

from archive.creation import Created, Creation
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import seedance2ai
from tests.doubles import START
from tests.orders import assert_refused, sent

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


def test_created__a_batch_has_a_bound() -> None:
    """An answer that names more tasks than any batch can have is for a person, and fills no ledger."""
    batch = [f"gpt2_{number}" for number in range(64)]
    assert tuple(batch) == read({"id": batch[0], "batch_task_ids": batch}).task_ids
    with pytest.raises(NotUnderstoodError, match="too_many_tasks"):
        read({"id": "gpt2_x", "batch_task_ids": batch})


@pytest.mark.parametrize("document", [{}, {"status": "processing"}, {"id": 7}, [], {"batch_task_ids": ["a b"]}])
def test_not_understood__a_success_without_a_task(document: Any) -> None:
    """A success that names no task is for a person: it was paid for."""
    with pytest.raises(NotUnderstoodError):
        read(document)


FILM, GPT, NANO = (seedance2ai.PRODUCTS[name] for name in ("seedance2", "gpt-image-2", "nano-banana-pro"))
LINK = "https://example.com/a.png"
FILM_SAMPLE = {
    "mode": "text-to-video",
    "quality_tier": "standard",
    "prompt": "A cinematic shot of a glass train crossing a snowy mountain bridge",
    "aspect_ratio": "16:9",
    "duration": "5",
    "resolution": "720p",
}
GPT_SAMPLE = {
    "type": "text-to-image",
    "prompt": "Editorial product photo of a transparent running shoe on chrome",
    "resolution": "1K",
    "aspect_ratio": "1:1",
}
NANO_SAMPLE = {
    "type": "text-to-image",
    "prompt": "A premium packaging mockup for an AI video studio",
    "image_size": "1:1",
    "resolution": "1K",
    "output_format": "png",
}
START_FRAME = {"prompt": "abc", "mode": "image-to-video", "image_url": LINK}
MEDIA = {"prompt": "abc", "mode": "media-to-video", "media_urls": [LINK]}


@pytest.mark.parametrize(
    ("product", "sample"),
    [
        (FILM, FILM_SAMPLE),
        (FILM, START_FRAME | {"end_image_url": LINK, "generate_audio": False, "fixed_lens": True}),
        (FILM, MEDIA | {"media_urls": [LINK] * 12, "quality_tier": "pro", "resolution": "4k", "seed": 4294967295}),
        (GPT, GPT_SAMPLE),
        (GPT, GPT_SAMPLE | {"type": "image-to-image", "image_urls": [LINK] * 10}),
        (GPT, GPT_SAMPLE | {"batch_count": 4, "channel": "economy"}),
        (NANO, NANO_SAMPLE),
        (NANO, NANO_SAMPLE | {"type": "image-to-image", "image_urls": [LINK] * 8}),
    ],
)  # fmt: skip
def test_products__samples(product: type[Creation], sample: dict[str, Any]) -> None:
    """Each request of the page is taken, and the tables' bounds with it, and sent as it stands; no price is claimed."""
    assert sample == sent(product, sample)
    assert product.model_validate(sample).cost() is None


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (FILM_SAMPLE | {"mode": "video"}, "mode"),
        (FILM_SAMPLE | {"quality_tier": "max"}, "quality_tier"),
        (FILM_SAMPLE | {"channel": "economy"}, "channel"),
        (FILM_SAMPLE | {"prompt": "ab"}, "prompt"),
        (FILM_SAMPLE | {"prompt": "x" * 10_001}, "prompt"),
        (FILM_SAMPLE | {"aspect_ratio": "2:1"}, "aspect_ratio"),
        (FILM_SAMPLE | {"duration": "3"}, "duration"),
        (FILM_SAMPLE | {"duration": 16}, "duration"),
        (FILM_SAMPLE | {"duration": 5.0}, "duration"),
        (FILM_SAMPLE | {"resolution": "480p"}, "resolution"),
        (FILM_SAMPLE | {"resolution": "4k"}, "resolution"),
        (FILM_SAMPLE | {"resolution": "1080p-plus", "quality_tier": "mini"}, "resolution"),
        (FILM_SAMPLE | {"image_url": LINK}, "image_url"),
        ({"prompt": "abc", "image_url": LINK}, "image_url"),
        ({"prompt": "abc", "mode": "image-to-video"}, "image_url"),
        (START_FRAME | {"image_url": "http://example.com/a.png"}, "image_url"),
        (START_FRAME | {"image_url": "asset://1"}, "image_url"),
        (START_FRAME | {"media_urls": [LINK]}, "media_urls"),
        (MEDIA | {"image_url": LINK}, "image_url"),
        ({"prompt": "abc", "mode": "media-to-video"}, "media_urls"),
        (MEDIA | {"media_urls": [LINK] * 13}, "media_urls"),
        (MEDIA | {"media_urls": ["asset://1"]}, "media_urls"),
        (FILM_SAMPLE | {"end_image_url": LINK}, "end_image_url"),
        (FILM_SAMPLE | {"generate_audio": "on"}, "generate_audio"),
        (FILM_SAMPLE | {"fixed_lens": 1}, "fixed_lens"),
        (FILM_SAMPLE | {"seed": -2}, "seed"),
        (FILM_SAMPLE | {"seed": 2**32}, "seed"),
        (FILM_SAMPLE | {"seed": 1, "channel": "real"}, "seed"),
        (FILM_SAMPLE | {"seed": 1, "quality_tier": "mini"}, "seed"),
        (FILM_SAMPLE | {"provider": "kie"}, "provider"),
        (FILM_SAMPLE | {"teamSlug": "t"}, "teamSlug"),
    ],
)
def test_seedance2__rules(order: dict[str, Any], field: str) -> None:
    """Each row of the film's table refuses what lies beyond it, naming the field."""
    assert_refused(FILM, order, field)


@pytest.mark.parametrize(
    ("product", "order", "field"),
    [
        (GPT, {key: GPT_SAMPLE[key] for key in GPT_SAMPLE if key != "type"}, "type"),
        (GPT, {key: GPT_SAMPLE[key] for key in GPT_SAMPLE if key != "resolution"}, "resolution"),
        (GPT, {key: GPT_SAMPLE[key] for key in GPT_SAMPLE if key != "aspect_ratio"}, "aspect_ratio"),
        (GPT, GPT_SAMPLE | {"prompt": "x" * 20_001}, "prompt"),
        (GPT, GPT_SAMPLE | {"resolution": "8K"}, "resolution"),
        (GPT, GPT_SAMPLE | {"aspect_ratio": "4:1"}, "aspect_ratio"),
        (GPT, GPT_SAMPLE | {"channel": "real"}, "channel"),
        (GPT, GPT_SAMPLE | {"batch_count": 0}, "batch_count"),
        (GPT, GPT_SAMPLE | {"batch_count": 5}, "batch_count"),
        (GPT, GPT_SAMPLE | {"image_urls": [LINK]}, "image_urls"),
        (GPT, GPT_SAMPLE | {"type": "image-to-image"}, "image_urls"),
        (GPT, GPT_SAMPLE | {"type": "image-to-image", "image_urls": [LINK] * 11}, "image_urls"),
        (NANO, NANO_SAMPLE | {"type": "edit"}, "type"),
        (NANO, NANO_SAMPLE | {"prompt": "x" * 10_001}, "prompt"),
        (NANO, NANO_SAMPLE | {"image_size": "2:1"}, "image_size"),
        (NANO, NANO_SAMPLE | {"output_format": "webp"}, "output_format"),
        (NANO, NANO_SAMPLE | {"resolution": "1k"}, "resolution"),
        (NANO, NANO_SAMPLE | {"image_urls": [LINK]}, "image_urls"),
        (NANO, NANO_SAMPLE | {"type": "image-to-image"}, "image_urls"),
        (NANO, NANO_SAMPLE | {"type": "image-to-image", "image_urls": [LINK] * 9}, "image_urls"),
        (NANO, NANO_SAMPLE | {"type": "image-to-image", "image_urls": ["http://example.com/a"]}, "image_urls"),
        (NANO, NANO_SAMPLE | {"batch_count": 2}, "batch_count"),
    ],
)
def test_images__rules(product: type[Creation], order: dict[str, Any], field: str) -> None:
    """Each row of the images' tables refuses what lies beyond it, naming the field."""
    assert_refused(product, order, field)


def test_seedance2__duration_is_text() -> None:
    """The duration is sent as text, as the table has it, whether a number or text was given."""
    for given in (12, "12"):
        assert {"prompt": "abc", "duration": "12"} == sent(FILM, {"prompt": "abc", "duration": given})
