"""Requests to a provider's API: where the key goes, and what an answer may do to us."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from archive.egress import Proxy
from archive.embedded import free_port
from archive.errors import ProviderBusyError, ProviderRefusedError
from archive.model import ApiAnswer, ApiRequest
from tests.builders import source
from tests.certificates import Authority
from tests.doubles import wait_for
from tests.origin import Origin, Scene, Wire, answer, endless, origin, origin_by, redirect, whole
from tests.tunneller import tunneller
from workers.egress import Egress
from workers.provider_api import MAX_ANSWER, ProviderApi

STATUS = ApiRequest("GET", "/status", "market", params={"taskId": "a&b=c/d é"})


@pytest.fixture(params=["http", "https"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Origin]:
    """A provider's API, by plain http and by TLS: what holds for one holds for the other."""
    with origin_by(request.param, tmp_path) as server:
        yield server


def ask(host: Origin | str, request: ApiRequest = STATUS, *, seconds: float = 20, **more: object) -> ApiAnswer:
    trusted = None if isinstance(host, str) else host.trust
    base = f"http://{host}" if isinstance(host, str) else f"{host.scheme}://{host.authority}"
    egress = Egress(tls=trusted)
    try:
        api = ProviderApi(
            {"kie": source(host if isinstance(host, str) else host.authority, **{"api_base": base, **more})},
            egress,
            max_time=timedelta(seconds=seconds),
        )
        return api.ask("kie", request)
    finally:
        egress.close()


def test_ask__brings_the_answer_whatever_its_status(host: Origin) -> None:
    """Status, headers and body come back as they are; what they mean is the provider module's business."""
    host.url("/status", answer({"code": 501}, "Retry-After: 7", status="503 Busy"))
    found = ask(host)
    assert (503, "7", b'{"code": 501}') == (found.status, found.headers["retry-after"], found.body)
    assert ["/status?taskId=a%26b%3Dc%2Fd+%C3%A9"] == host.paths
    assert "authorization: bearer our-key\r\n" in host.heads[0].lower()
    assert "accept-encoding: identity\r\n" in host.heads[0].lower()


def test_ask__posts_json(host: Origin) -> None:
    """A request with a document carries it."""
    host.url("/link", answer({}))
    ask(host, ApiRequest("POST", "/link", "x", json={"url": "https://files.example/v"}))
    assert [b'{"url":"https://files.example/v"}'] == host.bodies


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_key__is_not_carried_elsewhere(host: Origin, status: str) -> None:
    """A redirect is refused by name, and whoever it points to hears nothing."""
    with origin() as elsewhere:
        host.url("/status", redirect(f"http://{elsewhere.authority}/status", status))
        with pytest.raises(ProviderRefusedError) as refused:
            ask(host)
        assert (f"http_{status[:3]}", []) == (refused.value.reason, elsewhere.heads)


def test_key__none_no_request(host: Origin) -> None:
    """A source without a key is not asked about."""
    with pytest.raises(ProviderRefusedError) as refused:
        ask("", api_base=f"{host.scheme}://{host.authority}")
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
    """F48: an answer beyond 16 MiB, as sent or unpacked, is not read to its end."""
    host.url("/status", scene)
    with pytest.raises(ProviderBusyError) as busy:
        ask(host)
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
        ask(host, seconds=0.3)
    assert "timed_out" == busy.value.reason
    wait_for(lambda: ["dripped"] == host.fired)


def test_answer__cut_or_broken(host: Origin) -> None:
    """Half an answer, or one that does not unpack, is none."""
    for scene, reason in (
        (lambda wire: wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nhalf"), "answer_malformed"),
        # By TLS a reset is seen as an end.
        (lambda wire: wire.reset(), "unreachable" if host.scheme == "http" else "answer_malformed"),
        (whole(b"not gzip", "Content-Encoding: gzip"), "answer_malformed"),
    ):
        host.url("/status", scene)
        with pytest.raises(ProviderBusyError) as busy:
            ask(host)
        assert reason == busy.value.reason


def test_answer__nobody_listens() -> None:
    """An API that cannot be reached may be asked later."""
    with pytest.raises(ProviderBusyError) as busy:
        ask(f"127.0.0.1:{free_port()}")
    assert "unreachable" == busy.value.reason


DOCUMENT = b'{"code": 200, "data": "' + b"x" * 5000 + b'"}'


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(DOCUMENT, mtime=0), "gzip"),
        (gzip.compress(DOCUMENT, mtime=0), "X-GZIP"),
        (zlib.compress(DOCUMENT), "deflate"),
        (DOCUMENT, "identity"),
    ],
)
def test_answer__packed_though_it_was_not_asked_for(host: Origin, packed: bytes, encoding: str) -> None:
    """F48: gzip and deflate are unpacked, although identity was asked for."""
    host.url("/status", whole(packed, f"Content-Encoding: {encoding}"))
    assert DOCUMENT == ask(host).body


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_answer__packed_in_an_unknown_way(host: Origin, encoding: str) -> None:
    """F48: what we cannot unpack is no answer; of a refusal the status is still heard."""
    host.url("/status", whole(b"\x1b\x00", f"Content-Encoding: {encoding}"))
    with pytest.raises(ProviderBusyError) as busy:
        ask(host)
    assert "answer_malformed" == busy.value.reason
    host.url("/status", whole(b"\x1b\x00", f"Content-Encoding: {encoding}", "Retry-After: 7", status="429 Slow"))
    found = ask(host)
    assert (429, "7", b"") == (found.status, found.headers["retry-after"], found.body)


def test_key__goes_through_a_proxy_unseen(tmp_path: Path) -> None:
    """F53: an API that is reached by the egress proxy gets the key, the proxy does not."""
    authority = Authority()
    with (
        origin(authority.server("api.example", str(tmp_path)), authority.trust()) as api,
        tunneller(leads={443: api.port}) as proxy,
        closing(Egress(resolver=lambda *_: ["1.1.1.1"], tls=api.trust, proxy=Proxy("127.0.0.1", proxy.port))) as egress,
    ):
        api.url("/status", answer({}))
        asked = ProviderApi({"kie": source("", api_key="our-key", api_base="https://api.example")}, egress)
        assert 200 == asked.ask("kie", STATUS).status
    assert (["1.1.1.1:443"], False) == (proxy.asked, "our-key" in proxy.heads[0] + repr(proxy.first))
    assert "bearer our-key" in api.heads[0].lower()
