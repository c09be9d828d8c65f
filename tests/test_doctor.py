"""`reelkeep doctor --callback` against a real receiver behind a proxy that does one thing wrong: it says that thing."""

import gzip
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from archive.doctor import arrival, refusals, tls, wire
from archive.doctor.examine import NAMES, Examination, Ways
from archive.doctor.findings import Step
from archive.doctor.wire import SilenceError
from archive.ledger.database import Database
from archive.ledger.schema import metadata
from tests import certificates
from tests.certificates import Issuer
from tests.middleman import Message, Middleman, OnAnswer, OnRequest, page, receiver
from tests.receiver.house import s3_credentials

URL = "https://hooks.example.com"
KEY = "doctor-signing-key-of-the-tests-1234"
PUBLIC = "93.184.215.14"  # never connected to: `Ways.connect` leads elsewhere
MAX_BODY = 65536
ROOT = Path(__file__).parents[1]
TABLES = metadata.sorted_tables


@dataclass
class Clinic:
    """A receiver, an authority that is trusted, and a way to examine what stands before it."""

    folder: Path
    port: int
    db: Database
    root: Issuer
    trust: ssl.SSLContext
    tls: ssl.SSLContext
    steps: list[Step] = field(default_factory=list)
    heard: list[Message] = field(default_factory=list)

    def ways(self, port: int, **other: Any) -> Ways:
        """To *port* of this machine, whatever name or address is asked for; *other* ways in their place."""
        known = Ways(
            trust=self.trust,
            resolve=lambda _host, _port: [PUBLIC],
            connect=lambda _address, _port: wire.connect("127.0.0.1", port),
            clock=lambda: 0.0,  # or a busy machine is a finding
        )
        return replace(known, **other)

    def examine(
        self, on_request: OnRequest = lambda request: request, on_answer: OnAnswer = lambda answer: answer, *,
        url: str = URL, key: str = KEY, server: ssl.SSLContext | None = None, **other: Any,
    ) -> list[str]:  # fmt: skip
        """Examine *url* behind a proxy that does these things; the slugs of what was found."""
        secure = (server or self.tls) if url.startswith("https") else None
        middleman = Middleman(self.port, secure, on_request, on_answer, self.heard)
        with middleman.running():
            self.steps = list(Examination(url, key, self.ways(middleman.port, **other)).steps())
        assert NAMES == tuple(step.name for step in self.steps)
        assert all(finding.advice for step in self.steps for finding in step.findings)
        return [finding.slug for step in self.steps for finding in step.findings]

    @property
    def said(self) -> str:
        return " ".join(f"{step.text} {step.findings}" for step in self.steps)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    root = certificates.issuer("the trusted root")
    (folder / "ca.pem").write_bytes(root.pem)
    settings: dict[str, object] = {
        "server": {"signing_keys": ["a-newer-key-that-only-web-knows-yet", KEY], "max_body": MAX_BODY}
    }
    with s3_credentials(), receiver(folder, settings) as (port, db):
        good = certificates.server(folder, root)
        yield Clinic(folder, port, db, root, tls.authorities(folder / "ca.pem"), good)


@pytest.fixture
def clinic(opened: Clinic) -> Clinic:
    """The same receiver, with nothing heard yet."""
    return replace(opened, steps=[], heard=[])


def test_clean__finds_nothing(clinic: Clinic) -> None:
    """Where all is well every step is tried, and nothing is found."""
    assert [] == clinic.examine()
    assert all(step.tried for step in clinic.steps)
    assert MAX_BODY == len(clinic.heard[1].body)
    assert "chunked" == clinic.heard[2].get("Transfer-Encoding")
    assert clinic.heard[2].get("Content-Length") is None


def _header(name: str, change: Callable[[str], str | None], new_name: str | None = None) -> OnRequest:
    def fault(request: Message) -> Message:
        value = request.get(name)
        assert value is not None
        return request.having(name, None).having(new_name or name, change(value))

    return fault


def _body(change: Callable[[bytes], bytes]) -> OnRequest:
    return lambda request: replace(request, body=change(request.body))


def _start(old: str, new: str) -> OnRequest:
    return lambda request: replace(request, start=request.start.replace(old, new))


def _large(answer: Message | None) -> OnRequest:
    return lambda request: answer if len(request.body) > MAX_BODY // 2 else request


def _chunked(answer: Message | None) -> OnRequest:
    return lambda request: answer if request.get("Transfer-Encoding") else request


