"""A download that breaks off: gone on with where that is proved safe, begun anew or given up where it is not."""

import hashlib
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.errors import FetchInterruptedError, LinkExpiredError, ReelkeepError, TooLargeError
from tests.certificates import Authority
from tests.doubles import wait_for
from tests.faults import STAMP, File, chunk, message, refuses, says
from tests.origin import Fault, Origin, Scene, Wire, origin, redirect
from workers.download import MAX_BARREN, MAX_REQUESTS, MAX_RESTARTS, WORTH
from workers.egress import Egress, Policy
from workers.fetch import Fetched, Limits, StoppedError, fetch
from workers.file_hosts import FileHosts, HostRestsError

BODY = os.urandom(300_000)
FILE = File(BODY)
OTHER = File(os.urandom(300_000), ('ETag: "two"',))
DATED = ("Last-Modified: Wed, 01 Jul 2026 10:00:00 GMT", "Date: Wed, 01 Jul 2026 10:00:01 GMT")
AT = 200_000


class Patient(threading.Event):
    """Never stopped; keeps for how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0)
        return self.is_set()


@dataclass
class Host:
    """A file host, and how a worker fetches from it."""

    origin: Origin
    egress: Egress
    limits: Limits
    stopping: threading.Event

    @contextmanager
    def fetched(self, *scenes: Scene) -> Iterator[Fetched]:
        policy = Policy(frozenset({self.origin.authority}), insecure_http=True)
        url = self.origin.url("/v.mp4", *scenes)
        with fetch(self.egress, url, policy, self.limits, self.stopping) as found:
            yield found
        wait_for(lambda: not self.origin.unfired)

    def bytes_of(self, *scenes: Scene) -> bytes:
        """What comes in the end; its size and digest are told truly."""
        with self.fetched(*scenes) as found:
            body = found.file.read()
            assert (len(body), hashlib.sha256(body).hexdigest()) == (found.size, found.sha256)
            return body

    def failure(self, *scenes: Scene) -> ReelkeepError:
        with pytest.raises(ReelkeepError) as raised, self.fetched(*scenes):
            pass
        wait_for(lambda: not self.origin.unfired)
        return raised.value

    @property
    def ranges(self) -> list[str]:
        """The Range of each request, in order."""
        return [_header(head, "range") for head in self.origin.heads]


def _header(head: str, name: str) -> str:
    lines = [line.partition(": ") for line in head.split("\r\n")]
    return next((value for key, _, value in lines if key.lower() == name), "")


@pytest.fixture(params=["http", "https"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    """Without and with TLS, where a cut is something else to the client."""
    authority = Authority() if request.param == "https" else None
    server = authority.server("127.0.0.1", str(tmp_path)) if authority else None
    client = None
    if authority:
        client = ssl.create_default_context(cadata=authority.pem.decode())
    egress = Egress(tls=client)
    with origin(server) as files:
        yield Host(files, egress, Limits(1_000_000, timedelta(seconds=20), tmp_path / "spool", 64_000), Patient())
    egress.close()


@pytest.mark.parametrize(
    ("stamps", "validator"),
    [
        ((STAMP,), '"one"'),
        (DATED, "Wed, 01 Jul 2026 10:00:00 GMT"),
        ((STAMP, *DATED), '"one"'),
        (('ETag: W/"one"', *DATED), "Wed, 01 Jul 2026 10:00:00 GMT"),
    ],
    ids=["etag", "date", "both", "weak-etag-and-date"],
)
def test_resume__goes_on_where_it_broke_off(host: Host, stamps: tuple[str, ...], validator: str) -> None:
    """F42: behind a cut only the rest is asked for, of that very version, and the bytes and their digest are whole."""
    file = File(BODY, stamps)
    assert BODY == host.bytes_of(file.cut(AT), file.serve())
    assert ["", f"bytes={AT}-"] == host.ranges
    assert ["", validator] == [_header(head, "if-range") for head in host.origin.heads]


def test_resume__again_and_again(host: Host) -> None:
    """F42: as long as each answer brings something worth its request the file is put together from any number."""
    with host.fetched(*[FILE.cut(70_000)] * 4, FILE.serve()) as found:
        assert (BODY, True) == (found.file.read(), found.length_known)
    assert ["", *(f"bytes={n * 70_000}-" for n in (1, 2, 3, 4))] == host.ranges


def test_resume__after_a_reset(host: Host) -> None:
    """F42: a connection that is reset in mid-body is gone on with like one that ends."""
    assert BODY == host.bytes_of(FILE.cut(AT, reset=True), FILE.serve())
    assert 2 == len(host.ranges)


def test_resume__of_a_body_in_chunks(host: Host) -> None:
    """F42: a chunked body without a length is gone on with, and the range's total shows its end."""
    head = message("200 OK", "Transfer-Encoding: chunked", STAMP)
    with host.fetched(says("chunk cut", head, chunk(BODY[:1000]), b"500\r\n" + BODY[1000:1001]), FILE.serve()) as found:
        assert (BODY, True) == (found.file.read(), found.length_known)
    broken = says("chunk broken", head, chunk(BODY[:AT]), b"nonsense\r\n")
    assert BODY == host.bytes_of(broken, FILE.serve())


