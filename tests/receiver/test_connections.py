"""An end to everything: to what a connection may take, in bytes and in time, and to how many there may be. F34, F36."""

import itertools
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from receiver.connections import Connections, Limits, room
from tests.doubles import wait_for
from tests.receiver.echo import Echo, echo
from tests.wire import Reply, Wire, request, wire

CHUNKED = request("POST", "/", "Transfer-Encoding: chunked")


def drip(line: Wire, pieces: Iterator[bytes], pause: float = 0.0) -> list[Reply]:
    """Send *pieces* for ever, until the other side has had enough; its answers."""

    def go_on() -> None:
        with suppress(OSError):
            for piece in pieces:
                line.send(piece)
                time.sleep(pause)

    sending = threading.Thread(target=go_on)
    sending.start()
    try:
        return line.replies()
    finally:
        with suppress(OSError):
            line.socket.shutdown(socket.SHUT_RDWR)
        sending.join(10)
        assert not sending.is_alive()


@pytest.fixture(scope="module")
def app() -> Iterator[Echo]:
    with echo() as served:
        yield served


@pytest.fixture
def line(app: Echo) -> Iterator[Wire]:
    app.heard.clear()
    app.broken.clear()
    with wire(app.port) as made:
        yield made


def test_time__nothing_said(line: Wire) -> None:
    """Who connects and says nothing is not waited for, and told nothing."""
    assert line.is_ended()


@pytest.mark.parametrize("start", [b"", b"GET /", b"GET /\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: "])
def test_time__of_a_head(app: Echo, line: Wire, start: bytes) -> None:
    """A head that does not end is 408, however regularly another byte of it comes."""
    [reply] = drip(line, itertools.chain([start], itertools.repeat(b"\r\n" if not start else b"a")), 0.1)
    assert (408, "request_timeout", True) == (reply.status, reply.document["reason"], reply.ends)
    assert [] == app.heard


def test_time__of_the_next_head(line: Wire) -> None:
    """The second request of a connection has no more time than the first, and the time between them does not count."""
    assert 200 == line.send(request()).reply().status
    time.sleep(0.7)  # longer than a head may take
    assert 200 == line.send(request()).reply().status
    assert [408] == [reply.status for reply in drip(line, itertools.chain([b"GET /"], itertools.repeat(b"a")), 0.1)]


@pytest.mark.parametrize("start", [request("POST", "/", "Content-Length: 999") + b"{", CHUNKED, CHUNKED + b"5\r\nab"])
def test_time__of_a_body(app: Echo, line: Wire, start: bytes) -> None:
    """A body that stops is 408, and its request is not served."""
    [reply] = line.send(start).replies()
    assert (408, True) == (reply.status, reply.ends)
    wait_for(lambda: ["/"] == app.broken)
    assert [] == app.heard


def test_time__of_a_slow_body(app: Echo, line: Wire) -> None:
    """One that keeps coming fast enough has all the time it needs."""
    body = b"x" * (100 << 10)
    line.send(request("POST", "/", f"Content-Length: {len(body)}"))
    for piece in range(10):
        line.send(body[piece * 10_240 : (piece + 1) * 10_240])
        time.sleep(0.1)  # 100 KiB/s, for twice as long as a small body may take
    assert len(body) == len(line.reply().document["body"])


def test_time__of_an_ignored_body(line: Wire) -> None:
    """Who goes on sending after he was answered is cut off."""
    endless = itertools.chain(
        [request("POST", "/early", "Transfer-Encoding: chunked")], itertools.repeat(b"1\r\nx\r\n")
    )
    assert [401] == [reply.status for reply in drip(line, endless, 0.02)]


def test_time__to_read() -> None:
    """Who does not read his answer is cut off, and what was kept for him is let go."""
    with echo(rate=64 << 20) as app, wire(app.port, SO_RCVBUF=4096) as line:
        line.send(request("GET", "/big"))
        wait_for(lambda: 1 == len(app.heard))
        wait_for(lambda: 0 == app.sockets())


def test_time__idle() -> None:
    """A connection without a further request is closed in the end, not with an error."""
    with echo(idle_time=1) as app, wire(app.port) as line:
        assert not line.send(request()).reply().ends
        assert line.is_ended()


@pytest.mark.parametrize(
    "head",
    [
        request("GET", "/" + "a" * 66_000),
        request("GET", "/", "X: " + "a" * 66_000),
        request("GET", "/", *["X: a"] * 100),
        request("GET", "/", "X: " + "a" * 40_000, "Y: " + "a" * 40_000),
    ],
    ids=["target", "value", "number", "sum"],
)
def test_head__too_large(app: Echo, line: Wire, head: bytes) -> None:
    """A head of more than 64 KiB, or of more than a hundred lines, is 431."""
    [reply] = line.send(head).replies()
    assert (431, "header_too_large", []) == (reply.status, reply.document["reason"], app.heard)


def test_head__large(line: Wire) -> None:
    """One just within is served, after others on the same connection too."""
    for _ in range(3):
        assert 200 == line.send(request("GET", "/", *["X: a"] * 98, "Y: " + "a" * 60_000)).reply().status


