"""The faults that other tests rely on happen as they are named, and are counted."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from tests.fault_proxy import (
    Bandwidth,
    Down,
    FaultProxy,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
    Toxic,
)
from tests.http_faults import CutBody, DropReply, Flip, HttpFaultProxy, Says, puts, says_s3
from tests.listening import Listening

BODY = bytes(range(256)) * 400  # 102,400 bytes


class Echo(BaseHTTPRequestHandler):
    """Keeps what is put, gives it back, and notes what it heard."""

    protocol_version = "HTTP/1.1"
    kept: ClassVar[dict[str, bytes]] = {}
    heard: ClassVar[list[str]] = []

    def do_PUT(self) -> None:
        self.heard.append(self.path)
        self.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b"kept")

    def do_GET(self) -> None:
        self._answer(200, self.kept.get(self.path, b""))

    def do_HEAD(self) -> None:
        self._answer(200, self.kept.get(self.path, b""))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def http_proxy() -> Iterator[HttpFaultProxy]:
    Echo.kept.clear()
    Echo.heard.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with HttpFaultProxy(server.server_port) as proxy:
        yield proxy
    server.shutdown()
    thread.join()
    server.server_close()


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """Before a server that says what it hears."""
    server = Listening(echo)
    with FaultProxy(server.port) as found:
        yield found
    server.close()


def talk(proxy: FaultProxy, data: bytes) -> tuple[bytes, bool]:
    """What comes back for *data*, and whether a reset ended it."""
    received = b""
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except (ConnectionResetError, BrokenPipeError):
            return received, True
    return received, False


def ask(proxy: FaultProxy, method: str, path: str = "/f", body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_no_fault__everything_passes(proxy: FaultProxy, http_proxy: HttpFaultProxy) -> None:
    """Without a fault both proxies pass what they are given, requests that follow one another as well."""
    assert (BODY, False) == talk(proxy, BODY)
    connection = http.client.HTTPConnection("127.0.0.1", http_proxy.port, timeout=10)
    for path in ("/a", "/b"):
        connection.request("PUT", path, BODY, {"Expect": "100-continue"})
        assert b"kept" == connection.getresponse().read()
    connection.request("HEAD", "/a")
    answer = connection.getresponse()
    assert (str(len(BODY)), b"") == (answer.headers["Content-Length"], answer.read())
    connection.request("GET", "/b")
    assert BODY == connection.getresponse().read()
    connection.close()
    assert (1, 4) == (http_proxy.connections, len(http_proxy.heard))


@pytest.mark.parametrize(
    ("toxic", "seconds"),
    [
        (Latency(seconds=0.2), 0.2),
        (Bandwidth(rate=500_000), 0.19),
        (Slicer(size=20_000, seconds=0.02), 0.1),
        (SlowClose(seconds=0.2), 0.2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_slow__all_arrives_later(proxy: FaultProxy, toxic: Toxic, seconds: float) -> None:
    """What only delays loses nothing and takes at least its time."""
    began = time.monotonic()
    with proxy.playing(toxic):
        assert (BODY, False) == talk(proxy, BODY)
    assert seconds <= time.monotonic() - began
    assert 1 == toxic.fired


@pytest.mark.parametrize(
    ("toxic", "passes", "reset"),
    [
        (LimitData(size=1000), 1000, False),
        (LimitData(size=1000, way="up"), None, False),
        (ResetPeer(), 0, True),
        (ResetPeer(after=5000, way="up"), None, True),
        (Timeout(seconds=0.1), 0, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_cut__ends_where_it_says(proxy: FaultProxy, toxic: Toxic, passes: int | None, reset: bool) -> None:
    """What ends a connection ends it after so many bytes, by FIN or by RST."""
    with proxy.playing(toxic):
        received, was_reset = talk(proxy, BODY)
    assert reset == was_reset
    if passes is not None and not reset:
        assert BODY[:passes] == received
    assert 1 == toxic.fired


def test_down__refuses_and_comes_back(proxy: FaultProxy) -> None:
    """A port that is down refuses; connections that stood are reset; afterwards the same port serves again."""
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as standing:
        standing.sendall(b"x")
        assert b"x" == standing.recv(1)
        with proxy.playing(Down()):
            with pytest.raises(ConnectionResetError):
                standing.recv(1)
            with pytest.raises(ConnectionRefusedError):
                talk(proxy, b"x")
    assert (b"x", False) == talk(proxy, b"x")


def test_share__is_drawn_alike_from_the_same_seed(http_proxy: HttpFaultProxy) -> None:
    """A third of the requests fail, and the same ones in each run."""
    with http_proxy.playing(says_s3("SlowDown", 503, share=0.3)) as fault:
        statuses = [ask(http_proxy, "PUT", body=b"1")[0] for _ in range(40)]
    assert fault.fired == statuses.count(503)
    again = HttpFaultProxy(1)
    again.stop()
    assert [503 if again.dice.random() < 0.3 else 200 for _ in range(40)] == statuses


def test_says__the_server_hears_nothing(http_proxy: HttpFaultProxy) -> None:
    """An answer in the server's place is S3's XML, for as many requests as it is to be."""
    with http_proxy.playing(says_s3("SlowDown", 503, on=puts("/f"), times=1)):
        status, body = ask(http_proxy, "PUT", body=BODY)
        assert (503, True) == (status, b"<Code>SlowDown</Code>" in body)
        assert [] == Echo.heard
        assert (200, b"kept") == ask(http_proxy, "PUT", body=BODY)
    with http_proxy.playing(Says(status=403)):
        assert (403, b"") == ask(http_proxy, "HEAD")


def test_drop_reply__the_server_has_done_it(http_proxy: HttpFaultProxy) -> None:
    """The put is done, and the client hears a reset."""
    with http_proxy.playing(DropReply(on=puts())), pytest.raises(ConnectionError):
        ask(http_proxy, "PUT", body=BODY)
    assert (200, BODY) == ask(http_proxy, "GET")


def test_flip__one_bit(http_proxy: HttpFaultProxy) -> None:
    """Exactly one bit is another, on its way there or back."""
    with http_proxy.playing(Flip(at=70_000)):
        ask(http_proxy, "PUT", body=BODY)
    _, there = ask(http_proxy, "GET")
    ask(http_proxy, "PUT", body=BODY)
    with http_proxy.playing(Flip(at=70_000, answer=True)):
        _, back = ask(http_proxy, "GET")
    for found in (there, back):
        assert BODY[:70_000] + bytes([BODY[70_000] ^ 1]) + BODY[70_001:] == found


def test_cut_body__neither_side_has_the_whole(http_proxy: HttpFaultProxy) -> None:
    """A request that is cut is no put; an answer that is cut ends early."""
    with http_proxy.playing(CutBody(at=50_000)), pytest.raises(ConnectionError):
        ask(http_proxy, "PUT", body=BODY)
    assert (200, b"") == ask(http_proxy, "GET")
    ask(http_proxy, "PUT", body=BODY)
    with http_proxy.playing(CutBody(at=50_000, answer=True)), pytest.raises((http.client.IncompleteRead, OSError)):
        ask(http_proxy, "GET")


def test_playing__a_fault_that_never_happened_fails(proxy: FaultProxy) -> None:
    """A test whose fault did not happen does not pass."""
    with pytest.raises(AssertionError, match="ResetPeer did not happen"), proxy.playing(ResetPeer()):
        pass
