"""The way to the providers' APIs: whom it trusts, where it goes, and what it makes of failures."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from archive.egress import Proxy
from archive.sources import Source
from receiver.upstream import AnswerLostError, Call, NotSentError, Upstream
from tests.certificates import Authority
from tests.origin import Wire, endless, origin, redirect, whole
from tests.receiver.outward import takes
from tests.tunneller import Refuse, refuses, says, tunneller

CALL = Call("GET", b"/x?a=%2F", [(b"Authorization", b"Bearer k")], b"", timedelta(seconds=0.3), is_order=False)


def source(base: str) -> Source:
    told = {"provider": "kie", "api_key": "k", "api_base": base, "insecure_http": True}
    return Source.model_validate(told, context={})


def ask(
    base: str,
    tls: ssl.SSLContext | None = None,
    *calls: Call,
    limit: int = 1 << 20,
    proxy: Proxy | None = None,
) -> list[tuple[int, bytes]]:
    """Send the calls, one after the other; return status and body of each."""

    async def scenario() -> list[tuple[int, bytes]]:
        async def at_once(_: float) -> None:
            pass

        upstream, heard = Upstream(tls, at_once, proxy), []
        try:
            for call in calls or (CALL,):
                incoming = await upstream.send(source(base), call)
                try:
                    heard.append((incoming.status, (await incoming.read(limit))[0]))
                finally:
                    await incoming.close()
            return heard
        finally:
            await upstream.close()

    return asyncio.run(scenario())


def test_tls__is_verified(tmp_path: Path) -> None:
    """A server is believed by its certificate and name alone; the key never reaches one that is not."""
    authority = Authority()
    with origin(authority.server("127.0.0.1", str(tmp_path))) as server:
        server.url("/x", whole(b"{}"))
        assert [(200, b"{}")] == ask(f"https://{server.authority}", authority.trust())
        for base, tls in ((server.authority, None), (f"localhost:{server.port}", authority.trust())):
            with pytest.raises(NotSentError):
                ask(f"https://{base}", tls)
        assert 1 == len(server.heads)


def test_environment__is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy, no password file and no certificate variable of the environment changes where a key goes."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    with origin() as server, origin() as trap:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://{trap.authority}")
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        server.url("/x", whole(b"{}"))
        assert [(200, b"{}")] == ask(f"http://{server.authority}")
        assert ([], ["/x?a=%2F"]) == (trap.heads, server.paths)
        assert "authorization: bearer k" in server.heads[0].lower()


def test_cookies_and_redirects__end_here() -> None:
    """What a provider sets is not sent again, and where it points is not followed."""
    with origin() as server, origin() as trap:
        sets = whole(b"{}", "Set-Cookie: a=b; Path=/")
        takes(server, sets, redirect(f"http://{trap.authority}/x"), path="/x")
        assert [200, 302] == [status for status, _ in ask(f"http://{server.authority}", None, CALL, CALL)]
        assert "cookie:" not in server.heads[1].lower()
        assert [] == trap.heads


def silent(wire: Wire) -> None:
    wire.stopping.wait(5)


def test_failures__of_an_answer() -> None:
    """Silence and an end in the middle are answers that are lost; what is too long is not read to its end."""
    with origin() as server:
        server.url("/x", silent)
        with pytest.raises(AnswerLostError) as caught:
            ask(f"http://{server.authority}")
        assert "timed_out" == caught.value.reason
        server.url("/x", lambda wire: wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"))
        with pytest.raises(AnswerLostError) as caught:
            ask(f"http://{server.authority}")
        assert "answer_lost" == caught.value.reason
        server.url("/x", endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536))
        [(_, body)] = ask(f"http://{server.authority}", limit=100_000)
        assert 100_000 < len(body) < 500_000


def test_proxy__carries_what_goes_outside_and_hears_no_key(tmp_path: Path) -> None:
    """F53, F59: through the proxy of the settings an API gets key and path, the proxy neither; loopback is direct."""
    authority = Authority()
    with (
        origin(authority.server("api.example", str(tmp_path))) as api,
        origin() as inside,
        tunneller(leads={443: api.port}) as proxy,
    ):
        way = Proxy("127.0.0.1", proxy.port, ("house", "secret"))
        for server in (api, inside):
            server.url("/x", whole(b"{}"))
        assert [(200, b"{}")] == ask("https://api.example", authority.trust(), proxy=way)
        assert [(200, b"{}")] == ask(f"http://{inside.authority}", proxy=way)
        assert (["api.example:443"], 1) == (proxy.asked, len(inside.heads))
        assert "proxy-authorization: basic " in proxy.heads[0].lower()
        assert "authorization: bearer k" not in proxy.heads[0].lower()
        assert "/x" not in proxy.heads[0]
        assert "authorization: bearer k" in api.heads[0].lower()
        assert "proxy-" not in api.heads[0].lower()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (refuses("407 Proxy Authentication Required"), "proxy_refused"),
        (refuses("502 Bad Gateway"), "proxy_refused"),
        (says(b"garbage\r\n\r\n"), "unreachable"),
        (says(b""), "unreachable"),
    ],
    ids=["407", "502", "garbage", "hangs up"],
)
def test_proxy__that_does_not_let_us_through(wrong: Refuse, reason: str) -> None:
    """What ends before the tunnel stands was not sent, so that no order is in doubt by it."""
    with tunneller(wrong) as proxy, pytest.raises(NotSentError) as caught:
        ask("https://api.example", proxy=Proxy("127.0.0.1", proxy.port))
    assert (reason, ["api.example:443"] * 2) == (caught.value.reason, proxy.asked)
