"""Download truth against a file host that misbehaves: each fault is shown to have happened on the wire."""

import gzip
import hashlib
import itertools
import os
import re
import resource
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from archive.embedded import free_port
from archive.errors import (
    FetchInterruptedError,
    LinkExpiredError,
    LinkRefusedError,
    ReelkeepError,
    TooLargeError,
)
from tests.doubles import START, wait_for
from tests.faults import drips, message, refuses
from tests.origin import Origin, Scene, Wire, endless, origin, redirect, whole
from workers.egress import Egress, Policy
from workers.fetch import Fetched, Limits, StoppedError, fetch
from workers.file_hosts import FileHosts, HostRestsError

FILM = os.urandom(300_000)


@pytest.fixture
def host() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    return Limits(1_000_000, timedelta(seconds=10), tmp_path / "spool", 64_000)


@contextmanager
def fetched(host: Origin, url: str, limits: Limits, stopping: threading.Event | None = None) -> Iterator[Fetched]:
    egress = Egress()
    policy = Policy(frozenset({host.authority}), insecure_http=True)
    try:
        with fetch(egress, url, policy, limits, stopping or threading.Event()) as found:
            yield found
    finally:
        egress.close()


def failure(host: Origin, scene: Scene, limits: Limits) -> tuple[type[ReelkeepError], str]:
    """How a fetch of *scene* ends."""
    with pytest.raises(ReelkeepError) as raised, fetched(host, host.url("/v.mp4", scene), limits):
        pass
    return type(raised.value), raised.value.reason


def open_files(folder: Path) -> list[str]:
    """The files this process has open under *folder*, named or not."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except OSError:  # the listing's own
            continue
    return [link for link in links if link.startswith(str(folder))]


@pytest.mark.parametrize("size", [0, 1, 64_000, 64_001, 300_000])
def test_fetch__yields_the_bytes_and_their_digest(host: Origin, limits: Limits, size: int) -> None:
    """A good answer of any size is handed over from its first byte, with its size, digest and known end."""
    body = FILM[:size]
    with fetched(host, host.url("/v.mp4", whole(body)), limits) as found:
        assert body == found.file.read()
        assert (size, hashlib.sha256(body).hexdigest(), True) == (found.size, found.sha256, found.length_known)
    assert "accept-encoding: identity" in host.heads[0].lower()


def test_spool__goes_to_disk_past_its_bound_without_a_name(host: Origin, limits: Limits) -> None:
    """A large file stands on disk while it is used, under no name, and is gone afterwards; a small one never does."""
    url = host.url("/large", whole(FILM))
    with fetched(host, url, limits):
        assert ([], 1) == (list(limits.spool.iterdir()), len(open_files(limits.spool)))
    with fetched(host, host.url("/small", whole(FILM[:1000])), limits):
        assert [] == open_files(limits.spool)
    assert ([], []) == (list(limits.spool.iterdir()), open_files(limits.spool))


def test_spool__is_gone_after_a_failure(host: Origin, limits: Limits) -> None:
    """Whatever goes wrong, in the transfer or with whoever uses the file, no spool is left."""
    with pytest.raises(ZeroDivisionError), fetched(host, host.url("/v", whole(FILM)), limits):
        raise ZeroDivisionError
    failure(host, cut(200_000), limits)
    assert ([], []) == (list(limits.spool.iterdir()), open_files(limits.spool))


def test_spool__that_cannot_be_written_is_our_own_side(host: Origin, limits: Limits, tmp_path: Path) -> None:
    """A disk that takes no more, or no spool folder, is another try, not a fault of the file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    url = host.url("/v.mp4", whole(FILM))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # EFBIG where a full disk says ENOSPC
        with pytest.raises(FetchInterruptedError) as full, fetched(host, url, limits):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (tmp_path / "file").touch()
    with pytest.raises(FetchInterruptedError) as missing, fetched(host, url, replace(limits, spool=tmp_path / "file")):
        pass
    assert ["spool_unavailable"] * 2 == [full.value.reason, missing.value.reason]


