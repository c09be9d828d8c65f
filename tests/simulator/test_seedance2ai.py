"""seedance2ai.io speaks as the seed file 002_02ca32f38aa9b0f8.txt shows, key by key and in its order."""

import json
import re
from typing import Any

import httpx
import pytest

from tests.simulator.customers import Customer, form
from tests.simulator.helpers import API_KEY, Simulator, eventually

CREATED = {
    "seedance2": """{"id": "sd2_xxxxx", "status": "processing", "model": "seedance2", "quality_tier": "standard",
        "channel": "standard", "credits_used": 30}""",
    "gpt-image-2": """{"id": "gpt2_xxxxx", "status": "processing", "model": "gpt-image-2", "credits_used": 8,
        "remaining_credits": 120}""",
    "nano-banana-pro": """{"id": "nbp_xxxxx", "request_id": "kie_xxxxx", "status": "processing",
        "model": "nano-banana-pro", "credits_used": 12, "remaining_credits": 120}""",
}
POLLED = {
    "seedance2": """{"id": "sd2_xxxxx", "status": "completed", "model": "seedance2", "quality_tier": "standard",
        "channel": "standard", "credits_used": 30, "credits_refunded": 0, "output": {"video_url": "https://...",
        "last_frame_url": "https://...", "seed": 123}, "error": null, "created_at": "2026-06-03T10:00:00.000Z",
        "updated_at": "2026-06-03T10:03:12.000Z"}""",
    "gpt-image-2": """{"id": "gpt2_xxxxx", "status": "completed", "model": "gpt-image-2", "credits_used": 8,
        "credits_refunded": 0, "output": ["https://..."], "error": null, "created_at": "2026-06-03T10:00:00.000Z",
        "updated_at": "2026-06-03T10:01:24.000Z"}""",
    "nano-banana-pro": """{"id": "nbp_xxxxx", "status": "completed", "model": "nano-banana-pro", "credits_used": 12,
        "credits_refunded": 0, "output": {"images": [{"url": "https://...", "provider_url": "https://..."}]},
        "error": null, "created_at": "2026-06-03T10:00:00.000Z", "updated_at": "2026-06-03T10:01:42.000Z"}""",
}
PREFIXES = {"seedance2": "sd2_", "gpt-image-2": "gpt2_", "nano-banana-pro": "nbp_"}
MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.mark.parametrize("name", CREATED)
def test_created(customer: Customer, name: str) -> None:
    """The submit answer of each product is the sample's, its id with the product's prefix."""
    expected, actual = json.loads(CREATED[name]), customer.order(name).json()
    assert actual["id"].startswith(PREFIXES[name])
    assert expected | {key: actual[key] for key in ("id", "request_id") if key in actual} == actual
    assert form(expected) == form(actual)


@pytest.mark.parametrize("name", POLLED)
def test_polled__completed(customer: Customer, name: str) -> None:
    """A poll of a completed task is the sample's."""
    actual = customer.ended(name, customer.create(name, last_frame=name == "seedance2"))
    assert form(json.loads(POLLED[name])) == form(actual)
    assert MILLISECONDS.fullmatch(actual["created_at"])
    assert MILLISECONDS.fullmatch(actual["updated_at"])


@pytest.mark.parametrize("name", POLLED)
def test_polled__processing(customer: Customer, name: str) -> None:
    """A running task has the same keys and no output."""
    actual = customer.ask(name, customer.create(name, ready_after=60)).json()
    assert list(json.loads(POLLED[name])) == list(actual)
    assert ("processing", None, None) == (actual["status"], actual["output"], actual["error"])


@pytest.mark.parametrize(("error_as", "kind"), [(None, dict), ("text", str)])
def test_polled__failed(customer: Customer, error_as: str | None, kind: type) -> None:
    """A failed task has an error, as an object with a message or as text, and no output."""
    actual = customer.ended("seedance2", customer.create("seedance2", outcome="fail", error_as=error_as))
    assert ("failed", None) == (actual["status"], actual["output"])
    assert isinstance(actual["error"], kind)
    assert "told to fail" in str(actual["error"])


def test_polled__no_last_frame(customer: Customer) -> None:
    """A video without a last frame says null."""
    assert customer.ended("seedance2", customer.create("seedance2"))["output"]["last_frame_url"] is None


