"""The guarded way out, over real sockets: what it refuses before, while and after it connects."""

import contextlib
import json
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import LinkRefusedError, WireError
from archive.urls import DEFAULT_PORTS, read_url
from tests.certificates import Authority
from tests.origin import Origin, origin, origin_by, whole
from tests.tunneller import refuses, tunneller
from workers.egress import Egress, Policy, Resolve, check_link, next_hop, resolve

OPEN = Policy()
PLAIN = Policy(insecure_http=True)


class ScriptedResolver:
    """Gives its answers one after the other, the last one for ever, and remembers what it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked: list[tuple[str, int]] = []
        self._answers = list(answers)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def refusal(url: str, policy: Policy = OPEN) -> str | None:
    try:
        check_link(url, policy)
    except LinkRefusedError as exc:
        return exc.reason
    return None


@pytest.fixture(params=["http", "https"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Origin]:
    """A file host, by plain http and by TLS: what holds for one holds for the other."""
    with origin_by(request.param, tmp_path) as server:
        yield server


def get(url: str, policy: Policy, resolver: Resolve = resolve, tls: ssl.SSLContext | None = None) -> bytes:
    """The body that a GET through the guard brings."""
    egress = Egress(resolver=resolver, tls=tls)
    try:
        with egress.stream("GET", url, policy, headers={}) as response:
            return b"".join(response.iter_raw())
    finally:
        egress.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://files.example/v.mp4?sig=1", None),
        ("https://files.example:443/v.mp4", None),
        ("https://xn--bcher-kva.example/v.mp4", None),
        ("https://[2606:4700::1111]/v.mp4", None),
        ("https://[2606:4700::ABCD]/v.mp4", None),
        ("http://files.example/v.mp4", "scheme_not_allowed"),
        ("ftp://files.example/v.mp4", "scheme_not_allowed"),
        ("file:///etc/passwd", "scheme_not_allowed"),
        ("gopher://files.example/", "scheme_not_allowed"),
        ("data:video/mp4;base64,AAAA", "scheme_not_allowed"),
        ("//files.example/v.mp4", "link_malformed"),
        ("https:files.example", "link_malformed"),
        ("https:///v.mp4", "link_malformed"),
        ("", "link_malformed"),
        ("https://user@files.example/", "credentials_in_link"),
        ("https://user:pass@files.example/", "credentials_in_link"),
        ("https://good.example@evil.example/", "credentials_in_link"),
        ("https://@files.example/", "credentials_in_link"),
        ("https://a@@b.example/", "credentials_in_link"),
        ("https://files.example:80/", "port_not_allowed"),
        ("https://files.example:22/", "port_not_allowed"),
        ("https://files.example:6379/", "port_not_allowed"),
        ("https://files.example:0/", "port_not_allowed"),
        ("https://files.example:65536/", "link_malformed"),
        ("https://files.example:x/", "link_malformed"),
        ("https://files.example\\@evil.example/", "link_malformed"),
        ("https:\\\\files.example/", "link_malformed"),
        ("https://files.example/a\tb", "link_malformed"),
        ("https://files.exa\nmple/", "link_malformed"),
        ("https://files.example/\r\nHost: evil", "link_malformed"),
        (" https://files.example/", "link_malformed"),
        ("https://files.example/\x00", "link_malformed"),
        ("https://files.example/\x7f", "link_malformed"),
        ("https://files.exampl\u0435/", "link_malformed"),
        ("https://\uff46iles.example/", "link_malformed"),
        ("https://127\u30020\u30020\u30021/", "link_malformed"),
        ("https://\u2460\u2461\u2466.0.0.1/", "link_malformed"),
        ("https://files.example/\u00e9", "link_malformed"),
        ("https://[::1", "link_malformed"),
        ("https://[fe80::1%25eth0]/", "link_malformed"),
        ("https://a<b.example/", "link_malformed"),  # one parser quotes it, the other does not
        ("https://999.1.1.1/", "link_malformed"),
        ("https://0177.0.0.1/", "link_malformed"),
        ("https://files.example/" + "a" * 70_000, "link_malformed"),
    ],
)
def test_check_link__forms(url: str, reason: str | None) -> None:
    """Only https URLs of visible ASCII with a plain host on port 443 pass; everything else has its reason."""
    assert reason == refusal(url)


def test_check_link__what_a_source_admits() -> None:
    """Plain http and other ports pass where the configuration says so, and only there."""
    policy = Policy(frozenset({"127.0.0.1:9100", "::1:9100"}), insecure_http=True)
    for url in ("http://files.example/", "http://127.0.0.1:9100/v", "https://127.0.0.1:9100/v", "http://[::1]:9100/"):
        assert refusal(url, policy) is None
    for url in (
        "http://127.0.0.1:9101/",
        "http://files.example:443/",
        "http://localhost:9100/",
        "ftp://127.0.0.1:9100/",
    ):
        assert refusal(url, policy) is not None


@given(st.text(), st.text())
def test_check_link__nothing_else_ever_comes_out(host: str, path: str) -> None:
    """Whatever the text, a link is passed or refused by name, and what passed has a host of visible ASCII."""
    urls = [f"https://{host}/{path}", host]
    with contextlib.suppress(LinkRefusedError):
        urls.append(next_hop(read_url("https://files.example/"), path))
    for url in urls:
        if refusal(url) is None:
            assert url.isascii()
            assert read_url(url).host


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["127.0.0.1", "1.1.1.1"], ["1.1.1.1", "::1"], ["::ffff:1.1.1.1"]],
)
def test_connect__one_private_answer_refuses_all(host: Origin, answers: list[str]) -> None:
    """A name with any special address among its answers is not connected to at all."""
    resolver = ScriptedResolver(answers)
    with pytest.raises(LinkRefusedError) as refused:
        get(f"{host.scheme}://files.example/", PLAIN, resolver, host.trust)
    assert "address_not_public" == refused.value.reason
    assert [("files.example", DEFAULT_PORTS[host.scheme])] == resolver.asked
    assert [] == host.heads


@pytest.mark.parametrize(
    "literal", ["2130706433", "0x7f000001", "0x7f.1", "127.1", "localhost", "127.0.0.1.", "[fe80::1%25eth0]"]
)
def test_connect__odd_spellings_of_loopback(literal: str) -> None:
    """However loopback is spelt, the address the system makes of it is judged, and refused or not found."""
    with pytest.raises((LinkRefusedError, WireError)):
        get(f"http://{literal}/", PLAIN)


def test_connect__goes_to_the_address_that_was_judged(host: Origin) -> None:
    """A name is resolved once per connection: a second, other answer is never asked for, so it cannot be used."""
    name = f"files.example:{host.port}"
    resolver = ScriptedResolver(["127.0.0.1"], ["203.0.113.1"])
    url = host.url("/v.mp4", whole(b"film")).replace(host.authority, name)
    assert b"film" == get(url, Policy(frozenset({name}), insecure_http=True), resolver, host.trust)
    assert [("files.example", host.port)] == resolver.asked
    assert f"\r\nHost: {name}\r\n" in host.heads[0]


def test_connect__tries_the_next_address(host: Origin) -> None:
    """Where the first address does not answer the second one is tried."""
    name = f"files.example:{host.port}"
    url = host.url("/v.mp4", whole(b"film")).replace(host.authority, name)
    resolver = ScriptedResolver(["127.0.0.2", "127.0.0.1"])
    assert b"film" == get(url, Policy(frozenset({name}), insecure_http=True), resolver, host.trust)


@pytest.mark.parametrize("failure", [OSError("SERVFAIL"), UnicodeError("label too long")])
def test_connect__no_name_no_connection(failure: Exception) -> None:
    """A name that cannot be resolved is a connection that failed, whatever the resolver says."""

    def broken(host: str, port: int) -> list[str]:
        raise failure

    for resolver in (broken, ScriptedResolver([])):
        with pytest.raises(WireError):
            get("http://files.example/", PLAIN, resolver)


def test_tls__keeps_the_name(tmp_path: Path) -> None:
    """The judged address is dialled, while SNI, certificate check and Host stay with the name."""
    authority, seen = Authority(), []
    context = authority.server("files.example", str(tmp_path))
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    with origin(context) as server:
        name = f"files.example:{server.port}"
        url = server.url("/v.mp4", whole(b"film")).replace(server.authority, name)
        policy, resolver = Policy(frozenset({name})), ScriptedResolver(["127.0.0.1"])
        assert b"film" == get(url, policy, resolver, authority.trust())
        assert (["files.example"], 1) == (seen, len(server.heads))


@pytest.mark.parametrize("fault", ["other_name", "expired", "untrusted", "old_tls"])
def test_tls__fails_closed(tmp_path: Path, fault: str) -> None:
    """A certificate for another name, out of date or of an unknown authority, or old TLS, gets no request."""
    authority = Authority()
    name = "other.example" if fault == "other_name" else "files.example"
    context = authority.server(name, str(tmp_path), expired=fault == "expired")
    if fault == "old_tls":
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that such a version is deprecated is the point
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    trusted = Authority().trust() if fault == "untrusted" else authority.trust()
    with origin(context) as server:
        dialled = f"files.example:{server.port}"
        url = server.url("/v.mp4", whole(b"film")).replace(server.authority, dialled)
        with pytest.raises(WireError):
            get(url, Policy(frozenset({dialled})), ScriptedResolver(["127.0.0.1"]), trusted)
        assert [] == server.heads


def test_failure__is_named_by_its_cause() -> None:
    """A name that cannot be resolved and a port without TLS are told from a port without anybody."""

    def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with socket.create_server(("127.0.0.1", 0)) as plain:

        def speak() -> None:
            with plain.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(1 << 16)

        speaking = threading.Thread(target=speak)
        speaking.start()
        at = f"127.0.0.1:{plain.getsockname()[1]}"
        for resolver, host, reason in ((nobody, "crm.example:443", "name_not_resolved"), (resolve, at, "tls_failed")):
            with pytest.raises(WireError) as caught:
                get(f"https://{host}/hook", Policy(frozenset({at})), resolver)
            assert reason == caught.value.reason
        speaking.join(10)


def test_environment__says_nothing(tmp_path: Path) -> None:
    """F59: proxy variables, a .netrc and a CA file of the environment change neither way, nor headers, nor trust."""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login netrc password secret\n")
    secured = authority.server("127.0.0.1", str(tmp_path))
    with origin() as host, origin() as proxy, origin(secured) as secure, tunneller(refuses("403 No")) as ours:
        proxied = f"http://{proxy.authority}"
        environment = {
            **dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"), proxied),
            "NO_PROXY": "1.1.1.1",
            "HOME": str(tmp_path),
            "NETRC": str(tmp_path / ".netrc"),
            "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
            "SSL_CERT_DIR": str(tmp_path),
        }
        program = (
            "import json, sys\n"
            "from archive.errors import WireError\n"
            "from archive.egress import Proxy\n"
            "from workers.egress import Egress, Policy\n"
            "plain, secure, port, *origins = sys.argv[1:]\n"
            "def get(url, proxy=None):\n"
            "    egress = Egress(proxy=proxy)\n"
            "    try:\n"
            "        with egress.stream('GET', url, Policy(frozenset(origins), True), headers={}) as response:\n"
            "            return b''.join(response.iter_raw()).decode()\n"
            "    except WireError as exc: return exc.reason\n"
            "said = [get(plain), get(secure), get('http://1.1.1.1/', Proxy('127.0.0.1', int(port)))]\n"
            "print(json.dumps(said))\n"
        )
        urls = (host.url("/v", whole(b"film")), secure.url("/v", whole(b"film")))
        command = [sys.executable, "-c", program, *urls, str(ours.port), host.authority, secure.authority]
        said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True).stdout
        assert ["film", "certificate_refused", "proxy_refused"] == json.loads(said)
        assert (["1.1.1.1:80"], False) == (ours.asked, "authorization" in ours.heads[0].lower())
        assert [] == proxy.heads
        assert "authorization" not in host.heads[0].lower()


def test_cookies__are_not_kept(host: Origin) -> None:
    """What one answer sets is not sent with the next request."""
    url = host.url("/v", whole(b"", "Set-Cookie: id=7; Path=/"))
    egress = Egress(tls=host.trust)
    for _ in range(2):
        with egress.stream("GET", url, Policy(frozenset({host.authority}), insecure_http=True), headers={}):
            pass
    egress.close()
    assert (2, False) == (len(host.heads), any("ookie" in head for head in host.heads))


def test_origins__of_one_source_are_nobody_elses(host: Origin) -> None:
    """What one source names as its own loopback origin is an address like any other to all who share the way out."""
    egress = Egress(tls=host.trust)
    url = host.url("/v", whole(b"ok"))
    named = Policy(frozenset({host.authority}), insecure_http=True)
    try:
        for policy in (named, Policy(ports=frozenset({host.authority}), insecure_http=True), named):
            with contextlib.suppress(LinkRefusedError), egress.stream("GET", url, policy, headers={}):
                pass
    finally:
        egress.close()
    assert ["/v"] * 2 == host.paths


def test_origins__are_not_spoken_to_in_clear() -> None:
    """An origin may have any port and address; that it is asked in clear is another permission."""
    assert "scheme_not_allowed" == refusal("http://127.0.0.1:9100/", Policy(frozenset({"127.0.0.1:9100"})))
