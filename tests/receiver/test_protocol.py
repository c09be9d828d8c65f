"""What comes over a socket that is no plain request: one answer in its turn, or the end of the connection. F34, F37."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.doubles import wait_for
from tests.hostile_http import MALFORMED
from tests.receiver.echo import Echo, echo
from tests.wire import Wire, request, wire


@pytest.fixture(scope="module")
def house() -> Iterator[Echo]:
    with echo() as served:
        yield served


@pytest.fixture
def app(house: Echo) -> Echo:
    house.begun.clear()
    house.heard.clear()
    house.broken.clear()
    house.go_on.set()
    return house


@pytest.fixture
def line(app: Echo) -> Iterator[Wire]:
    with wire(app.port) as made:
        yield made


GOOD = request(body=b"{}")


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_malformed(app: Echo, line: Wire, sent: str) -> None:
    """What two readers could read differently is 400 and the end, however much stands behind it; nothing is served."""
    [reply] = line.send(sent.encode("latin-1") + GOOD).replies()
    assert (400, True) == (reply.status, reply.ends)
    assert ("application/problem+json", "malformed_request") == (
        reply.headers["content-type"],
        reply.document["reason"],
    )
    assert [] == app.heard


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_malformed__behind_a_good_one(app: Echo, line: Wire, sent: str) -> None:
    """A request that came in one piece with garbage is answered first, and by its own answer."""
    first, second = line.send(GOOD + sent.encode("latin-1")).replies()
    assert (200, 400) == (first.status, second.status)
    assert ["{}"] == [told["body"] for told in app.heard]


def test_malformed__behind_one_that_waits(app: Echo, line: Wire) -> None:
    """An answer that takes its time is not overtaken by the refusal of what came behind it."""
    app.go_on.clear()
    line.send(request(target="/wait", body=b"1") + b"\0")
    app.go_on.set()
    assert [200, 400] == [reply.status for reply in line.replies()]


def test_malformed__body_of_one_sent_ahead(app: Echo, line: Wire) -> None:
    """Of requests sent ahead, one whose body breaks is refused in its turn; the one before it is served."""
    broken = request("POST", "/early", "Transfer-Encoding: chunked") + b"zz\r\n"
    assert [200, 400] == [reply.status for reply in line.send(GOOD + broken).replies()]
    assert ["/"] == app.begun


@pytest.mark.parametrize("offer", ["h2c", "websocket", "TLS/1.0, HTTP/2.0", "x"])
@pytest.mark.parametrize("length", [True, False])
def test_upgrade(app: Echo, line: Wire, offer: str, length: bool) -> None:
    """An offer to upgrade is not taken up: the request is served with its whole body, and so is the next one."""
    fields = ("Connection: Upgrade, HTTP2-Settings", f"Upgrade: {offer}", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")
    if length:
        sent = request("POST", "/hook", *fields, body=b'{"a": 1}')
    else:
        sent = request("POST", "/hook", *fields, "Transfer-Encoding: chunked") + b'8\r\n{"a": 1}\r\n0\r\n\r\n'
    line.send(sent[:-9], sent[-9:], GOOD)
    assert ["/hook", "/"] == [line.reply().document["path"] for _ in range(2)]
    assert ['{"a": 1}', "{}"] == [told["body"] for told in app.heard]


def test_upgrade__of_a_get(app: Echo, line: Wire) -> None:
    """A web socket's handshake is a GET like any other."""
    line.send(request("GET", "/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"), GOOD)
    assert ["GET", "POST"] == [line.reply().document["method"] for _ in range(2)]


@pytest.mark.parametrize("cut", range(1, 12))
def test_pieces(app: Echo, line: Wire, cut: int) -> None:
    """However the bytes are cut, requests and bodies are the same; empty lines before them do no harm."""
    sent = (
        b"\r\n"
        + GOOD
        + request("POST", "/b", "Transfer-Encoding: chunked")
        + b"2;x=y\r\n[]\r\n0\r\nT: 1\r\n\r\n"
        + GOOD
    )
    for at in range(0, len(sent), cut):
        line.send(sent[at : at + cut])
    assert [("/", "{}"), ("/b", "[]"), ("/", "{}")] == [
        (told["path"], told["body"]) for told in (line.reply().document for _ in range(3))
    ]


