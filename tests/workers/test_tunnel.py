"""Through an egress proxy, over real sockets: what it is asked for, what it hears, and what it may do to us."""

import base64
import logging
import socket
import ssl
import time
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from archive.egress import Proxy
from archive.embedded import free_port
from archive.errors import LinkRefusedError, WireError
from tests.certificates import Authority
from tests.origin import Origin, origin, whole
from tests.tunneller import OK, Refuse, refuses, says, tunneller
from workers.egress import Egress, Policy, Resolve, time_limit
from workers.resolver import resolve

URL = "https://files.example/v.mp4?sig=canary-of-the-link"
CREDENTIALS = ("house", "canary:of the proxy")
KEY = "canary-of-the-api"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def host(authority: Authority, tmp_path: Path) -> Iterator[Origin]:
    """files.example, by https."""
    with origin(authority.server("files.example", str(tmp_path)), authority.trust()) as server:
        server.url("/v.mp4", whole(b"film"))
        yield server


class Names:
    """A resolver that has these addresses for every name, and remembers what it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.asked: list[str] = []
        self._addresses = list(addresses)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if not self._addresses:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return self._addresses


def get(
    url: str, proxy: Proxy, resolver: Resolve, tls: ssl.SSLContext | None = None, policy: Policy | None = None
) -> bytes:
    with closing(Egress(resolver=resolver, tls=tls, proxy=proxy)) as egress:
        headers = {"Authorization": f"Bearer {KEY}"}
        with egress.stream("GET", url, policy or Policy(), headers=headers) as response:
            return b"".join(response.iter_raw())


def proxy_at(port: int, *, resolves: bool = False) -> Proxy:
    return Proxy("127.0.0.1", port, CREDENTIALS, resolves)


def failure(wrong: Refuse, seconds: float = 20, *addresses: str) -> tuple[str, list[str]]:
    """How a request ends where the proxy does *wrong*, and which addresses it was asked for."""
    began = time.monotonic()
    with tunneller(wrong) as proxy:
        with time_limit(lambda: seconds - (time.monotonic() - began)), pytest.raises(WireError) as caught:
            get(URL, proxy_at(proxy.port), Names(*(addresses or ("1.1.1.1",))))
        proxy.stopping.set()
    assert not [line for line in traceback.format_exception(caught.value) if "canary" in line]
    return caught.value.reason, proxy.asked


def test_tunnel__leads_to_the_judged_address_and_keeps_the_name(host: Origin) -> None:
    """F57: the proxy is asked for the address that was judged; certificate, SNI and Host stay with the name."""
    names = Names("1.1.1.1")
    with tunneller(leads={443: host.port}) as proxy:
        assert b"film" == get(URL, proxy_at(proxy.port), names, host.trust)
    assert (["1.1.1.1:443"], ["files.example"]) == (proxy.asked, names.asked)
    assert "\r\nHost: files.example\r\n" in host.heads[0]


def test_tunnel__who_hears_which_secret(host: Origin) -> None:
    """F53: the proxy hears its own credentials and no link, key or name's path; the host hears none of the proxy's."""
    with tunneller(leads={443: host.port}) as proxy:
        get(URL, proxy_at(proxy.port), Names("1.1.1.1"), host.trust)
    [head], [first] = proxy.heads, proxy.first
    encoded = base64.b64encode(b"house:canary:of the proxy").decode()
    assert f"\r\nproxy-authorization: basic {encoded.lower()}\r\n" in head.lower()
    assert not [word for word in (KEY, "canary-of-the-link", "files.example") if word in head]
    assert first[:1] == b"\x16", "what goes through is TLS from its first byte"
    assert "proxy-" not in host.heads[0].lower()
    assert f"Bearer {KEY}" in host.heads[0]


def test_tunnel__carries_plain_http_where_a_source_admits_it() -> None:
    """Plain http goes through a tunnel too: no proxy is handed a URL or a key."""
    with origin() as plain, tunneller(leads={80: plain.port}) as proxy:
        plain.url("/v.mp4", whole(b"film"))
        body = get(
            "http://files.example/v.mp4", proxy_at(proxy.port), Names("1.1.1.1"), None, Policy(insecure_http=True)
        )
    assert (b"film", ["1.1.1.1:80"]) == (body, proxy.asked)
    assert KEY not in proxy.heads[0]


@pytest.mark.parametrize("addresses", [["10.0.0.7"], ["1.1.1.1", "127.0.0.1"], ["::1"], ["169.254.169.254"]])
def test_tunnel__is_not_asked_for_what_is_private(addresses: list[str]) -> None:
    """F57: a name with a private answer is refused before the proxy hears of it."""
    with tunneller() as proxy:
        with pytest.raises(LinkRefusedError) as refused:
            get(URL, proxy_at(proxy.port), Names(*addresses))
        assert ("address_not_public", []) == (refused.value.reason, proxy.heads)


def test_resolves__names_go_to_the_proxy_unresolved(host: Origin) -> None:
    """With `proxy_resolves` nobody here is asked for a name, and the proxy gets it as it stands."""
    names = Names("10.0.0.7")
    with tunneller(leads={443: host.port}) as proxy:
        assert b"film" == get(URL, proxy_at(proxy.port, resolves=True), names, host.trust)
    assert (["files.example:443"], []) == (proxy.asked, names.asked)


@pytest.mark.parametrize("literal", ["127.0.0.1", "10.1.2.3", "[::1]", "169.254.169.254", "[::ffff:1.1.1.1]"])
def test_resolves__addresses_are_still_judged_here(literal: str) -> None:
    """With `proxy_resolves` a link to a private address is refused before the proxy hears of it."""
    with tunneller() as proxy:
        with pytest.raises(LinkRefusedError) as refused:
            get(f"https://{literal}/", proxy_at(proxy.port, resolves=True), resolve)
        assert ("address_not_public", []) == (refused.value.reason, proxy.heads)


@pytest.mark.parametrize("resolves", [False, True])
def test_direct__what_the_settings_name_on_our_own_side(*, resolves: bool) -> None:
    """A loopback origin and a private target, by address or by a name our DNS knows, are reached without the proxy."""
    with origin() as inside, tunneller() as proxy:
        inside.url("/v", whole(b"ours"))
        for name in ("127.0.0.1", "crm.internal"):
            policy = Policy(frozenset({f"{name}:{inside.port}"}), insecure_http=True)
            url = f"http://{name}:{inside.port}/v"
            assert b"ours" == get(url, proxy_at(proxy.port, resolves=resolves), Names("127.0.0.1"), None, policy)
        assert [] == proxy.heads


@pytest.mark.parametrize("addresses", [[], ["1.1.1.1"]], ids=["unknown here", "public"])
def test_direct__a_named_api_outside_goes_through_the_proxy(host: Origin, addresses: list[str]) -> None:
    """What the settings name and is public, or unknown to our DNS where the proxy resolves, is behind the proxy."""
    policy = Policy(frozenset({"files.example:443"}))
    with tunneller(leads={443: host.port}) as proxy:
        assert b"film" == get(URL, proxy_at(proxy.port, resolves=True), Names(*addresses), host.trust, policy)
    assert ["files.example:443"] == proxy.asked


def test_tls__is_verified_through_the_tunnel(host: Origin, tmp_path: Path) -> None:
    """F60: a proxy cannot stand in for the host: another authority's certificate gets no request."""
    with tunneller(leads={443: host.port}) as proxy, pytest.raises(WireError) as caught:
        get(URL, proxy_at(proxy.port), Names("1.1.1.1"), Authority().trust())
    assert ("certificate_refused", []) == (caught.value.reason, host.heads)


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "302 Found", "400 Bad"])
def test_refused__by_the_proxy_itself(status: str) -> None:
    """What the proxy refuses has its own slug, no second address is tried, and its page is not taken for an answer."""
    wrong = refuses(status, "Location: https://elsewhere.example/", "Proxy-Authenticate: Basic")
    assert ("proxy_refused", ["1.1.1.1:443"]) == failure(wrong, 20, "1.1.1.1", "1.0.0.1")