def test_resume__by_less_than_was_asked_for(host: Host) -> None:
    """F49: a host that gives only a part of the rest is asked for what follows it."""
    assert BODY == host.bytes_of(FILE.cut(AT), says("short part", FILE.part(AT, AT + 69_999)), FILE.serve())
    assert f"bytes={AT + 70_000}-" == host.ranges[-1]


@pytest.mark.parametrize(
    "stamps",
    [
        (),
        ('ETag: W/"one"',),
        ("ETag: one",),
        (STAMP, 'ETag: "two"'),
        (DATED[0],),
        (DATED[0], "Date: Wed, 01 Jul 2026 10:00:00 GMT"),
        (DATED[0], "Date: yesterday"),
        ("Last-Modified: Wed, 01 Jul 2026 10:00:00", DATED[1]),
    ],
)
def test_resume__never_without_a_strong_validator(host: Host, stamps: tuple[str, ...]) -> None:
    """F50: where the host cannot say that it is the same version the attempt ends; two halves are never joined."""
    failure = host.failure(File(BODY, stamps).cut(AT))
    assert (FetchInterruptedError, "short_body") == (type(failure), failure.reason)
    assert [""] == host.ranges


def lying(name: str, *headers: str, body: bytes = BODY[AT:]) -> Fault:
    """A 206 that goes wrong."""
    return says(name, message("206 Partial Content", *headers, body=body))


REST = len(BODY) - AT
LENGTH, RANGE = f"Content-Length: {REST}", f"Content-Range: bytes {AT}-{len(BODY) - 1}/{len(BODY)}"


@pytest.mark.parametrize(
    "wrong",
    [
        lying("another start", LENGTH, STAMP, f"Content-Range: bytes {AT - 1}-{len(BODY) - 2}/{len(BODY)}"),
        lying("from the start", LENGTH, STAMP, f"Content-Range: bytes 0-{REST - 1}/{len(BODY)}"),
        lying("another total", LENGTH, STAMP, f"Content-Range: bytes {AT}-{len(BODY) - 1}/{len(BODY) + 1}"),
        lying("beyond its end", STAMP, f"Content-Range: bytes {AT}-{len(BODY)}/*", body=BODY[AT:] + b"x"),
        lying("no range", LENGTH, STAMP),
        lying("two ranges", LENGTH, STAMP, RANGE, RANGE),
        lying("another unit", LENGTH, STAMP, RANGE.replace("bytes", "items")),
        lying("malformed", LENGTH, STAMP, f"Content-Range: bytes {AT}-/{len(BODY)}"),
        lying("backwards", LENGTH, STAMP, f"Content-Range: bytes {AT}-{AT - 1}/{len(BODY)}"),
        lying("huge", LENGTH, STAMP, f"Content-Range: bytes {AT}-{'9' * 5000}/*"),
        lying("in parts", LENGTH, STAMP, "Content-Type: multipart/byteranges; boundary=x"),
        lying("another version", LENGTH, 'ETag: "two"', RANGE),
        lying("no version", LENGTH, RANGE),
        lying("a weak version", LENGTH, f"ETag: W/{STAMP[6:]}", RANGE),
        lying("packed", LENGTH, STAMP, RANGE, "Content-Encoding: gzip"),
        lying("another length", f"Content-Length: {REST - 1}", STAMP, RANGE, body=BODY[AT:-1]),
        lying("too few", STAMP, RANGE, "Transfer-Encoding: chunked", body=chunk(BODY[AT:-1]) + chunk(b"")),
        lying("too many", STAMP, RANGE, "Transfer-Encoding: chunked", body=chunk(BODY[AT:] + b"x") + chunk(b"")),
        says("416", message("416 Range Not Satisfiable", "Content-Length: 0", f"Content-Range: bytes */{AT}")),
    ],
    ids=lambda wrong: wrong.name.replace(" ", "-"),
)
def test_resume__what_does_not_fit_begins_anew(host: Host, wrong: Fault) -> None:
    """F49 and F50: an answer that does not go on with exactly these bytes leaves none: the whole is asked for again."""
    assert OTHER.body == host.bytes_of(FILE.cut(AT), wrong, OTHER.serve())
    assert ["", f"bytes={AT}-", ""] == host.ranges


