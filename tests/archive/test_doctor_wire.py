"""How the doctor reaches out: every kind of silence has its reason, and a refusal is read although the body was not."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from archive.doctor import wire
from archive.doctor.wire import Request, SilenceError

GET = Request("GET", "/", [("Host", "h.example")])


@contextmanager
def speaker(play: Callable[[socket.socket], object]) -> Iterator[int]:
    """A server that plays one scene for the first who comes; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    play(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def saying(answer: bytes) -> Callable[[socket.socket], None]:
    def play(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return play


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, ""), "unknown"),
        (socket.gaierror(socket.EAI_NODATA, ""), "unknown"),
        (socket.gaierror(socket.EAI_AGAIN, ""), "no_answer"),
        (socket.gaierror(socket.EAI_FAIL, ""), "no_answer"),
        (UnicodeError(), "unknown"),
    ],
)
def test_resolve__reasons(monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str) -> None:
    """A name that does not exist is told from a resolver that does not answer."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(SilenceError, match=reason):
        wire.resolve("hooks.example.com", 443)


def test_resolve__is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that never answers is given up."""
    gone, answered = threading.Event(), threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        gone.wait(5)
        answered.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with pytest.raises(SilenceError, match="no_answer"):
        wire.resolve("hooks.example.com", 443, timeout=0.05)
    assert not answered.is_set()
    gone.set()
    assert answered.wait(10)


def test_resolve__each_address_once() -> None:
    """Addresses come as the system gives them, none twice."""
    assert "127.0.0.1" in wire.resolve("localhost", 80)
    assert ["127.0.0.1"] == wire.resolve("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(TimeoutError(), "timed_out"), (ConnectionRefusedError(), "refused"), (OSError(101, "unreachable"), "no_route")],
)
def test_connect__reasons(monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str) -> None:
    """Refused, silent and unreachable addresses are told apart."""

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(socket, "create_connection", fail)
    with pytest.raises(SilenceError, match=reason):
        wire.connect("192.0.2.1", 443)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [(b"", "cut"), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "cut"), (b"SSH-2.0-x\r\n", "not_http"),
     (b"HTTP/1.1 abc OK\r\n\r\n", "not_http"), (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, "not_http")],
)  # fmt: skip
def test_exchange__what_is_no_answer(sent: bytes, reason: str) -> None:
    """An answer that ends early, or is none, is no answer."""
    with speaker(saying(sent)) as port, pytest.raises(SilenceError, match=reason):
        wire.exchange(wire.connect("127.0.0.1", port), GET)


def test_exchange__never_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes a request and stays silent is given up."""
    monkeypatch.setattr(wire, "ANSWER_TIMEOUT", 0.1)
    over = threading.Event()
    with speaker(lambda _connection: over.wait(10)) as port:
        with pytest.raises(SilenceError, match="timed_out"):
            wire.exchange(wire.connect("127.0.0.1", port), GET)
        over.set()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_exchange__refused_while_the_body_is_sent(is_chunked: bool) -> None:
    """A 413 that comes before the body was read, on a connection that is then reset, is heard."""

    def refuse(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")

    with speaker(refuse) as port:
        request = Request("POST", "/", [("Host", "h")], b"x" * (8 << 20), is_chunked)
        answered = wire.exchange(wire.connect("127.0.0.1", port), request)
    assert (413, b"no") == (answered.status, answered.body)


def test_exchange__sends_what_it_is_told() -> None:
    """No header is added but the length, none is changed, and the target goes out as it stands."""
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with speaker(listen) as port:
        headers = [("Host", "h.example"), ("x-Webhook-SIGNATURE", "a+/="), ("webhook-id", "1")]
        wire.exchange(wire.connect("127.0.0.1", port), Request("POST", "/a%41//b~?q=%20", headers, b""))
    lines = [b"POST /a%41//b~?q=%20 HTTP/1.1", b"Host: h.example", b"x-Webhook-SIGNATURE: a+/=", b"webhook-id: 1"]
    assert [*lines, b"Content-Length: 0", b"", b""] == heard[0].split(b"\r\n")


def test_exchange__a_bomb_is_cut() -> None:
    """A compressed answer is undone up to a bound."""
    bomb = gzip.compress(b"0" * (32 << 20))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    with speaker(saying(head + bomb)) as port:
        answered = wire.exchange(wire.connect("127.0.0.1", port), GET)
    assert (True, True) == (answered.was_compressed, len(answered.body) <= 1 << 18)
