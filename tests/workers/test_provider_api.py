"""Requests to a provider's API: where the key goes, and what an answer may do to us."""

import gzip
from collections.abc import Iterator
from datetime import timedelta

import pytest

from archive.embedded import free_port
from archive.errors import ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer, ApiRequest
from tests.builders import source
from tests.doubles import wait_for
from tests.origin import Origin, Scene, Wire, answer, endless, origin, redirect, whole
from workers.egress import Egress
from workers.provider_api import MAX_ANSWER, ProviderApi

STATUS = ApiRequest("GET", "/status", "market", params={"taskId": "a&b=c/d é"})


@pytest.fixture
def host() -> Iterator[Origin]:
    with origin() as server:
        yield server


def ask(authority: str, request: ApiRequest = STATUS, *, seconds: float = 20, **more: object) -> ApiAnswer:
    egress = Egress()
    try:
        api = ProviderApi({"kie": source(authority, **more)}, egress, max_time=timedelta(seconds=seconds))
        return api.ask("kie", request)
    finally:
        egress.close()


def test_ask__brings_the_answer_whatever_its_status(host: Origin) -> None:
    """Status, headers and body come back as they are; what they mean is the provider module's business."""
    host.url("/status", answer({"code": 501}, "Retry-After: 7", status="503 Busy"))
    found = ask(host.authority)
    assert (503, "7", b'{"code": 501}') == (found.status, found.headers["retry-after"], found.body)
    assert ["/status?taskId=a%26b%3Dc%2Fd+%C3%A9"] == host.paths
    assert "authorization: bearer our-key\r\n" in host.heads[0].lower()


def test_ask__posts_json(host: Origin) -> None:
    """A request with a document carries it."""
    host.url("/link", answer({}))
    ask(host.authority, ApiRequest("POST", "/link", "x", json={"url": "https://files.example/v"}))
    assert [b'{"url":"https://files.example/v"}'] == host.bodies


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_key__is_not_carried_elsewhere(host: Origin, status: str) -> None:
    """A redirect is refused by name, and whoever it points to hears nothing."""
    with origin() as elsewhere:
        host.url("/status", redirect(f"http://{elsewhere.authority}/status", status))
        with pytest.raises(ProviderRefusedError) as refused:
            ask(host.authority)
        assert (f"http_{status[:3]}", []) == (refused.value.reason, elsewhere.heads)


def test_key__none_no_request(host: Origin) -> None:
    """A source without a key is not asked about."""
    with pytest.raises(ProviderRefusedError) as refused:
        ask("", api_base=f"http://{host.authority}")
    assert ("no_api_key", []) == (refused.value.reason, host.heads)


@pytest.mark.parametrize(
    "scene",
    [
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        whole(gzip.compress(bytes(MAX_ANSWER + 1)), "Content-Encoding: gzip"),
    ],
    ids=["endless", "compressed"],
)
def test_answer__too_large(host: Origin, scene: Scene) -> None:
    """An answer beyond 1 MiB, as sent or unpacked, is not read to its end."""
    host.url("/status", scene)
    with pytest.raises(ProviderBusyError) as busy:
        ask(host.authority)
    assert "answer_too_large" == busy.value.reason


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_answer__that_drips_or_never_comes(host: Origin, head: bytes) -> None:
    """However slowly an answer comes, a request ends with its time limit."""

    def drip(wire: Wire) -> None:
        wire.send(head)
        wire.fire("dripped")
        while not wire.stopping.wait(0.05):
            wire.send(head and b"x")

    host.url("/status", drip)
    with pytest.raises(ProviderBusyError) as busy:
        ask(host.authority, seconds=0.3)
    assert "timed_out" == busy.value.reason
    wait_for(lambda: ["dripped"] == host.fired)


def test_answer__cut_or_broken(host: Origin) -> None:
    """Half an answer, or one that does not unpack, is none."""
    for scene, reason in (
        (lambda wire: wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nhalf"), "answer_malformed"),
        (lambda wire: wire.reset(), "unreachable"),
        (whole(b"not gzip", "Content-Encoding: gzip"), "answer_malformed"),
    ):
        host.url("/status", scene)
        with pytest.raises(ProviderBusyError) as busy:
            ask(host.authority)
        assert reason == busy.value.reason


def test_answer__nobody_listens() -> None:
    """An API that cannot be reached may be asked later."""
    with pytest.raises(ProviderBusyError) as busy:
        ask(f"127.0.0.1:{free_port()}")
    assert "unreachable" == busy.value.reason
