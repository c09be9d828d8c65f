"""One thing after the other, from the URL's form to a forged callback; what an earlier one rules out is not tried."""

import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from secrets import token_hex
from socket import socket

from archive.doctor import answers, echo, place, probe, refusals, tls, wire
from archive.doctor.arrival import judge_request
from archive.doctor.findings import Finding, Level, Step, error
from archive.doctor.place import Place
from archive.doctor.probe import Probe
from archive.doctor.wire import Answered, SilenceError

_MOST_ADDRESSES = 8
_LARGEST = 16 << 20  # bytes; a `server.max_body` beyond it is not tried to its end
NAMES = ("address", "name", "connection", "TLS", "callback", "large body", "chunked", "forgery")


@dataclass(frozen=True)
class Ways:
    """How the world is reached; tests put others in."""

    trust: ssl.SSLContext = field(default_factory=tls.authorities)
    resolve: Callable[[str, int], list[str]] = wire.resolve
    connect: Callable[[str, int], socket] = wire.connect
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic  # seconds


class Examination:
    """Of what *url* leads to, by the holder of *key*."""

    def __init__(self, url: str, key: str, ways: Ways) -> None:
        self._place = place.read(url)
        self._key = key
        self._ways = ways
        self._max_body = 0

    def steps(self) -> Iterator[Step]:
        """Each step as it is done; the rest, untried, where one leaves nothing to look at."""
        done = 0
        for step in self._tried():
            done += 1
            yield step
        for name in NAMES[done:]:
            yield Step(name, "not tried", tried=False)

    def _tried(self) -> Iterator[Step]:
        found = place.judge_form(self._place)
        yield Step("address", self._place.url if self._place else "?", tuple(found))
        if self._place is None:
            return
        here = self._place
        step, addresses = self._name(here)
        yield step
        if not addresses:
            return
        step, answering = self._connection(here, addresses)
        yield step
        if not answering:
            return
        step = self._tls(here, answering)
        yield step
        if step.level is Level.ERROR:
            return
        step, is_reached = self._callback(here, answering)
        yield step
        if is_reached:
            yield self._large(here, answering[0], step)
            yield self._chunked(here, answering[0], step)
            yield self._forgery(here, answering[0])

    def _name(self, here: Place) -> tuple[Step, list[str]]:
        try:
            addresses = [here.host] if here.is_address else self._ways.resolve(here.host, here.port)
        except SilenceError as exc:
            return Step("name", "no address", (place.judge_no_name(here, exc.reason),)), []
        return Step("name", ", ".join(addresses), tuple(place.judge_addresses(here, addresses))), addresses

    def _connection(self, here: Place, addresses: list[str]) -> tuple[Step, list[str]]:
        answered, failed = [], {}
        tried = addresses[:_MOST_ADDRESSES]
        for address in tried:
            try:
                self._ways.connect(address, here.port).close()
            except SilenceError as exc:
                failed[address] = exc.reason
            else:
                answered.append(address)
        text = f"port {here.port} answers at {len(answered)} of {len(tried)}"
        return Step("connection", text, tuple(place.judge_connections(here, answered, failed))), answered

    def _tls(self, here: Place, addresses: list[str]) -> Step:
        if here.scheme == "http":
            return Step("TLS", "none, since the URL is http")
        found: dict[str, Finding] = {}
        text = ""
        for address in addresses:
            shaken = tls.look(partial(self._ways.connect, address, here.port), here.host, self._ways.trust)
            _note(found, tls.judge(shaken, here.host, self._ways.now()), address, addresses)
            if shaken.certificate and not text:
                days = (shaken.certificate.ends_at - self._ways.now()).days
                text = f"{shaken.protocol or 'certificate'} by {shaken.certificate.issuer}, {days} days left"
        return Step("TLS", text or "no certificate was seen", tuple(found.values()))

    def _callback(self, here: Place, addresses: list[str]) -> tuple[Step, bool]:
        """At each address: DNS may lead to servers that are set up otherwise."""
        found: dict[str, Finding] = {}
        text, is_reached = "no answer", True
        for address in addresses:
            sent_at, started = self._ways.now(), self._ways.clock()
            sent = self._make(here)
            try:
                answered, heard = self._ask(here, address, sent)
            except SilenceError as exc:
                findings, heard, believed = [_silence(exc.reason)], None, False
            else:
                seconds = self._ways.clock() - started  # with connecting and TLS, as a provider counts
                text = f"answered {answered.status} in {seconds * 1000:.0f} ms"
                findings = answers.judge_answer(here, sent, answered, heard)
                believed = heard is not None and not any(one.level is Level.ERROR for one in findings)
                if believed and heard:
                    text += f" by Reelkeep {heard.seen.version}, proved"
                    self._max_body = heard.seen.max_body
                    findings += judge_request(sent, heard.seen)
                    findings += answers.judge_time(seconds, sent_at, heard.seen)
            is_reached = is_reached and believed
            _note(found, findings, address, addresses)
        return Step("callback", text, tuple(found.values())), is_reached

    def _large(self, here: Place, address: str, before: Step) -> Step:
        size = min(self._max_body, _LARGEST)
        return self._again("large body", f"{size} bytes", here, address, before, partial(self._make, here, size=size))

    def _chunked(self, here: Place, address: str, before: Step) -> Step:
        make = partial(self._make, here, is_chunked=True)
        return self._again("chunked", "no Content-Length", here, address, before, make)

    def _again(self, name: str, text: str, here: Place, address: str, before: Step, make: Callable[[], Probe]) -> Step:
        """Another probe; what the first has shown is not said twice."""
        sent = make()
        judge = answers.judge_size if name == "large body" else answers.judge_chunked
        try:
            answered, heard = self._ask(here, address, sent)
        except SilenceError:
            findings = judge(here, sent, None, None)
        else:
            findings = judge(here, sent, answered, heard)
            text += f", answered {answered.status}"
        known = {finding.slug for finding in before.findings}
        return Step(name, text, tuple(finding for finding in findings if finding.slug not in known))

    def _forgery(self, here: Place, address: str) -> Step:
        try:
            answered, _ = self._ask(here, address, self._make(here, is_false=True))
        except SilenceError as exc:
            return Step("forgery", "no answer", (_silence(exc.reason),))
        found = tuple(refusals.judge_false(here, answered))
        return Step("forgery", f"a false token is answered {answered.status}", found)

    def _make(self, here: Place, *, size: int = 0, is_chunked: bool = False, is_false: bool = False) -> Probe:
        nonce = token_hex(16)
        return probe.make(here, nonce, self._key, self._ways.now(), size=size, is_chunked=is_chunked, is_false=is_false)

    def _ask(self, here: Place, address: str, sent: Probe) -> tuple[Answered, echo.Echo | None]:
        sock = self._ways.connect(address, here.port)
        if here.scheme == "https":
            try:
                sock = self._ways.trust.wrap_socket(sock, server_hostname=here.host)
            except OSError as exc:
                raise SilenceError("cut") from exc
        answered = wire.exchange(sock, sent.request)
        return answered, echo.read(answered.body, self._key)


def _note(found: dict[str, Finding], findings: list[Finding], address: str, addresses: list[str]) -> None:
    """Each finding once, with the address that it was found at first, where there are several."""
    for finding in findings:
        text = f"At {address}: {finding.text}" if len(addresses) > 1 else finding.text
        found.setdefault(finding.slug, replace(finding, text=text))


def _silence(reason: str) -> Finding:
    words = {
        "timed_out": f"takes the request and does not answer within {wire.ANSWER_TIMEOUT:.0f} s",
        "not_http": "answers something that is not HTTP",
    }
    how = words.get(reason, "ends the connection without an answer")
    advice = "See the proxy's log and web's at this time, and whether the proxy's upstream is web's address."
    return error("no_answer", f"Whoever listens there {how}.", advice)