def test_spool__leaves_room_for_others(host: Origin, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of gigabytes ends where the disk's reserve begins, as our own trouble; a small one is taken."""
    free = shutil.disk_usage(limits.spool.parent).free
    low = replace(limits, spool_reserve=free + (1 << 40))
    monkeypatch.setattr("workers.transfer.ROOM_STEP", len(FILM) - 1)
    with fetched(host, host.url("/small.mp4", whole(FILM[: len(FILM) // 2])), low) as found:
        assert len(FILM) // 2 == found.size
    assert (FetchInterruptedError, "spool_unavailable") == failure(host, whole(FILM * 3), low)
    with fetched(host, host.url("/large.mp4", whole(FILM * 3)), replace(limits, spool_reserve=1)) as found:
        assert len(FILM) * 3 == found.size


def cut(at: int, *, reset: bool = False) -> Scene:
    """The film, but the connection ends after *at* bytes of the answer."""
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(FILM)}\r\n\r\n".encode() + FILM

    def play(wire: Wire) -> None:
        wire.send(answer[:at])
        if reset:
            wire.reset()
        wire.fire("cut")

    return play


def says(*lines: bytes) -> Scene:
    """Exactly these bytes, then the end of the connection."""

    def play(wire: Wire) -> None:
        wire.send(b"".join(lines))
        wire.fire("said")

    return play


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        pytest.param(cut(200_000), "short_body", id="shorter-than-its-length"),
        pytest.param(says(CHUNKED, b"5\r\nhello\r\n"), "short_body", id="chunked-without-its-end"),
        pytest.param(says(CHUNKED, b"500\r\nhello"), "short_body", id="chunk-cut-in-the-middle"),
        pytest.param(says(CHUNKED, b"nonsense\r\n"), "short_body", id="no-chunk-at-all"),
        pytest.param(cut(20), "answer_malformed", id="cut-in-the-head"),
        pytest.param(says(b""), "answer_malformed", id="no-answer"),
        pytest.param(says(b"nonsense\r\n\r\n"), "answer_malformed", id="no-http"),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
            "answer_malformed",
            id="two-lengths",
        ),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"), "answer_malformed", id="negative-length"
        ),
        pytest.param(says(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 200_000), "answer_malformed", id="endless-head"),
    ],
)
def test_fetch__an_answer_that_does_not_hold(host: Origin, limits: Limits, scene: Scene, reason: str) -> None:
    """A body that ends before its stated end, or an answer that is no HTTP, is another try, never a file."""
    assert (FetchInterruptedError, reason) == failure(host, scene, limits)
    wait_for(lambda: 1 == len(host.fired))


def test_fetch__reset(host: Origin, limits: Limits) -> None:
    """A connection that is reset in mid-body is another try."""
    assert FetchInterruptedError is failure(host, cut(200_000, reset=True), limits)[0]
    wait_for(lambda: ["cut"] == host.fired)


def test_fetch__without_any_length_the_end_is_not_known(host: Origin, limits: Limits) -> None:
    """A body that ends with its connection is handed over, marked: only its structure can show that it is whole."""
    with fetched(host, host.url("/v", says(b"HTTP/1.0 200 OK\r\n\r\n", FILM[:1000])), limits) as found:
        assert (FILM[:1000], False) == (found.file.read(), found.length_known)
    with fetched(host, host.url("/v", says(CHUNKED, b"5\r\nhello\r\n0\r\n\r\n")), limits) as found:
        assert (b"hello", True) == (found.file.read(), found.length_known)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((code, (LinkExpiredError, f"http_{code}")) for code in (400, 401, 403, 404, 410, 451)),
        *((code, (FetchInterruptedError, f"http_{code}")) for code in (408, 425, 429, 500, 502, 503, 504)),
        *((code, (FetchInterruptedError, f"http_{code}")) for code in (201, 204, 206, 300, 304)),
    ],
)
def test_fetch__statuses(host: Origin, limits: Limits, status: int, expected: object) -> None:
    """Only a plain 200 is a file: a 4xx is a dead link, a request to come back or a server's own fault another try."""
    assert expected == failure(host, whole(b"", status=f"{status} Whatever"), limits)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, br"])
def test_fetch__an_encoded_body_is_refused(host: Origin, limits: Limits, encoding: str) -> None:
    """F48: a body in an encoding that we cannot verify, although we asked for none, is refused."""
    scene = whole(gzip.compress(FILM), f"Content-Encoding: {encoding}")
    assert (LinkRefusedError, "encoded_body") == failure(host, scene, limits)


def test_fetch__a_packed_body_is_the_file_in_it(host: Origin, limits: Limits) -> None:
    """F48: one gzip member is unpacked, and size and digest are the file's; one that is none is taken as it is."""
    for body in (gzip.compress(FILM), FILM):
        with fetched(host, host.url("/v", whole(body, "Content-Encoding: gzip", 'ETag: "x"')), limits) as found:
            assert FILM == found.file.read()
            assert (len(FILM), hashlib.sha256(FILM).hexdigest()) == (found.size, found.sha256)