def _lower_path(request: Message) -> Message:
    method, target, protocol = request.start.split(" ")
    return replace(request, start=f"{method} {target.lower()} {protocol}")


def _anew(body: bytes) -> bytes:
    return json.dumps(json.loads(body)).encode()


FAULTS_BEFORE: dict[str, tuple[str, OnRequest]] = {
    "a header taken out": ("header_dropped", _header("X-Webhook-Signature", lambda _value: None)),
    "underscores": ("header_renamed", _header("X-Webhook-Timestamp", str, "X_Webhook_Timestamp")),
    "another value": ("header_changed", _header("X-Webhook-Signature", lambda value: value.replace("+", " "))),
    "a value cut at a blank": ("header_changed", _header("webhook-signature", lambda value: value.split()[0])),
    "another content type": ("header_changed", _header("Content-Type", lambda _value: "text/plain")),
    "twice in one": ("header_joined", _header("webhook-id", lambda value: f"{value}, {value}")),
    "twice": ("header_joined", lambda r: replace(r, headers=(*r.headers, ("webhook-id", r.get("webhook-id") or "")))),
    "body written anew": ("body_changed", _body(_anew)),
    "body trimmed": ("body_changed", _body(bytes.strip)),
    "body lost": ("body_changed", _body(lambda _body: b"")),
    "one byte changed": ("body_changed", _body(lambda body: body.replace(b"probe", b"Probe"))),
    "body compressed": (
        "body_encoded", lambda r: replace(r, body=gzip.compress(r.body)).having("Content-Encoding", "gzip"),
    ),
    "path in small letters": ("path_changed", _lower_path),
    "path without its tail": ("path_changed", _start("~Aa.Zz-_%41", "")),
    "path rewritten": ("path_changed", _start("/webhooks/", "/hooks/")),
    "path decoded": ("path_decoded", _start("%41", "A")),
    "path encoded": ("path_decoded", _start("~", "%7E")),
    "query taken out": ("query_changed", _start("?order=7&next=a%20b", "")),
    "another Host": ("host_changed", _header("Host", lambda _value: "web:8080")),
    "HTTP/1.0": ("http_1_0", _start("HTTP/1.1", "HTTP/1.0")),
    "GET": ("method_changed", _start("POST", "GET")),
    "moved": ("redirected", lambda r: page("301 Moved Permanently", Location=f"https://www.example.com{r.start.split()[1]}")),
    "moved, path only": ("redirected", lambda r: page("308 Permanent Redirect", Location=f"{r.start.split()[1]}/")),
    "moved nowhere": ("redirected", lambda _request: page("302 Found")),
    "moved badly": ("redirected", lambda _request: page("302 Found", Location="https://[nowhere")),
    "not found": ("not_passed_on", lambda _request: page("404 Not Found")),
    "not allowed": ("not_passed_on", lambda _request: page("405 Method Not Allowed")),
    "login": ("front_refuses", lambda _request: page("401 Unauthorized", WWW_Authenticate="Basic")),
    "forbidden": ("front_refuses", lambda _request: page("403 Forbidden", Server="cdn\x1b[2J")),
    "too large at once": ("body_limit", lambda _request: page("413 Content Too Large")),
    "too many": ("front_limits", lambda _request: page("429 Too Many Requests")),
    "bad gateway": ("receiver_away", lambda _request: page("502 Bad Gateway")),
    "unavailable": ("receiver_away", lambda _request: page("503 Service Unavailable")),
    "timed out": ("receiver_away", lambda _request: page("504 Gateway Timeout")),
    "teapot": ("front_status", lambda _request: page("418 I'm a teapot")),
    "parking page": ("not_reelkeep", lambda _request: page("200 OK")),
    "another service": ("not_reelkeep", lambda _request: page("200 OK", b'{"code":200,"msg":"success"}')),
    "another service's 404": (
        "not_passed_on",
        lambda _request: page("404 Not Found", b'{"reason":"not_found"}').having("Content-Type", "application/json"),
    ),
    "an older Reelkeep": ("older_version", _start("/webhooks/-/", "/webhooks/absent/")),
    "no answer": ("no_answer", lambda _request: None),
    "no HTTP": ("no_answer", lambda _request: Message("HTTP/banana")),
    "large refused": ("body_limit", _large(page("413 Content Too Large"))),
    "large refused by Caddy 2.6": ("body_limit", _large(page("502 Bad Gateway"))),
    "large cut off": ("body_limit", _large(None)),
    "length required": ("chunked_refused", _chunked(page("411 Length Required"))),
    "chunked cut off": ("chunked_refused", _chunked(None)),
    "chunked body lost": ("body_changed", lambda r: replace(r, body=b"") if r.get("Transfer-Encoding") else r),
    "large body cut short": ("body_changed", lambda r: replace(r, body=r.body[:9000])),
}  # fmt: skip


