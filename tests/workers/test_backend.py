"""Connections: how many are tried and for how long, what an answer's head may take, and that none is used twice."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import WireError
from tests.certificates import Authority
from tests.listening import Listening
from tests.origin import Origin, Scene, Wire, endless, origin, origin_by, whole
from workers import backend, egress
from workers.backend import CONNECT, HEAD_SIZE, HEAD_TIME, SILENCE, TRIES, choose
from workers.egress import Egress, Policy, time_limit

OPEN = Policy(insecure_http=True)


@pytest.fixture(params=["http", "https"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Origin]:
    with origin_by(request.param, tmp_path) as server:
        yield server


def get(host: Origin, scene: Scene) -> bytes:
    policy = Policy(frozenset({host.authority}), insecure_http=True)
    with (
        closing(Egress(tls=host.trust)) as door,
        door.stream("GET", host.url("/v", scene), policy, headers={}) as response,
    ):
        return b"".join(response.iter_raw())


def failure(host: Origin, scene: Scene) -> str:
    with pytest.raises(WireError) as caught:
        get(host, scene)
    return caught.value.reason


ADDRESSES = st.sampled_from(["1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "2606::1", "2606::2", "2606::3"])


@given(st.lists(ADDRESSES, min_size=1))
def test_choose__few_of_both_families(addresses: list[str]) -> None:
    """At most four are tried, the resolver's first choice first, and the other family second where there is one."""
    chosen = choose(addresses)
    families = [":" in one for one in addresses]
    assert (addresses[0], min(TRIES, len(addresses))) == (chosen[0], len(chosen))
    assert set(chosen) <= set(addresses)
    assert len(set(families)) == 1 or (":" in chosen[0]) != (":" in chosen[1])


def test_connect__many_addresses_cost_no_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """F57: of 500 addresses that drop packets four are dialled, and their times together are the limit of one."""
    dialled: list[tuple[str, float]] = []
    now = 0.0

    def drop(_: Any, host: str, port: int, timeout: float) -> httpcore.NetworkStream:
        nonlocal now
        dialled.append((host, timeout))
        now += timeout
        raise httpcore.ConnectTimeout

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", drop)
    monkeypatch.setattr(backend, "time", type("Clock", (), {"monotonic": staticmethod(lambda: now)}))
    many = [f"1.1.{n // 250}.{n % 250}" for n in range(500)]
    with (
        closing(Egress(resolver=lambda *_: many)) as door,
        pytest.raises(WireError) as caught,
        door.stream("GET", "http://files.example/", OPEN, headers={}),
    ):
        pass
    assert ("timed_out", many[:TRIES]) == (caught.value.reason, [one for one, _ in dialled])
    assert pytest.approx(CONNECT) == sum(timeout for _, timeout in dialled)
    assert all(timeout >= CONNECT / TRIES - 0.01 for _, timeout in dialled)


@pytest.mark.parametrize("drips", [False, True])
def test_tls__a_handshake_that_stalls(monkeypatch: pytest.MonkeyPatch, *, drips: bool) -> None:
    """F60: a host that never ends its handshake, silent or a byte at a time, is left when the limit is over."""
    monkeypatch.setattr(egress, "_TIMEOUT", httpx.Timeout(60, connect=0.3))
    hung_up = threading.Event()

    def stall(listener: socket.socket) -> None:
        with suppress(OSError), listener.accept()[0] as connection:
            connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB begins
            connection.settimeout(0.05)
            for _ in range(200):
                try:
                    if connection.recv(4096) == b"":
                        break
                except TimeoutError:
                    if drips:
                        connection.sendall(b"\x02")
        hung_up.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        stalling = threading.Thread(target=stall, args=(listener,))
        stalling.start()
        at, began = f"127.0.0.1:{listener.getsockname()[1]}", time.monotonic()
        with (
            closing(Egress()) as door,
            pytest.raises(WireError) as caught,
            door.stream("GET", f"https://{at}/", Policy(frozenset({at})), headers={}),
        ):
            pass
        assert ("timed_out", True) == (caught.value.reason, time.monotonic() - began < 3)
        assert hung_up.wait(10)
        stalling.join(10)


@pytest.mark.parametrize(
    "scene",
    [
        whole(b"film", "X: " + "x" * (200 << 10)),
        endless(b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 4000 + b"\r\n"),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
        endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 50),
        endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 4096),
    ],
    ids=["200 KiB", "endless", "endless 100", "endless 103", "endless chunk extension"],
)
def test_head__is_bounded_in_size(host: Origin, scene: Scene) -> None:
    """An answer's head of more than 100 KiB, or after more 1xx answers than fit the bound, is none."""
    began = time.monotonic()
    assert "answer_malformed" == failure(host, scene)
    assert time.monotonic() - began < 5


