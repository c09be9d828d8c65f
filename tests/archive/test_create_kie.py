"""What can be ordered from KIE.ai and what it answers, and its callbacks signed anew."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from archive.creation import Cost, Created
from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError, VerificationError
from archive.model import ApiAnswer, Delivery, Verdict
from archive.providers import kie
from tests.doubles import START
from tests.orders import assert_refused, sent

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


SEEDANCE, FREE = kie.PRODUCTS["seedance"], kie.PRODUCTS["market"]
TEXT = {
    "prompt": "A futuristic city street scene with flying cars and neon lights, cinematic quality",
    "model": "seedance-1-0-lite",
    "duration": 10,
    "resolution": "1080p",
    "aspectRatio": "16:9",
    "seed": 12345,
    "safetyChecker": True,
}
IMAGE = {
    "imageUrl": "https://example.com/city.jpg",
    "prompt": "The city lights gradually brighten as night falls into early morning",
    "model": "seedance-1-0-pro-fast",
    "duration": 6,
    "resolution": "1080p",
    "seed": 67890,
}
END = {
    "prompt": "A person walks through a beautiful garden",
    "imageUrl": "https://example.com/start.jpg",
    "endImage": "https://example.com/end.jpg",
    "duration": 8,
    "model": "seedance-1-0-pro",
}


@pytest.mark.parametrize("sample", [TEXT, IMAGE, END])
def test_seedance__samples(sample: dict[str, Any]) -> None:
    """Each request of the page is taken, and sent as it stands there but for its callback URL."""
    assert sample == sent(SEEDANCE, sample)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": "x" * 1001}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"model": "seedance-2"}, "model"),
        ({"duration": 5}, "duration"),
        ({"duration": 6.0}, "duration"),
        ({"duration": True}, "duration"),
        ({"resolution": "480p"}, "resolution"),
        ({"aspectRatio": "21:9"}, "aspectRatio"),
        ({"seed": -2}, "seed"),
        ({"seed": 100_000}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": "1e3"}, "seed"),
        ({"safetyChecker": "yes"}, "safetyChecker"),
        ({"safetyChecker": 1}, "safetyChecker"),
        ({"model": "seedance-1-0-pro", "imageUrl": "ftp://example.com/a"}, "imageUrl"),
        ({"imageUrl": "https://example.com/a.jpg"}, "imageUrl"),
        ({"model": "seedance-1-0-pro-fast"}, "imageUrl"),
        ({"model": "seedance-1-0-pro", "endImage": "https://example.com/a.jpg"}, "endImage"),
        ({"callBackUrl": "https://example.com/"}, "callBackUrl"),
        ({"aspect_ratio": "16:9"}, "aspect_ratio"),
    ],
)
def test_seedance__rules(change: dict[str, Any], field: str) -> None:
    """Each limit of the table refuses what lies beyond it, naming the field."""
    assert_refused(SEEDANCE, TEXT | change, field)


def test_seedance__text_of_the_command_line() -> None:
    """Numbers and switches written as text are sent as what they mean; a null is not sent."""
    given = {"prompt": "p", "duration": "10", "seed": "-1", "safetyChecker": "false", "resolution": None}
    assert {"prompt": "p", "duration": 10, "seed": -1, "safetyChecker": False} == sent(SEEDANCE, given)


@pytest.mark.parametrize(
    ("model", "prices"),
    [
        ("seedance-1-0-lite", {6: "0.33", 8: "0.44", 10: "0.55"}),
        ("seedance-1-0-pro", {6: "0.33", 8: "0.44", 10: "0.55"}),
        ("seedance-1-0-pro-fast", {6: "0.26", 8: "0.35", 10: "0.44"}),
    ],
)
def test_seedance__prices(model: str, prices: dict[int, str]) -> None:
    """Each row of the price table that can be ordered costs what stands there."""
    image = {"imageUrl": "https://example.com/a.jpg"} if model.endswith("fast") else {}
    for seconds, price in prices.items():
        order = SEEDANCE.model_validate({"prompt": "p", "model": model, "duration": seconds} | image)
        assert Cost(Decimal(price)) == order.cost()


@pytest.mark.parametrize("given", [{}, {"duration": 6}, {"model": "seedance-1-0-pro"}])
def test_seedance__no_price_for_a_default_nobody_documents(given: dict[str, Any]) -> None:
    """Where the provider chooses model or duration, no cost is claimed."""
    assert SEEDANCE.model_validate({"prompt": "p"} | given).cost() is None


def test_market__passes_its_input_on() -> None:
    """Of a market order the frame is checked, `input` is sent as given, and a prompt becomes its member."""
    order = {"model": "bytedance/v1-pro", "input": {"prompt": "p", "n": None, "more": [1.5, {"a": False}]}}
    assert order == sent(FREE, order)
    assert FREE.model_validate(order).cost() is None
    assert {"model": "m", "input": {"n": 1, "prompt": "p"}} == FREE.from_prompt("p", {"model": "m", "input": {"n": 1}})
    assert {"model": "m", "input": {"prompt": "p"}} == FREE.from_prompt("p", {"model": "m"})
    assert {"input": "x"} == FREE.from_prompt("p", {"input": "x"})


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"model": "m", "input": {}}, "input"),
        ({"model": "m", "input": "x"}, "input"),
        ({"model": "m"}, "input"),
        ({"model": "", "input": {"prompt": "p"}}, "model"),
        ({"model": "m", "input": {"prompt": "p"}, "prompt": "p"}, "prompt"),
    ],
)
def test_market__rules(order: dict[str, Any], field: str) -> None:
    """A market order without model or input, or with anything beside them, is refused."""
    assert_refused(FREE, order, field)