def test_fetch__a_packed_body_that_breaks_off(host: Origin, limits: Limits) -> None:
    """F48: half a member is another try from the start, whatever its tag says."""
    packed = gzip.compress(FILM)
    head = message("200 OK", f"Content-Length: {len(packed)}", "Content-Encoding: gzip", 'ETag: "x"')
    assert (FetchInterruptedError, "short_body") == failure(host, says(head, packed[:1000]), limits)
    whole_but_cut = whole(packed[:-1], "Content-Encoding: gzip")
    assert (FetchInterruptedError, "encoding_broken") == failure(host, whole_but_cut, limits)


def test_fetch__a_bomb(host: Origin, limits: Limits) -> None:
    """F48: what unpacks to more than the limit is hung up on there, and so is what never unpacks to anything."""
    bomb = whole(gzip.compress(bytes(100_000_000)), "Content-Encoding: gzip")
    assert (TooLargeError, "too_large") == failure(host, bomb, limits)
    # A gzip header, then empty stored blocks for ever (RFC 1951, 3.2.4).
    head = message("200 OK", "Content-Encoding: gzip") + b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
    assert (TooLargeError, "too_large") == failure(host, endless(head, b"\0\0\0\xff\xff" * 10_000), limits)
    wait_for(lambda: ["hung up on"] == host.fired)


@pytest.mark.parametrize(
    ("lines", "body", "expected"),
    [
        ((b"Content-Length: 5", b"Content-Length: 5"), b"hello", True),
        ((b"Content-Length: 5, 5",), b"hello", True),
        ((b"Content-Length: 5", b"Transfer-Encoding: chunked"), b"5\r\nhello\r\n0\r\n\r\n", True),
        ((b"Content-Length: 4", b"Transfer-Encoding: chunked"), b"5\r\nhello\r\n0\r\n\r\n", "lengths_differ"),
        ((b"Content-Length: 6", b"Transfer-Encoding: chunked"), b"5\r\nhello\r\n0\r\n\r\n", "lengths_differ"),
        ((b"Content-Length: +5",), b"hello", "answer_malformed"),
        ((b"Content-Length: 5.0",), b"hello", "answer_malformed"),
        ((b"Content-Length: " + b"5" * 5000,), b"hello", "answer_malformed"),
        ((b"Content-Length: 99999999999999999999",), b"hello", "too_large"),
        ((b"Transfer-Encoding: gzip, chunked",), b"hello", "answer_malformed"),
        ((b"Transfer-Encoding: identity",), b"hello", "answer_malformed"),
        ((b"X: none",), b"hello", False),
    ],
)
def test_fetch__lengths(
    host: Origin, limits: Limits, lines: tuple[bytes, ...], body: bytes, expected: bool | str
) -> None:
    """F43: a length is used where it is one; two that differ, or none that is a number, are another try."""
    scene = says(b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", body]))
    if isinstance(expected, str):
        assert expected == failure(host, scene, limits)[1]
        return
    with fetched(host, host.url("/v", scene), limits) as found:
        assert (b"hello", expected) == (found.file.read(), found.length_known)


def test_fetch__a_length_that_is_too_small(host: Origin, limits: Limits) -> None:
    """F43: what comes behind the stated end is not taken; the structure shows that the file is cut."""
    with fetched(host, host.url("/v", says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello")), limits) as found:
        assert b"hell" == found.file.read()


def test_fetch__too_large_by_its_own_word(host: Origin, limits: Limits) -> None:
    """A file whose stated length is above the limit is not fetched at all."""
    scene = says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n")
    assert (TooLargeError, "too_large") == failure(host, scene, limits)


def test_fetch__too_large_by_its_bytes(host: Origin, limits: Limits) -> None:
    """An endless body is hung up on at the limit, and the spool it filled is gone."""
    scene = endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536))
    assert (TooLargeError, "too_large") == failure(host, scene, limits)
    wait_for(lambda: ["hung up on"] == host.fired)
    assert [] == open_files(limits.spool)


def test_fetch__exactly_the_limit(host: Origin, limits: Limits) -> None:
    """A file of the size that is allowed is allowed."""
    with fetched(host, host.url("/v", whole(FILM)), replace(limits, max_size=len(FILM))) as found:
        assert len(FILM) == found.size
    assert TooLargeError is failure(host, whole(FILM), replace(limits, max_size=len(FILM) - 1))[0]


def test_fetch__a_drip_of_body_ends_with_its_time(host: Origin, limits: Limits) -> None:
    """A body that keeps coming is given up after the limit of the whole transfer, by an injected clock."""
    scene = endless(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b"x")
    url, policy, egress = host.url("/v", scene), Policy(frozenset({host.authority}), True), Egress()
    ticks = itertools.count()
    with (
        pytest.raises(FetchInterruptedError) as slow,
        fetch(egress, url, policy, limits, threading.Event(), monotonic=lambda: float(next(ticks))),
    ):
        pass
    egress.close()
    assert slow.value.reason in ("too_slow", "timed_out")  # whichever looks at the clock first
    wait_for(lambda: ["hung up on"] == host.fired)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 900000\r\nETag: "x"\r\n\r\n', b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    ],
    ids=["body", "chunk-extension"],
)
def test_fetch__a_drip_below_the_least_rate(host: Origin, limits: Limits, head: bytes, piece: bytes) -> None:
    """F46: a host that drips ends the attempt long before the transfer's whole time, even between two chunks."""
    seconds = itertools.count()
    slow = replace(limits, max_time=timedelta(minutes=10), min_rate=1024)
    egress, policy = Egress(), Policy(frozenset({host.authority}), insecure_http=True)
    url = host.url("/v", drips("dripped", head, piece, 0.005))
    with (
        pytest.raises(FetchInterruptedError, match="too_slow"),
        fetch(egress, url, policy, slow, threading.Event(), monotonic=lambda: float(next(seconds))),
    ):
        pass
    egress.close()
    assert next(seconds) < 100  # each look at the clock takes a second
    wait_for(lambda: not host.unfired)
    assert 1 == len(host.heads)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"])