@pytest.mark.parametrize(
    "endless",
    [
        [b"GET /", itertools.repeat(b"a" * 8192)],
        [b"GET / HTTP/1.1\r\n", itertools.repeat(b"A: b\r\n" * 99)],
        [b"GET / HTTP/1.1\r\nX: ", itertools.repeat(b"a" * 8192)],
        [b"GET / HTTP/1.1\r\n", itertools.repeat(b"a" * 8192)],
        [b"", itertools.repeat(b"\r\n" * 4096)],
    ],
    ids=["target", "number", "value", "name", "empty-lines"],
)
def test_head__endless(line: Wire, endless: list[bytes | Iterator[bytes]]) -> None:
    """One that never ends is refused long before the time is over."""
    first, rest = endless
    assert isinstance(first, bytes)
    assert not isinstance(rest, bytes)
    assert [431] == [reply.status for reply in drip(line, itertools.chain([first], rest))]


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"1;", b"a" * 8192),
        (b"1\r\nx\r\n0\r\n", b"A: b\r\n" * 1000),
        (b"1\r\nx\r\n0\r\nA: ", b"a" * 8192),
        (b"1\r\nx\r\n0\r\n", b"a" * 8192),
    ],
    ids=["extension", "trailers", "trailer", "trailer-name"],
)
def test_around_a_body__endless(start: bytes, piece: bytes) -> None:
    """Chunk extensions and trailers are not endless either."""
    with echo(body_time=30.0) as app, wire(app.port) as line:
        [reply] = drip(line, itertools.chain([CHUNKED + start], itertools.repeat(piece)))
    assert (400, "malformed_request", []) == (reply.status, reply.document["reason"], app.heard)


def test_number__the_longest_silent_goes() -> None:
    """Where there are as many as there may be, a request is served all the same: who said nothing for longest goes."""
    with echo(connections=4, head_time=30.0) as app, ExitStack() as stack:
        silent = [stack.enter_context(wire(app.port)) for _ in range(4)]
        wait_for(lambda: 4 == app.sockets())
        for oldest in silent[:3]:
            line = stack.enter_context(wire(app.port))
            assert 200 == line.send(request()).reply().status
            assert oldest.is_ended()
        silent[3].send(request())
        assert 200 == silent[3].reply().status
        assert 4 == app.sockets()


def test_number__a_slow_one_goes() -> None:
    """Half a head and half a body are no request either."""
    with echo(connections=2, head_time=30.0, body_time=30.0) as app, ExitStack() as stack:
        slow = [stack.enter_context(wire(app.port)) for _ in range(2)]
        slow[0].send(b"GET / HT")
        slow[1].send(request("POST", "/", "Content-Length: 9") + b"{")
        wait_for(lambda: 2 == app.sockets())
        for each in slow:
            assert 200 == stack.enter_context(wire(app.port)).send(request()).reply().status
            assert each.is_ended()
        assert [] == [told for told in app.heard if told["body"]]


def test_number__none_that_is_answered_goes() -> None:
    """Whose request is being answered stays, however long that takes; the newcomer is asked to come again. F39."""
    with echo(connections=3) as app, ExitStack() as stack:
        lines = [stack.enter_context(wire(app.port)).send(request(target="/wait", body=b"x")) for _ in range(3)]
        wait_for(lambda: 3 == len(app.heard))
        [reply] = stack.enter_context(wire(app.port)).replies()
        assert (503, "2", "receiver_busy") == (reply.status, reply.headers["retry-after"], reply.document["reason"])
        app.go_on.set()
        assert [200] * 3 == [line.reply().status for line in lines]


def test_number__flood() -> None:
    """Thousands that say nothing keep nobody out, and leave nothing behind. F36."""
    with echo(connections=32, head_time=30.0) as app, ExitStack() as stack:
        for _ in range(10):
            for _ in range(60):
                stack.enter_context(wire(app.port))
            with wire(app.port) as line:
                assert 200 == line.send(request(body=b"good")).reply().status
        assert app.sockets() <= 32
        assert 10 == len(app.heard)


def test_bodies__the_longest_on_its_way_goes() -> None:
    """All bodies on their way have a bound together; who has been sending for longest goes, and is told why."""
    half = request("POST", "/", f"Content-Length: {200 << 10}") + b"x" * (150 << 10)
    with echo(bodies=512 << 10, body_time=30.0) as app, ExitStack() as stack:
        lines = [stack.enter_context(wire(app.port)) for _ in range(5)]
        for line in lines:
            line.send(half)
        [reply] = lines[0].replies()
        assert (503, "2", "receiver_busy") == (reply.status, reply.headers["retry-after"], reply.document["reason"])
        assert 200 == stack.enter_context(wire(app.port)).send(request(body=b"{}")).reply().status
        for line in lines[2:]:
            assert 200 == line.send(b"x" * (50 << 10)).reply().status


def test_bodies__one_after_the_other() -> None:
    """What was received is not on its way any more: one connection can bring any number of bodies."""
    with echo(bodies=512 << 10) as app, wire(app.port) as line:
        for _ in range(8):
            assert 200 == line.send(request(body=b"x" * (150 << 10))).reply().status


class _Silent:
    """A connection that says nothing and takes everything."""

    is_unread = False
    dropped = 0

    def look(self, now: float) -> None:
        raise AssertionError("not looked at")

    def drop(self) -> None:
        self.dropped += 1

    def drop_body(self) -> None:
        self.dropped += 1


def test_bodies__small_ones_stay() -> None:
    """A body of a callback's size never gives way, however many larger ones there are; what is done counts no more."""
    others, small, large = Connections(Limits(bodies=100_000, small=10_000)), _Silent(), [_Silent() for _ in range(4)]
    others.receiving(small, 10_000)
    for each in large:
        others.receiving(each, 45_000)
    assert (0, [1, 1, 0, 0]) == (small.dropped, [each.dropped for each in large])
    others.complete(large[2])
    others.receiving(large[0], 45_000)
    assert [1, 1, 0, 0] == [each.dropped for each in large]


@pytest.mark.parametrize(("soft", "raised"), [(256, [2944]), (4096, [4096]), (resource.RLIM_INFINITY, [])])
def test_room__where_nothing_bounds_open_files(soft: int, raised: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that says it bounds nothing, and grants nobody endless files, is asked for what is needed."""
    set_to: list[int] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits[0]))
    assert (2048, raised) == (room(2048), set_to)