def test_outputs(customer: Customer) -> None:
    """Several images are several links, each of its own bytes."""
    links = customer.ended("gpt-image-2", customer.create("gpt-image-2", outputs=3))["output"]
    assert 3 == len({httpx.get(link, trust_env=False).content for link in links})


def test_provider_url(sim: Simulator, customer: Customer) -> None:
    """`url` and `provider_url` are two paths to the same bytes, and the journal tells by which one they were had."""
    task_id = customer.create("nano-banana-pro")
    [image] = customer.ended("nano-banana-pro", task_id)["output"]["images"]
    first, second = (httpx.get(image[key], trust_env=False) for key in ("url", "provider_url"))
    assert first.content == second.content
    assert first.url.path != second.url.path
    eventually(lambda: sim.log("get", task_id=task_id, link="first"))
    eventually(lambda: sim.log("get", task_id=task_id, link="second"))


def test_first_link_dead(customer: Customer) -> None:
    """With a dead first link only the second works."""
    task_id = customer.create("nano-banana-pro", first_link_dead=True)
    [image] = customer.ended("nano-banana-pro", task_id)["output"]["images"]
    assert 403 == httpx.get(image["url"], trust_env=False).status_code
    assert 200 == httpx.get(image["provider_url"], trust_env=False).status_code


def test_output_format(sim: Simulator, customer: Customer) -> None:
    """nano-banana-pro gives the format it was asked for, and what a plan says before that."""
    asked = customer.order("nano-banana-pro", body={"output_format": "jpeg"}).json()["id"]
    customer.ended("nano-banana-pro", asked)
    assert sim.log("film", task_id=asked, media="jpeg")
    planned = customer.order("nano-banana-pro", body={"output_format": "jpeg"}, media="png").json()["id"]
    customer.ended("nano-banana-pro", planned)
    assert sim.log("film", task_id=planned, media="png")


def test_idempotency(sim: Simulator) -> None:
    """The same key with the same body is the same task; with another body, or on another path, it is a conflict."""
    customer = Customer(sim, {"Idempotency-Key": "key-1"})
    first, again = customer.order("seedance2"), customer.order("seedance2")
    assert (200, first.json()) == (again.status_code, again.json())
    for other in (customer.order("seedance2", body={"prompt": "another"}), customer.order("gpt-image-2")):
        assert (409, "idempotency_conflict") == (other.status_code, other.json()["error"]["code"])
    assert first.json()["id"] != Customer(sim, {"Idempotency-Key": "key-2"}).order("seedance2").json()["id"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("seedance2", {"prompt": "ab"}),
        ("seedance2", {"provider": "kie"}),
        ("gpt-image-2", {"resolution": "8K"}),
        ("gpt-image-2", {"batch_count": 5}),
        ("nano-banana-pro", {"type": "image"}),
    ],
)
def test_create__refused(customer: Customer, name: str, body: dict[str, Any]) -> None:
    """A bad request is invalid_request, in the shape that all errors share."""
    answer = customer.order(name, body=body)
    assert (400, "invalid_request") == (answer.status_code, answer.json()["error"]["code"])


def test_not_found(customer: Customer) -> None:
    """A task of nobody, or of another provider, is not_found."""
    for task_id in ("sd2_nobody", customer.create("kyy")):
        answer = customer.ask("seedance2", task_id)
        assert (404, "not_found") == (answer.status_code, answer.json()["error"]["code"])


def test_bare_host(sim: Simulator, customer: Customer) -> None:
    """The host without www sends everyone on, method, path and query kept; a client that follows loses its key."""
    task_id = customer.create("seedance2")
    path = f"/api/v1/tasks/{task_id}?a=b"
    headers = {"Authorization": f"Bearer {API_KEY}"}
    answer = httpx.get(sim.ready["bare"] + path, headers=headers, trust_env=False)
    assert (307, sim.api + path) == (answer.status_code, answer.headers["Location"])
    assert 307 == httpx.post(sim.ready["bare"] + "/api/v1/video/seedance2", trust_env=False).status_code
    followed = httpx.get(sim.ready["bare"] + path, headers=headers, follow_redirects=True, trust_env=False)
    assert (401, "unauthorized") == (followed.status_code, followed.json()["error"]["code"])
    assert 2 == len(sim.log("redirect", path=f"/api/v1/tasks/{task_id}"))