def test_fetch__a_host_that_drips_or_falls_silent(host: Origin, limits: Limits, head: bytes) -> None:
    """Headers or a body that come byte by byte, or not at all, hold a thread no longer than the limit."""

    def drip(wire: Wire) -> None:
        wire.send(head)
        wire.fire("dripped")
        while head and not wire.stopping.wait(0.05):
            wire.send(b"x")
        wire.stopping.wait(10)

    short = replace(limits, max_time=timedelta(seconds=0.3))
    if b"\r\n\r\n" in head:
        with fetched(host, host.url("/v", drip), replace(limits, max_time=timedelta(seconds=5))) as found:
            assert b"x" * 9 == found.file.read()
    else:
        assert (FetchInterruptedError, "timed_out") == failure(host, drip, short)
    wait_for(lambda: ["dripped"] == host.fired)


def test_fetch__refused_connection(host: Origin, limits: Limits) -> None:
    """Where nobody listens it is another try."""
    url, policy, egress = f"http://127.0.0.1:{(port := free_port())}/v", Policy(insecure_http=True), Egress()
    policy = replace(policy, origins=frozenset({f"127.0.0.1:{port}"}))
    with (
        pytest.raises(FetchInterruptedError) as refused,
        fetch(egress, url, policy, limits, threading.Event()),
    ):
        pass
    egress.close()
    assert "unreachable" == refused.value.reason