@pytest.mark.parametrize(("slug", "fault"), FAULTS_BEFORE.values(), ids=FAULTS_BEFORE)
def test_fault__before_the_receiver(clinic: Clinic, slug: str, fault: OnRequest) -> None:
    """Whatever is done to the request is found, alone and under its own name; no token is shown."""
    assert [slug] == clinic.examine(fault)
    assert "rkpb_" not in clinic.said
    assert clinic.heard


def _recode(answer: Message) -> Message:
    return replace(answer, body=json.dumps(json.loads(answer.body), indent=1).encode())


def _at_401(change: OnAnswer) -> OnAnswer:
    return lambda answer: change(answer) if " 401" in answer.start else answer


FAULTS_BEHIND: dict[str, tuple[str, OnAnswer]] = {
    "changed": ("answer_altered", lambda a: replace(a, body=a.body.replace(b'"method":"POST"', b'"method":"GOST"'))),
    "proof taken out": ("answer_altered", lambda a: replace(a, body=a.body.replace(b'"proof"', b'"poof"'))),
    "written anew": ("answer_rewritten", _recode),
    "compressed": (
        "answer_rewritten", lambda a: replace(a, body=gzip.compress(a.body)).having("Content-Encoding", "gzip"),
    ),
    "another status": ("status_changed", lambda a: replace(a, start=a.start.replace("200 OK", "202 Accepted"))),
    "cut": ("not_reelkeep", lambda a: replace(a, body=a.body[:-9])),
    "error pages": ("refusal_replaced", _at_401(lambda _answer: page("401 Unauthorized"))),
    "refusals hidden": ("refusal_changed", _at_401(lambda _answer: page("200 OK"))),
    "sent to a login": ("refusal_changed", _at_401(lambda _answer: page("302 Found", Location="https://sso.example/x"))),
}  # fmt: skip


@pytest.mark.parametrize(("slug", "fault"), FAULTS_BEHIND.values(), ids=FAULTS_BEHIND)
def test_fault__behind_the_receiver(clinic: Clinic, slug: str, fault: OnAnswer) -> None:
    """Whatever is done to the answer is found, alone and under its own name."""
    assert [slug] == clinic.examine(on_answer=fault)


def test_answer__kept_by_a_cache(clinic: Clinic) -> None:
    """An answer of ours that was given before proves nothing."""
    kept: list[Message] = []

    def keep(answer: Message) -> Message:
        kept.append(answer)
        return answer

    assert [] == clinic.examine(on_answer=keep)
    assert ["answer_replayed"] == clinic.examine(lambda _request: kept[0])


def test_redirect__is_named_without_its_path(clinic: Clinic) -> None:
    """Where it leads is told by scheme and host: the path holds a token."""
    clinic.examine(lambda r: page("301 Moved", Location=f"http://u:p@www.example.com:81{r.start.split()[1]}"))
    assert "to http://www.example.com:81:" in clinic.said
    assert "u:p" not in clinic.said


def test_keys__another_reelkeep(clinic: Clinic) -> None:
    """A Reelkeep that knows other keys is told from ours."""
    assert ["other_keys"] == clinic.examine(key="k" * 40)


@pytest.mark.parametrize(("seconds", "slugs"), [(2.9, []), (3.1, ["slow"]), (5.1, ["slow"])])
def test_time__slow(clinic: Clinic, seconds: float, slugs: list[str]) -> None:
    """What takes longer than the least patient providers wait is told, and past five seconds it is an error."""
    elapsed = [0.0]

    def late(request: Message) -> Message:
        elapsed[0] += seconds
        return request

    assert slugs == clinic.examine(late, clock=lambda: elapsed[0])
    assert ("error" if seconds > 5 else "warning" if slugs else None) == clinic.steps[4].level


@pytest.mark.parametrize(
    ("seconds", "level", "slugs"),
    [(30, None, []), (-90, "warning", ["clock_skew"]), (400, "error", ["clock_skew"]), (-400, "error", ["clock_skew"]),
     (1300, "error", ["clock_skew"]), (-1300, "error", ["clock_skew"])],
)  # fmt: skip
def test_time__clocks_apart(clinic: Clinic, seconds: int, level: str | None, slugs: list[str]) -> None:
    """Clocks that are apart are told, however far, and as an error where signatures would be stale."""
    apart = timedelta(seconds=seconds)
    assert slugs == clinic.examine(url="http://hooks.example.com", now=lambda: datetime.now(UTC) + apart)[1:]
    assert level == clinic.steps[4].level


