"""Each create route refuses what its seed's table forbids, with the documented code, and takes what it allows."""

from typing import Any

import pytest

from tests.simulator.customers import TEXT, Customer, inside

IMAGE = "https://example.com/a.jpg"
PICTURE = {"type": "image_url", "image_url": {"url": IMAGE}}
PRO, FAST, MINI = "seedance-1-0-pro", "seedance-1-0-pro-fast", "seedance-2-mini"
GPT_EDIT = {"type": "image-to-image", "image_urls": [IMAGE]}


def scene(*roles: str) -> list[dict[str, Any]]:
    return [*TEXT, *({**PICTURE, "role": role} for role in roles)]


REFUSED: list[tuple[str, dict[str, Any], int, object]] = [
    ("seed", {"prompt": "x" * 1001}, 400, 1001),
    ("seed", {"prompt": "  "}, 400, 1001),
    ("seed", {"imageUrl": "city.jpg", "model": PRO}, 400, 1002),
    ("seed", {"endImage": 5}, 400, 1002),
    ("seed", {"model": "seedance-2"}, 400, 1004),
    ("seed", {"model": FAST}, 400, 1004),
    ("seed", {"model": "seedance-1-0-lite", "imageUrl": IMAGE}, 400, 1004),
    ("seed", {"duration": "6"}, 400, 1004),
    ("seed", {"resolution": "480p"}, 400, 1004),
    ("seed", {"aspectRatio": "4:3"}, 400, 1004),
    ("seed", {"seed": 100_000}, 400, 1004),
    ("seed", {"seed": True}, 400, 1004),
    ("seed", {"safetyChecker": "no"}, 400, 1004),
    ("v2", {"prompt": "x" * 2001}, 400, "INVALID_PROMPT"),
    ("v2", {"prompt": None}, 400, "INVALID_PROMPT"),
    ("v2", {"aspect_ratio": "1:1"}, 400, "INVALID_ASPECT_RATIO"),
    ("v2", {"duration": 8}, 400, "INVALID_DURATION"),
    ("v2", {"duration": "5"}, 400, "INVALID_DURATION"),
    ("v2", {"duration": 16, "model": MINI}, 400, "INVALID_DURATION"),
    ("v2", {"images": [IMAGE] * 5}, 400, "TOO_MANY_IMAGES"),
    ("v2", {"images": ["a.jpg"]}, 400, "INVALID_IMAGES"),
    ("v2", {"model": "sora"}, 400, "INVALID_MODEL"),
    ("v2", {"resolution": "4k"}, 400, "INVALID_RESOLUTION"),
    *(
        (name, body, 400, "invalid_request")
        for name, body in (
            ("seedance2", {"duration": 5}),
            ("seedance2", {"duration": "16"}),
            ("seedance2", {"resolution": "4k"}),
            ("seedance2", {"mode": "image-to-video"}),
            ("seedance2", {"image_url": IMAGE}),
            ("seedance2", {"mode": "image-to-video", "image_url": "http://example.com/a.jpg"}),
            ("seedance2", {"mode": "image-to-video", "image_url": "asset://1"}),
            ("seedance2", {"mode": "media-to-video", "media_urls": [IMAGE] * 13}),
            ("seedance2", {"seed": 1, "channel": "real"}),
            ("seedance2", {"seed": 1, "quality_tier": "mini"}),
            ("seedance2", {"batch_count": 1}),
            ("seedance2", {"callback_url": "https://hooks.example.com"}),
            ("gpt-image-2", {"batch_count": 5}),
            ("gpt-image-2", {"image_urls": [IMAGE]}),
            ("gpt-image-2", GPT_EDIT | {"image_urls": [IMAGE] * 11}),
            ("nano-banana-pro", {"batch_count": 2}),
            ("nano-banana-pro", {"image_size": "2:1"}),
            ("nano-banana-pro", GPT_EDIT | {"image_urls": [IMAGE] * 9}),
        )
    ),
    ("kyy", {"model": "seedance_1_0"}, 400, None),
    ("kyy", {"ratio": "2:1"}, 400, None),
    ("kyy", {"duration": 3}, 400, None),
    ("kyy", {"duration": 5.0}, 400, None),
    ("kyy", {"model": "seedance_2_0_4s_5s", "duration": -1}, 400, None),
    ("kyy", {"model": "seedance_2_0_4s_5s", "generate_audio": True}, 400, None),
    ("kyy", {"content": []}, 400, None),
    ("kyy", {"content": [{"type": "text", "text": "猫" * 501}]}, 400, None),
    ("kyy", {"content": scene("first_frame", "reference_image")}, 400, None),
    ("kyy", {"content": scene("last_frame")}, 400, None),
    ("kyy", {"content": scene(*["reference_image"] * 5)}, 400, None),
    ("ace", {"duration": 5, "frames": 29}, 400, "bad_request"),
    ("ace", {"frames": 30}, 400, "bad_request"),
    ("ace", {"frames": 25}, 400, "bad_request"),
    ("ace", {"seed": -2}, 400, "bad_request"),
    ("ace", {"async": "true"}, 400, "bad_request"),
    ("ace", {"content": [{**TEXT[0], **PICTURE}]}, 400, "bad_request"),
    ("ace", {"callback_url": "nowhere"}, 400, "bad_request"),
    ("market", {"input": []}, 200, 422),
    ("market", {"callBackUrl": "nowhere"}, 200, 422),
]
TAKEN: list[tuple[str, dict[str, Any]]] = [
    ("seed", {"model": FAST, "imageUrl": IMAGE, "duration": 6, "seed": -1, "safetyChecker": False}),
    ("seed", {"model": PRO, "imageUrl": IMAGE, "endImage": IMAGE, "aspectRatio": "9:16", "prompt": "x" * 1000}),
    ("v2", {"model": MINI, "duration": 4, "aspect_ratio": "adaptive", "resolution": "1080p", "images": [IMAGE] * 4}),
    ("v2", {"model": "seedance-2.0-fast", "duration": 15, "aspect_ratio": "3:4"}),
    ("seedance2", {"quality_tier": "pro", "resolution": "4k", "duration": "15", "seed": 4_294_967_295}),
    ("seedance2", {"mode": "image-to-video", "image_url": IMAGE, "end_image_url": IMAGE, "fixed_lens": True}),
    ("seedance2", {"mode": "media-to-video", "media_urls": [IMAGE] * 12, "channel": "real"}),
    ("gpt-image-2", GPT_EDIT | {"aspect_ratio": "9:21", "channel": "economy"}),
    ("nano-banana-pro", GPT_EDIT | {"image_size": "auto", "resolution": "4K"}),
    ("kyy", {"duration": -1}),
    ("kyy", {"model": "seedance_2_0_11s_15s", "duration": 15, "content": scene("first_frame", "last_frame")}),
    ("kyy", {"content": scene(*["reference_image"] * 4), "ratio": "adaptive"}),
    ("kyy", {"content": [{"type": "text", "text": "cat " * 1000}]}),
    ("ace", {"async": True, "frames": 289, "content": [*TEXT, PICTURE], "execution_expires_after": 3600}),
]