def test_fetch__a_listener_that_never_answers(limits: Limits) -> None:
    """A port that takes connections and says nothing is given up after the limit."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        authority = f"127.0.0.1:{silent.getsockname()[1]}"
        policy, egress = Policy(frozenset({authority}), True), Egress()
        short = replace(limits, max_time=timedelta(seconds=0.2))
        with (
            pytest.raises(FetchInterruptedError) as late,
            fetch(egress, f"http://{authority}/", policy, short, threading.Event()),
        ):
            pass
        egress.close()
    assert "timed_out" == late.value.reason


def test_fetch__stops_when_asked(host: Origin, limits: Limits) -> None:
    """A transfer in flight ends soon after the process is asked to stop."""
    stopping = threading.Event()

    def scene(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n")
        wire.send(bytes(1000))
        stopping.set()
        wire.send(bytes(1000))

    with pytest.raises(StoppedError), fetched(host, host.url("/v", scene), limits, stopping):
        pass


def test_redirect__is_followed_within_the_limit(host: Origin, limits: Limits) -> None:
    """Three hops are followed, relative ones too, and each asks anew."""
    host.url("/4", whole(FILM))
    host.url("/3", redirect(f"http://{host.authority}/4", "307 Temporary Redirect"))
    host.url("/b/2", redirect("../3", "301 Moved Permanently"))
    with fetched(host, host.url("/1", redirect(f"//{host.authority}/b/2")), limits) as found:
        assert len(FILM) == found.size
    assert ["/1", "/b/2", "/3", "/4"] == host.paths


def test_redirect__its_body_is_not_read(host: Origin, limits: Limits) -> None:
    """F47 and F52: a redirect with an endless body is followed at once, and hung up on."""
    there = host.url("/file", whole(FILM))
    scene = endless(message("302 Found", f"Location: {there}", f"Content-Length: {1 << 40}"), bytes(65536))
    with fetched(host, host.url("/v", scene), limits) as found:
        assert len(FILM) == found.size
    wait_for(lambda: ["hung up on"] == host.fired)


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308", "300", "304", "305"])
def test_redirect__to_nowhere(host: Origin, limits: Limits, status: str) -> None:
    """F52: a redirect without a place to go, or a 3xx that is no redirect, is another try, and nothing is followed."""
    lines = [f"Location: http://{host.authority}/file"] if status in ("300", "304", "305") else []
    scene = says(message(f"{status} Elsewhere", "Content-Length: 0", *lines))
    assert (FetchInterruptedError, f"http_{status}") == failure(host, scene, limits)
    assert 1 == len(host.heads)


def test_redirect__with_a_fragment(host: Origin, limits: Limits) -> None:
    """F52: a fragment is nobody's but ours, and is not sent."""
    host.url("/file", whole(FILM))
    with fetched(host, host.url("/v", redirect("/file?a=1#there")), limits):
        assert ["/v", "/file?a=1"] == host.paths


def test_redirect__across_hosts_carries_nothing(host: Origin, limits: Limits) -> None:
    """F53: the next host is told no more than any host: what is asked for, and by whom; no cookie, no credentials."""
    with origin() as other:
        there = other.url("/file", whole(FILM))
        policy = Policy(frozenset({host.authority, other.authority}), insecure_http=True)
        egress = Egress()
        url = host.url("/v?token=secret", redirect(there))
        host.url("/v", whole(b"", f"Location: {there}", "Set-Cookie: a=b", status="302 Found"))
        with fetch(egress, url, policy, limits, threading.Event()) as found:
            assert len(FILM) == found.size
        egress.close()
        sent = {line.partition(":")[0].lower() for line in other.heads[0].split("\r\n")[1:] if line}
        assert {"accept", "accept-encoding", "host", "user-agent"} == sent - {"connection"}
        assert "secret" not in other.heads[0]


@pytest.mark.parametrize("status", ["429 Slow", "503 Busy"])
def test_hosts__one_that_asks_for_it_is_left_alone(host: Origin, limits: Limits, status: str) -> None:
    """F44 and F45: after a wish to come back nothing more is sent there, by whatever link, until it is over."""
    hosts, egress, now = FileHosts(lambda: now[0]), Egress(), [0.0]
    policy = Policy(frozenset({host.authority}), insecure_http=True)
    busy, good = host.url("/busy", refuses(status, "Retry-After: 30")), host.url("/good", whole(FILM))
    over = host.url("/over", redirect(good))

    def attempt(url: str) -> None:
        with fetch(egress, url, policy, limits, threading.Event(), hosts=hosts):
            pass

    with pytest.raises(FetchInterruptedError) as told:
        attempt(busy)
    assert timedelta(seconds=30) == told.value.retry_after
    for url, wait in ((good, 30), (over, 30), (busy, 33)):  # the others first
        with pytest.raises(HostRestsError) as resting:
            attempt(url)
        assert timedelta(seconds=wait) == resting.value.retry_after
    assert ["/busy"] == host.paths
    now[0] = 30.0
    attempt(over)
    attempt(good)
    assert ["/busy", "/over", "/good", "/good"] == host.paths
    egress.close()
    assert [] == host.unfired