def _certificate(clinic: Clinic, tmp_path: Path, what: str) -> ssl.SSLContext:
    other, below = certificates.issuer("an own authority"), certificates.issuer("below", clinic.root)
    if what == "below 1.2":
        context = certificates.server(tmp_path, clinic.root)
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # or OpenSSL 3 speaks none of them
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        return context
    made: dict[str, Callable[[], ssl.SSLContext]] = {
        "another name": lambda: certificates.server(tmp_path, clinic.root, names=("www.example.com", "b.example.com")),
        "expired": lambda: certificates.server(tmp_path, clinic.root, days=(-90, -2)),
        "not yet": lambda: certificates.server(tmp_path, clinic.root, days=(1, 90)),
        "self-signed": lambda: certificates.server(tmp_path, None),
        "own authority": lambda: certificates.server(tmp_path, other, chain=(other,)),
        "own authority, alone": lambda: certificates.server(tmp_path, other, is_public=False),
        "intermediate missing": lambda: certificates.server(tmp_path, below),
        "intermediate there": lambda: certificates.server(tmp_path, below, chain=(below,)),
        "13 days left": lambda: certificates.server(tmp_path, clinic.root, days=(-77, 13)),
        "short-lived": lambda: certificates.server(tmp_path, clinic.root, days=(-2, 4)),
        "short-lived, late": lambda: certificates.server(tmp_path, clinic.root, days=(-5, 1)),
    }
    return made[what]()


@pytest.mark.parametrize(
    ("what", "slugs", "told"),
    [
        ("another name", ["wrong_name"], "www.example.com, b.example.com"),
        ("expired", ["certificate_expired"], "ended on "),
        ("not yet", ["certificate_not_yet_valid"], "begins on "),
        ("self-signed", ["self_signed"], ""),
        ("own authority", ["unknown_authority"], "an own authority"),
        ("own authority, alone", ["unknown_authority"], "an own authority"),
        ("intermediate missing", ["chain_incomplete"], "issued by below"),
        ("intermediate there", [], "29 days left"),
        ("13 days left", ["certificate_ends_soon"], "in 12 days"),
        ("short-lived", [], "3 days left"),
        ("short-lived, late", ["certificate_ends_soon"], "in 0 days"),
        ("below 1.2", ["tls_too_old"], ""),
    ],
)
def test_tls__what_providers_refuse(clinic: Clinic, tmp_path: Path, what: str, slugs: list[str], told: str) -> None:
    """Each fault of a certificate has its name, with what the certificate says; nothing is sent where it is refused."""
    assert slugs == clinic.examine(server=_certificate(clinic, tmp_path, what))
    assert told in clinic.said
    is_refused = bool(slugs) and slugs != ["certificate_ends_soon"]
    assert is_refused is (not clinic.heard)
    assert is_refused is (not clinic.steps[-1].tried)


def test_tls__certifis_authorities_count(clinic: Clinic) -> None:
    """Without --ca only what providers know is trusted: a private authority is not."""
    assert clinic.examine(trust=tls.authorities())[0] in {"unknown_authority", "chain_incomplete"}


def test_tls__none_spoken(clinic: Clinic) -> None:
    """Plain http at the https port is named."""
    steps = list(Examination(URL, KEY, clinic.ways(clinic.port)).steps())
    assert ["not_tls"] == [finding.slug for step in steps for finding in step.findings]