@pytest.mark.parametrize(("name", "body", "status", "code"), REFUSED)
def test_refused(customer: Customer, name: str, body: dict[str, Any], status: int, code: object) -> None:
    """What a table forbids is refused by the code that the provider documents for it."""
    answer = customer.order(name, body=body)
    said = answer.json()
    assert (status, code) == (answer.status_code, said.get("code", inside(said, ("error", "code"))))


@pytest.mark.parametrize(("name", "body"), TAKEN)
def test_taken(customer: Customer, name: str, body: dict[str, Any]) -> None:
    """What a table allows is taken."""
    answer = customer.order(name, body=body, ready_after=60)
    assert 200 == answer.status_code, answer.text


@pytest.mark.parametrize(
    ("body", "credits"),
    [
        ({"duration": 15}, 720),
        ({"duration": 10, "model": "seedance-2.0-fast"}, 320),
        ({"duration": 5, "model": MINI, "resolution": "480p"}, 72),
        ({"duration": 4, "model": MINI, "resolution": "480p", "reference_video_urls": [IMAGE]}, 36),
        ({"duration": 7, "model": MINI, "resolution": "1080p"}, 216),
        ({"duration": 5, "model": MINI, "reference_video_urls": [IMAGE]}, 94),
    ],
)
def test_credits(customer: Customer, body: dict[str, Any], credits: int) -> None:  # noqa: A002  # their word
    """seedanceapi.org takes the credits of its price tables, rounded up."""
    assert credits == customer.order("v2", body=body, ready_after=60).json()["data"]["consumed_credits"]