def test_hosts__one_that_cannot_be_reached_is_left_alone(limits: Limits) -> None:
    """F45: after three connections refused in a row the host rests, and no more is tried meanwhile."""
    hosts, egress = FileHosts(lambda: 0.0), Egress()
    authority = f"127.0.0.1:{free_port()}"
    seen = []
    for _ in range(5):
        with (
            pytest.raises(ReelkeepError) as raised,
            fetch(egress, f"http://{authority}/", Policy(frozenset({authority}), True), limits, threading.Event(),
                  hosts=hosts),
        ):  # fmt: skip
            pass
        seen.append(raised.value.reason)
    egress.close()
    assert ["unreachable"] * 3 + ["host_rests"] * 2 == seen


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("7", 7), ("0", 0), ("-7", None), ("7.5", None), ("soon", None), ("", None), ("7, 8", None),
        ("9" * 5000, 999999999), ("Sat, 21 Nov 2026 12:00:09 GMT", 9), ("Sat, 21 Nov 2020 12:00:00 GMT", 0),
        ("Sat, 21 Nov 9999 12:00:00 -9999", None),
    ],
)  # fmt: skip
def test_fetch__a_wish_is_told(host: Origin, limits: Limits, wish: str, seconds: int | None) -> None:
    """F44: a Retry-After in seconds or as a date is told to whoever plans the next try; what is none is not."""
    egress, policy = Egress(), Policy(frozenset({host.authority}), insecure_http=True)
    url = host.url("/v", refuses("503 Busy", f"Retry-After: {wish}"))
    with (
        pytest.raises(FetchInterruptedError, match="http_503") as told,
        fetch(egress, url, policy, limits, threading.Event(), clock=lambda: START),
    ):
        pass
    egress.close()
    found = told.value.retry_after
    assert seconds == (None if found is None else found.total_seconds())


def test_redirect__a_loop_is_refused(host: Origin, limits: Limits) -> None:
    """The fourth hop is one too many."""
    assert (LinkRefusedError, "too_many_redirects") == failure(host, redirect("/v.mp4"), limits)
    assert 4 == len(host.heads)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://localhost/", "address_not_public"),
        ("http://127.0.0.1/", "address_not_public"),
        ("http://169.254.169.254/latest/meta-data/", "address_not_public"),
        ("http://[::1]/", "address_not_public"),
        ("http://127.0.0.1:1/", "port_not_allowed"),
        ("file:///etc/passwd", "scheme_not_allowed"),
        ("ftp://127.0.0.1/", "scheme_not_allowed"),
        ("data:video/mp4,x", "scheme_not_allowed"),
        ("http://user:password@127.0.0.1/", "credentials_in_link"),
        ("http://127.0.0.1\\@evil.example/", "link_malformed"),
        ("http://999.1.1.1/", "link_malformed"),
        ("http://xn--/", "link_malformed"),
        ("http://[bad/", "link_malformed"),
        ("/a b\tc", "link_malformed"),
        ("http://127.0.0.1 /", "link_malformed"),
        ("http://\u00e9.example/", "link_malformed"),
        ("//\u00e9/", "link_malformed"),
    ],
)
def test_redirect__each_hop_is_judged(host: Origin, limits: Limits, location: str, reason: str) -> None:
    """A host that may be fetched from cannot send us where a link of its own may not lead."""
    assert reason == failure(host, redirect(location), limits)[1]
    assert 1 == len(host.heads)


@pytest.mark.parametrize("named", ["/m\u00e9 dia/v.mp4", "m\u00e9 dia/v.mp4", "/m\u00c3\u00a9 dia/v.mp4?x=\u00e4 1"])
def test_redirect__to_a_path_that_is_not_escaped(host: Origin, limits: Limits, named: str) -> None:
    """A file host that names its file as it stands, in whatever bytes, is followed to it as a browser would."""
    expected = re.sub("[^!-~]", lambda found: f"%{ord(found[0]):02X}", named)
    there = host.url("/" + expected.removeprefix("/").partition("?")[0], whole(FILM))
    with fetched(host, host.url("/v", whole(b"", f"Location: {named}", status="302 Found")), limits) as found:
        assert FILM == found.file.read()
    assert there
    assert f"GET /{expected.removeprefix('/')} HTTP/1.1" == host.heads[1].splitlines()[0]


def test_redirect__from_https_to_http(host: Origin, limits: Limits) -> None:
    """Where plain http is not admitted a redirect to it is refused before anything is sent."""
    url, strict = host.url("/v", whole(FILM)), Policy(frozenset({host.authority}))
    egress = Egress()
    with (
        pytest.raises(LinkRefusedError) as refused,
        fetch(egress, url, strict, limits, threading.Event()),
    ):
        pass
    egress.close()
    assert ("scheme_not_allowed", []) == (refused.value.reason, host.heads)