def test_refused__because_the_host_is_not_reached() -> None:
    """Where the proxy does not get through to one address the next is tried, at most four, by turns of family."""
    addresses = [f"1.1.1.{n}" for n in range(1, 200)] + ["2606:4700::1111"]
    expected = ["1.1.1.1:443", "[2606:4700::1111]:443", "1.1.1.2:443", "1.1.1.3:443"]
    assert ("proxy_refused", expected) == failure(refuses("502 Bad Gateway"), 20, *addresses)


def stall(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    connection.settimeout(5)
    connection.recv(1)


def flood(head: bytes, piece: bytes) -> Refuse:
    def play(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return play


@pytest.mark.parametrize(
    ("wrong", "seconds"),
    [
        (says(b""), 20),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), 20),
        (says(b"HTTP/1.1 2000 OK\r\n\r\n"), 20),
        (says(b"HTTP/1.1 200 OK\r\nX"), 20),
        (says(OK + b"HTTP/1.1 200 OK\r\n\r\nforged"), 20),
        (stall, 0.3),
        (flood(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096), 20),
        (flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), 20),
    ],
    ids=["hangs up", "garbage", "no status", "cut", "bytes behind", "stalls", "endless head", "endless 1xx"],
)
def test_unreachable__no_answer_that_could_be_understood(wrong: Refuse, seconds: float) -> None:
    """Whatever else a proxy answers is no tunnel, found out within bounds of bytes and time."""
    began = time.monotonic()
    assert ("proxy_unreachable", ["1.1.1.1:443"]) == failure(wrong, seconds)
    assert time.monotonic() - began < 4


def test_unreachable__nobody_listens() -> None:
    """A proxy that is away has its own slug; nothing goes round it."""
    with origin() as plain:
        with pytest.raises(WireError) as caught:
            get(f"http://1.1.1.1:{plain.port}/", proxy_at(free_port()), resolve, None,
                Policy(insecure_http=True, ports=frozenset({f"1.1.1.1:{plain.port}"})))  # fmt: skip
        assert ("proxy_unreachable", []) == (caught.value.reason, plain.heads)


def test_secrets__are_in_no_text(host: Origin, caplog: pytest.LogCaptureFixture) -> None:
    """The proxy's password is in no repr and in no log line, however much the libraries say."""
    caplog.set_level(logging.DEBUG)
    with tunneller(leads={443: host.port}) as proxy:
        get(URL, proxy_at(proxy.port), Names("1.1.1.1"), host.trust)
    encoded = base64.b64encode(b"house:canary:of the proxy").decode()
    said = caplog.text + repr(proxy_at(proxy.port)) + str(proxy_at(proxy.port))
    assert not [word for word in ("canary:of", encoded) if word in said]