def test_resume__a_date_that_changed(host: Host) -> None:
    """F50: without a tag the date must be the same, where the rest bears one."""
    later = ("Last-Modified: Wed, 01 Jul 2026 10:00:02 GMT",)
    wrong = lying("another date", LENGTH, RANGE, *later)
    assert OTHER.body == host.bytes_of(File(BODY, DATED).cut(AT), wrong, OTHER.serve())


def test_resume__the_whole_in_place_of_the_rest(host: Host) -> None:
    """F49 and F50: a 200 is the file anew, of whatever version, and nothing of the first one is left in it."""
    assert OTHER.body == host.bytes_of(FILE.cut(AT), OTHER.ignores_ranges())
    shorter = File(BODY[:1000], ('ETag: "short"',))
    assert shorter.body == host.bytes_of(FILE.cut(AT), shorter.serve())


def test_resume__from_another_place(host: Host) -> None:
    """F50: a redirect that leads elsewhere the second time leads to another file, whatever its tag says."""
    there, elsewhere = host.origin.url("/1", FILE.cut(AT)), host.origin.url("/2", File(OTHER.body).serve())
    assert OTHER.body == host.bytes_of(redirect(there), redirect(elsewhere), redirect(elsewhere))
    host.origin.url("/1", FILE.cut(AT), FILE.serve())
    assert BODY == host.bytes_of(redirect(there))


@pytest.mark.parametrize("status", ["401 No", "403 No", "404 No", "410 No"])
def test_resume__of_a_link_that_died_meanwhile(host: Host, status: str) -> None:
    """F40: a link that dies between two halves is a dead link, to be renewed, not an interrupted download."""
    failure = host.failure(FILE.cut(AT), refuses(status))
    assert (LinkExpiredError, f"http_{status[:3]}") == (type(failure), failure.reason)


@pytest.mark.parametrize("status", ["429 Slow", "503 Busy"])
def test_resume__waits_for_a_host_that_says_how_long(host: Host, status: str) -> None:
    """F44: with half a file in hand a wish of seconds is granted, and then it is gone on with."""
    now = [0.0]

    class Waiting(Patient):
        def wait(self, timeout: float | None = None) -> bool:
            now[0] += timeout or 0
            return super().wait(timeout)

    host.stopping = stopping = Waiting()
    policy = Policy(frozenset({host.origin.authority}), insecure_http=True)
    url = host.origin.url("/v.mp4", FILE.cut(AT), refuses(status, "Retry-After: 3"), FILE.serve())
    hosts = FileHosts(lambda: now[0])
    with fetch(host.egress, url, policy, host.limits, stopping, hosts=hosts) as found:
        assert BODY == found.file.read()
    assert 3.0 in stopping.waits
    assert ["", f"bytes={AT}-", f"bytes={AT}-"] == host.ranges


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [("6", 6), ("315360000", 315360000), ("Wed, 01 Jul 2099 10:00:00 GMT", None)],
)
def test_resume__waits_for_nobody_long(host: Host, wish: str, seconds: int | None) -> None:
    """F44: a longer wish ends the attempt, and is told to whoever plans the next one."""
    failure = host.failure(FILE.cut(AT), refuses("503 Busy", f"Retry-After: {wish}"))
    assert isinstance(failure, FetchInterruptedError)
    assert failure.retry_after
    assert seconds in (None, failure.retry_after.total_seconds())


def test_resume__a_stop_ends_the_wait(host: Host) -> None:
    """F04: a process that is asked to stop waits for no host."""
    host.stopping = threading.Event()

    def stop(wire: Wire) -> None:
        host.stopping.set()
        FILE.cut(0)(wire)

    assert isinstance(host.failure(FILE.cut(AT), stop), StoppedError)