def test_trailers(app: Echo, line: Wire) -> None:
    """What comes behind a body says nothing of its request, nor of the next one (a signature, a token)."""
    chunked = request("POST", "/", "Transfer-Encoding: chunked")
    line.send(chunked, b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\nX-Webhook-Signature: y\r\n\r\n", GOOD)
    for _ in range(2):
        names = {name for name, _ in line.reply().document["headers"]}
        assert not names & {"authorization", "x-webhook-signature"}


def test_continue(app: Echo, line: Wire) -> None:
    """Who waits to be told to go on is told so."""
    line.send(request("POST", "/", "Expect: 100-continue", "Content-Length: 2"))
    assert 100 == line.reply().status
    assert (200, "{}") == ((reply := line.send(b"{}").reply()).status, reply.document["body"])


def test_continue__refused(app: Echo, line: Wire) -> None:
    """Who is answered before he is told to go on may not send the body at all: the connection does not wait for it."""
    line.send(request("POST", "/early", "Expect: 100-continue", "Content-Length: 200"), GOOD)
    [reply] = line.replies()
    assert (401, True) == (reply.status, reply.ends)
    assert [] == app.heard


def test_expectation(app: Echo, line: Wire) -> None:
    """Any other expectation cannot be met."""
    [reply] = line.send(request("POST", "/", "Expect: 200-ok", body=b"{}")).replies()
    assert (417, "expectation_failed", []) == (reply.status, reply.document["reason"], app.heard)


@pytest.mark.parametrize("size", [1 << 20, 8 << 20])
def test_early_answer__is_read(app: Echo, line: Wire, size: int) -> None:
    """Who is answered in the middle of a body can send the rest, and reads the answer: no reset takes it away. F34."""
    [reply] = line.send(request("POST", "/early", body=b"x" * size)).replies()
    assert (401, True) == (reply.status, reply.ends)


def test_early_answer__none_for_a_second(app: Echo, line: Wire) -> None:
    """What stands in a body that nobody reads is no request."""
    body = b"x" * 300_000 + GOOD
    [reply] = line.send(request("POST", "/early", body=body) + GOOD).replies()
    assert (401, []) == (reply.status, app.heard)


def test_old_version(app: Echo, line: Wire) -> None:
    """HTTP/1.0 is served and closed, with or without a host and keep-alive."""
    [reply] = line.send(b"POST /x HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}" + GOOD).replies()
    assert (200, "{}", True) == (reply.status, reply.document["body"], reply.ends)


@pytest.mark.parametrize(
    ("method", "target", "path"),
    [
        ("OPTIONS", "*", "*"),
        ("TRACE", "/", "/"),
        ("GET", "http://other.test/a?b", "/a"),
        ("GET", "//webhooks//kie", "//webhooks//kie"),
        ("GET", "/%2e%2e/%00%ff", "/../\x00�"),
        ("PURGE", "/a#b", "/a"),
    ],
)
def test_odd_targets(app: Echo, line: Wire, method: str, target: str, path: str) -> None:
    """Methods and targets that are odd but whole reach the application as they are, which knows what to say."""
    told = line.send(request(method, target)).reply().document
    assert (method, path) == (told["method"], told["path"])


def test_sent_ahead(app: Echo, line: Wire) -> None:
    """Sixteen requests may be sent ahead of an answer, each answered in its turn; more are not kept."""
    app.go_on.clear()
    line.send(request(target="/wait", body=b"first") + b"".join(request("GET", f"/{n}") for n in range(2000)))
    app.go_on.set()
    statuses = [reply.status for reply in line.replies()]
    assert [200] * 17 + [400] == statuses
    assert ["/wait", *(f"/{n}" for n in range(16))] == [told["path"] for told in app.heard]


def test_sent_ahead__and_gone(app: Echo, caplog: pytest.LogCaptureFixture) -> None:
    """Who sends ahead and hangs up leaves no error behind, and what he sent is served as far as it had come."""
    app.go_on.clear()
    with wire(app.port) as line:
        line.send(request(target="/wait", body=b"first") + request(target="/second", body=b"{}"))
        wait_for(lambda: 1 == len(app.heard))
    wait_for(lambda: 0 == app.sockets())
    app.go_on.set()
    with wire(app.port) as line:
        assert 200 == line.send(GOOD).reply().status
    assert [] == [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


_LENGTHS = ["2", "02", "0", "51", "+2", "-2", "2,2", "0x2", " 2", "2 ", "", "2\t", "1e1", "\uff12", f"{1 << 64}", "2;a"]
_CODINGS = ["chunked", "CHUNKED", " chunked", "chunked ", "chunked, chunked", "identity", "xchunked", "chunked;q=1",
            "\x0bchunked", "gzip, chunked", "chunked,", "", '"chunked"', "chunked\tx"]  # fmt: skip
_SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@settings(max_examples=300, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.sampled_from(_LENGTHS), max_size=2),
    codings=st.lists(st.sampled_from(_CODINGS), max_size=2),
    names=st.sampled_from([("Content-Length", "Transfer-Encoding"), ("content-length", "TRANSFER-ENCODING")]),
    order=st.permutations(range(4)),
    chunked=st.booleans(),
    cut=st.integers(1, 200),
)
def test_smuggling(
    app: Echo, lengths: list[str], codings: list[str], names: tuple[str, str], order: list[int], chunked: bool, cut: int
) -> None:
    """
    Whatever lengths and codings a request states, in whatever order and pieces: it is served with exactly the body that
    RFC 9112 gives it, or refused and the connection ended. F37.
    """
    app.heard.clear()
    fields = [f"{names[0]}: {value}" for value in lengths] + [f"{names[1]}: {value}" for value in codings]
    fields = [fields[index] for index in order if index < len(fields)]
    body = b"2\r\n{}\r\n0\r\n\r\n" if chunked else b"{}"
    head = "\r\n".join(["POST /first HTTP/1.1", "Host: a", *fields, "", ""]).encode()
    sent = head + body + _SMUGGLED + request("GET", "/last", "Connection: close")
    with wire(app.port) as line:
        line.send(sent[:cut], sent[cut:])
        statuses = [reply.status for reply in line.replies()]
    told = [(each["path"], each["body"]) for each in app.heard]
    expected = _by_the_book(lengths, codings, body + _SMUGGLED + request("GET", "/last", "Connection: close"))
    assert expected == told
    assert len(expected) <= len(statuses) <= len(expected) + 1
    assert [200] * len(expected) == statuses[: len(expected)]
    assert all(status == 400 for status in statuses[len(expected) :])


def _by_the_book(lengths: list[str], codings: list[str], rest: bytes) -> list[tuple[str, str]]:
    """Path and body of what is to be served, by RFC 9112, 6.3; any doubt is a refusal."""
    length = [value.strip(" \t") for value in lengths]
    coding = [value.strip(" \t").lower() for value in codings]
    if coding:
        is_plain = coding == ["chunked"] and not length
        if not (is_plain and rest.startswith(b"2\r\n{}\r\n0\r\n\r\n")):
            return []
        body, rest = "{}", rest[12:]
    elif length:
        if len(length) > 1 or not re.fullmatch("[0-9]{1,18}", length[0]):
            return []
        size = int(length[0])
        if size > len(rest):
            return []
        body, rest = rest[:size].decode(), rest[size:]
    else:
        body = ""
    served = [("/first", body)]
    for path in ("/smuggled", "/last"):
        if not rest.startswith(b"GET " + path.encode() + b" "):
            return served
        served.append((path, ""))
        rest = rest[rest.index(b"\r\n\r\n") + 4 :]
    return served