def test_head__of_usual_size_and_a_few_1xx_pass(host: Origin) -> None:
    """A head of 60 KiB behind some informational answers is read, and a large body does not count as head."""
    film = bytes(HEAD_SIZE * 2)
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

    def play(wire: Wire) -> None:
        wire.send(hints * 3)
        whole(film, "X: " + "x" * 60_000)(wire)

    assert film == get(host, play)


def test_head__that_drips_is_bounded_in_time(host: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that comes a byte at a time, each well within the silence that is allowed, has a time of its own."""
    monkeypatch.setattr(backend, "HEAD_TIME", 0.3)

    def drip(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nX: ")
        wire.fire("dripped")
        while not wire.stopping.wait(0.05):
            wire.send(b"x")

    began = time.monotonic()
    assert "timed_out" == failure(host, drip)
    assert (["dripped"], True) == (host.fired, 0.3 <= time.monotonic() - began < 3)
    monkeypatch.undo()
    assert 10 <= HEAD_TIME <= SILENCE <= 30


def test_write__a_host_that_does_not_read() -> None:
    """A body that nobody takes ends with the caller's time, whatever the host reads now and then."""
    letter = bytes(64 << 20)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        at, began = f"127.0.0.1:{listener.getsockname()[1]}", time.monotonic()
        policy = Policy(frozenset({at}), insecure_http=True)
        with (
            closing(Egress()) as door,
            time_limit(lambda: 0.4 - (time.monotonic() - began)),
            pytest.raises(WireError) as caught,
            door.stream("POST", f"http://{at}/", policy, headers={}, body=letter),
        ):
            pass
        assert ("timed_out", True) == (caught.value.reason, time.monotonic() - began < 3)


class Keeping:
    """A server that keeps its connections: answers each request on one with the next of its *answers*."""

    def __init__(self, *answers: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.heads: list[str] = []
        self._answers = answers
        door = Listening(self._serve, tls)
        self.port, self.close = door.port, door.close

    def _serve(self, connection: socket.socket) -> None:
        self.connections += 1
        for answer in self._answers:
            head = connection.recv(65536)
            if not head:
                break
            self.heads.append(head.decode("latin-1"))
            connection.sendall(answer)


def test_reuse__what_follows_an_answer_is_nobodys() -> None:
    """F43: bytes behind a body that is longer than stated are no answer to the next request."""
    lie = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrueHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    with closing(Keeping(lie, lie)) as server, closing(Egress()) as door:
        at = f"127.0.0.1:{server.port}"
        for path in ("a", "b"):
            policy = Policy(frozenset({at}), insecure_http=True)
            with door.stream("GET", f"http://{at}/{path}", policy, headers={}) as response:
                assert b"true" == b"".join(response.iter_raw())
        assert 2 == server.connections
        assert all("\r\nconnection: close\r\n" in head.lower() for head in server.heads)


def test_reuse__a_connection_is_good_for_one_host(tmp_path: Path) -> None:
    """F57: what was verified for one name is not used for another at the same address, nor for the same one by http."""
    authority = Authority()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    seen: list[str | None] = []
    context = authority.server("a.example", str(tmp_path))
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    with closing(Keeping(*[answer] * 4, tls=context)) as server:
        names = [f"{name}.example:{server.port}" for name in "ab"]
        policy = Policy(frozenset(names))
        with closing(Egress(resolver=lambda *_: ["127.0.0.1"], tls=authority.trust())) as door:
            for _ in range(2):
                with door.stream("GET", f"https://{names[0]}/", policy, headers={}) as response:
                    assert b"ok" == b"".join(response.iter_raw())
                with pytest.raises(WireError) as caught, door.stream("GET", f"https://{names[1]}/", policy, headers={}):
                    pass
                assert "certificate_refused" == caught.value.reason
        assert (["a.example", "b.example"] * 2, 2) == (seen, len(server.heads))


def test_silence__ends_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """F45: a host that falls silent in the middle of a body is left when the silence has lasted its time."""
    monkeypatch.setattr(egress, "_TIMEOUT", httpx.Timeout(0.2))

    def stop(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        wire.stopping.wait(10)

    with origin() as host:
        assert "timed_out" == failure(host, stop)