def test_bounds__a_host_that_brings_next_to_nothing(host: Host) -> None:
    """F42: resumes in a row that bring less than is worth a request end the attempt, each after a longer pause."""
    failure = host.failure(*[FILE.cut(1000)] * (MAX_BARREN + 1), FILE.serve())
    assert (FetchInterruptedError, "short_body") == (type(failure), failure.reason)
    assert MAX_BARREN + 1 == len(host.ranges)
    assert isinstance(host.stopping, Patient)
    assert [0.5, 1.0, 2.0] == host.stopping.waits


def test_bounds__a_host_that_never_fits(host: Host) -> None:
    """F49: a file is begun anew so often and no more; a link's quota of downloads is not used up by one attempt."""
    wrong = lying("no range", LENGTH, STAMP)
    scenes = [FILE.cut(AT), wrong] * (MAX_RESTARTS + 1)
    failure = host.failure(*scenes, FILE.serve())
    assert (FetchInterruptedError, "ranges_unfit") == (type(failure), failure.reason)
    assert len(scenes) == len(host.ranges)


def test_bounds__requests_are_counted(host: Host) -> None:
    """F49: however well they go, one attempt sends no more than MAX_REQUESTS: Ark counts 100 for a link."""
    host.limits = replace(host.limits, max_size=10_000_000)
    large = File(os.urandom(WORTH * (MAX_REQUESTS + 2)))
    assert "short_body" == host.failure(*[large.cut(WORTH)] * MAX_REQUESTS, large.serve()).reason
    assert MAX_REQUESTS == len(host.ranges)


def test_bounds__a_good_host_is_asked_once_and_never_probed(host: Host) -> None:
    """Links with a quota of downloads: one GET for a file that comes, and nothing but GET for one that does not."""
    assert BODY == host.bytes_of(FILE.serve())
    assert 1 == len(host.ranges)
    host.bytes_of(FILE.cut(AT), says("416", message("416 No", "Content-Length: 0")), FILE.serve())
    assert {"GET"} == {head.split(" ")[0] for head in host.origin.heads}


def test_bounds__the_size_holds_over_all_parts(host: Host) -> None:
    """F47: a file that grows beyond the limit part by part is refused as soon as its total says so."""
    host.limits = replace(host.limits, max_size=250_000)
    head = message("200 OK", "Transfer-Encoding: chunked", STAMP)
    failure = host.failure(says("chunk cut", head, chunk(BODY[:AT]), b"500\r\nx"), FILE.serve())
    assert (TooLargeError, "too_large") == (type(failure), failure.reason)


FIRST, SECOND = File(os.urandom(5000)), File(os.urandom(5000), ('ETag: "two"',))
PLAYS: dict[str, Callable[[File, int], Scene]] = {
    "good": lambda file, _: file.serve(),
    "cut": lambda file, at: file.cut(at),
    "reset": lambda file, at: file.cut(at, reset=True),
    "ignored": lambda file, _: file.ignores_ranges(),
    "from here": lambda file, at: says("from here", file.part(at)),
    "416": lambda _, __: refuses("416 No"),
    "503": lambda _, __: refuses("503 Busy"),
    "500": lambda _, __: refuses("500 Broken"),
    "nothing": lambda _, __: says("nothing"),
    "no length": lambda file, at: says("no length", message("200 OK", *file.stamps, body=file.body[:at])),
}
STEP = st.tuples(st.sampled_from(sorted(PLAYS)), st.sampled_from([FIRST, SECOND]), st.integers(0, 4999))


@pytest.mark.parametrize("host", ["http"], indirect=True)
@settings(max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=1, max_size=8))
def test_any__host_gives_one_file_or_none(host: Host, steps: list[tuple[str, File, int]]) -> None:
    """F42, F49 to F51: whatever a host does, what is called whole is one version of the file, or nothing is."""
    policy = Policy(frozenset({host.origin.authority}), insecure_http=True)
    url = host.origin.url("/any", *(PLAYS[name](file, at) for name, file, at in steps), FIRST.serve())
    with (
        suppress(FetchInterruptedError, LinkExpiredError, HostRestsError),
        fetch(host.egress, url, policy, host.limits, Patient()) as found,
    ):
        body = found.file.read()
        assert not found.length_known or body in (FIRST.body, SECOND.body)
        assert FIRST.body.startswith(body) or SECOND.body.startswith(body)