def test_tls__nobody_behind(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that takes connections and says nothing is named."""
    monkeypatch.setattr(wire, "CONNECT_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        steps = list(Examination(URL, KEY, clinic.ways(listener.getsockname()[1])).steps())
    assert ["tls_timed_out"] == [finding.slug for step in steps for finding in step.findings]


def _failing(reason: str) -> Callable[..., list[str]]:
    def fail(*_: object) -> list[str]:
        raise SilenceError(reason)

    return fail


@pytest.mark.parametrize(("reason", "slug"), [("unknown", "name_unknown"), ("no_answer", "dns_failed")])
def test_dns__no_address(clinic: Clinic, reason: str, slug: str) -> None:
    """A name without an address ends the examination: nothing else is guessed at."""
    assert [slug] == clinic.examine(resolve=_failing(reason))
    assert [True, True, *[False] * 6] == [step.tried for step in clinic.steps]


@pytest.mark.parametrize(
    ("addresses", "slugs"),
    [(["10.1.2.3"], ["private_addresses"]), ([PUBLIC, "10.1.2.3"], ["mixed_addresses"]), ([PUBLIC, PUBLIC], [])],
)
def test_dns__private_addresses(clinic: Clinic, addresses: list[str], slugs: list[str]) -> None:
    """Private addresses are a warning, since DNS may answer otherwise outside; the rest is tried all the same."""
    assert slugs == clinic.examine(resolve=lambda *_: addresses)
    assert clinic.steps[-1].tried


@pytest.mark.parametrize(("reason", "slugs"), [("timed_out", ["address_dead"]), ("no_route", ["no_route_from_here"])])
def test_addresses__one_is_dead(clinic: Clinic, reason: str, slugs: list[str]) -> None:
    """An IPv6 address that nobody answers at is found although IPv4 works, and one that cannot be tried is no fault."""
    dead = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

    def connect(middleman: Middleman) -> Callable[[str, int], socket.socket]:
        def to(address: str, _port: int) -> socket.socket:
            if address == dead:
                raise SilenceError(reason)
            return wire.connect("127.0.0.1", middleman.port)

        return to

    with Middleman(clinic.port, clinic.tls).running() as middleman:
        ways = clinic.ways(0, resolve=lambda *_: [dead, PUBLIC], connect=connect(middleman))
        steps = list(Examination(URL, KEY, ways).steps())
    assert slugs == [finding.slug for step in steps for finding in step.findings]
    assert steps[-1].tried


def test_addresses__all_are_dead(clinic: Clinic) -> None:
    """Where nothing takes a connection that is the one finding."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    steps = list(Examination(URL, KEY, clinic.ways(port)).steps())
    assert ["no_connection"] == [finding.slug for step in steps for finding in step.findings]


def test_addresses__one_leads_elsewhere(clinic: Clinic) -> None:
    """Each address is asked: one that leads to another server is found and named."""
    with (
        Middleman(clinic.port, clinic.tls).running() as ours,
        Middleman(clinic.port, clinic.tls, lambda _request: page("200 OK")).running() as other,
    ):
        ports = {PUBLIC: ours.port, "1.1.1.1": other.port}
        ways = clinic.ways(
            0, resolve=lambda *_: list(ports), connect=lambda a, _port: wire.connect("127.0.0.1", ports[a])
        )
        steps = list(Examination(URL, KEY, ways).steps())
    [finding] = [finding for step in steps for finding in step.findings]
    assert ("not_reelkeep", True) == (finding.slug, finding.text.startswith("At 1.1.1.1: "))


@pytest.mark.parametrize(("strips", "slugs"), [(True, []), (False, ["path_changed"])])
def test_prefix__the_proxy_takes_it_off(clinic: Clinic, strips: bool, slugs: list[str]) -> None:
    """A public URL with a path works where the proxy takes the path off, and is named where not."""
    fault = _start("/reelkeep/webhooks", "/webhooks") if strips else _start("", "")
    assert slugs == clinic.examine(fault, url=f"{URL}/reelkeep/")


def test_probes__leave_nothing_behind(clinic: Clinic) -> None:
    """No probe, good, large or false, comes into the ledger."""

    def counted() -> list[int]:
        with clinic.db.read() as conn:
            return [conn.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES]

    before = counted()
    clinic.examine()
    assert 4 == len(clinic.heard)
    assert before == counted()


def test_docs__every_finding_is_listed() -> None:
    """The slugs of docs/operations.md are those that the code has."""
    page = (ROOT / "docs" / "operations.md").read_text()
    listed = set(re.findall(r"`(\w+)`", page[page.index("| step | slugs |") : page.index("## Callback URLs")]))
    known = {*tls._SAID, *arrival._HEADERS, "slow", "clock_skew", "queue_unreachable", "store_unreachable"}
    known |= {slug for slug, _ in refusals._FRONT.values()} | {slug for slug, _, _ in refusals._OURS.values()}
    for path in [*(ROOT / "archive" / "doctor").glob("*.py"), ROOT / "archive" / "cli" / "doctor.py"]:
        known |= set(re.findall(r'(?:error|warning|note)\(\s*"(\w+)"', path.read_text()))
        known |= set(re.findall(r'get\(status, \("(\w+)"', path.read_text()))
    assert known == listed
