"""A notification on the wire: what is sent, what an answer means, and where we do not go."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from standardwebhooks import Webhook, WebhookVerificationError

from archive.ledger import callback_urls, claims, deliveries, migrate, notifications, results, targets, tasks
from archive.ledger.claims import Intent
from archive.ledger.database import Database
from archive.ledger.notifications import LEASE
from archive.ledger.schema import callback_urls as urls
from archive.ledger.schema import notifications as table
from archive.ledger.schema import targets as targets_table
from archive.ledger.schema import tasks as tasks_table
from archive.model import AssetState, Verdict
from archive.providers import PROVIDERS
from archive.settings import Settings
from archive.sources import Source
from archive.store import link_to
from archive.targets import Target
from tests.builders import LINK_LIFE, OLD_SECRET, SECRET, event, received, source, statement, target
from tests.certificates import Authority
from tests.doubles import START, Crash, FakeClock, MemoryStore, wait_for
from tests.origin import Origin, Scene, Wire, endless, origin, redirect, whole
from workers.egress import Egress
from workers.notify import Notifier, judge
from workers.runtime import Runtime

BODY = b'{"taskId": "t1",\n "unusual":  "spacing", "url": "https://files.example/t1.mp4?sig=1"}'
KEYS: dict[str, Any] = {"webhook_keys": ["a-webhook-key"], "tokens": []}


@pytest.fixture
def app() -> Iterator[Origin]:
    """The user's application."""
    with origin() as server:
        yield server


@pytest.fixture
def egress() -> Iterator[Egress]:
    made = Egress()
    yield made
    made.close()


Make = Callable[..., Notifier]


@pytest.fixture
def make(db: Database, egress: Egress) -> Make:
    """A notifier for the given targets, which are registered."""

    def build(*configured: Target, sources: dict[str, Source] | None = None, **more: timedelta) -> Notifier:
        targets.register_targets(db, configured)
        return Notifier(
            db, {one.name: one for one in configured}, sources or {"kie": source()}, "companion", egress,
            lambda asset, life: link_to(MemoryStore(), asset, life), lambda: datetime.now(UTC), lambda: 0.0, **more,
        )  # fmt: skip

    return build


def local(app: Origin, name: str = "crm", path: str = "/hook", **more: object) -> Target:
    """A target at the test's own application, token and all."""
    url = f"http://{app.authority}{path}?token=t0ken"
    return target(name, **{"url": url, "private": True, "insecure_http": True, **more})


def owe(db: Database, name: str = "crm", at: datetime = START) -> None:
    made = {"id": "0123456789abcdef", "target": name, "type": "audit.alert", "subject": "alert", "subject_id": name}
    with db.write() as conn:
        conn.execute(insert(table).values(**made, state="pending", created_at=at, due_at=at))


def send(notifier: Notifier) -> None:
    claim = notifier.take()
    assert claim is not None
    notifier.send(claim)


def after(db: Database) -> tuple[str, str | None]:
    """State and reason of the one there is."""
    with db.read() as conn:
        row = conn.execute(select(table.c.state, table.c.reason)).one()
    return row.state, row.reason


def rests(db: Database) -> timedelta:
    with db.read() as conn:
        until = conn.scalars(select(targets_table.c.rests_until)).one()
    return (until or START) - START


def headers(app: Origin, number: int = -1) -> dict[str, str]:
    lines = app.heads[number].strip().split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def archive(db: Database) -> None:
    """An asset of a task that the user knows as order-7."""
    claims.register_sources(db, {"kie": 8})
    known = tasks.Registration(
        "kie", "t1", "order-7", {"prompt": "a secret prompt"}, None, timedelta(seconds=55), LINK_LIFE, False
    )
    tasks.register(db, [known], "operator")
    with db.write() as conn:
        conn.execute(update(tasks_table).values(metadata_key="metadata/kie/t1.json"))
    deliveries.record(db, [received()])
    claim = claims.take(db, "w1", {"kie": 8}, timedelta(seconds=12))
    assert claim is not None
    intent = Intent("videos", "assets/kie/t1/video-x.mp4", 5, "ab" * 32, "video/mp4", None)
    results.intend(db, claim, intent)
    results.archived(db, claim, "v1", {"key": intent.key})


def test_send__what_is_told_of_an_archived_asset(db: Database, app: Origin, make: Make) -> None:
    """Its ids, its place and digest, where its metadata stands, a link to the content: nothing of the provider's."""
    notifier = make(local(app, content_life=timedelta(minutes=5)))
    archive(db)
    app.url("/hook", whole(b"thank you"))
    send(notifier)
    assert ("delivered", None) == after(db)
    told = json.loads(app.bodies[0])
    assert {"type", "timestamp", "data"} == told.keys()
    assert ("asset.archived", "2026-11-21T12:00:00.000Z") == (told["type"], told["timestamp"])
    data = told["data"]
    expires = datetime.fromisoformat(data["content"].pop("expires_at")) - datetime.now(UTC)
    assert timedelta(minutes=4, seconds=50) < expires <= timedelta(minutes=5)
    assert 32 == len(data.pop("id"))
    assert {
        "state": "archived", "reason": None, "was": "waiting", "source": "kie", "task_id": "t1", "role": "video",
        "ordinal": 0, "external_id": "order-7", "size": 5, "sha256": "ab" * 32, "content_type": "video/mp4",
        "bucket": "videos", "key": "assets/kie/t1/video-x.mp4", "version_id": "v1",
        "archived_at": "2026-11-21T12:00:00.000Z", "must_by": "2026-11-21T12:20:00.000Z",
        "metadata": {"bucket": "companion", "key": "metadata/kie/t1.json"},
        "content": {
            "url": "memory://videos/assets/kie/t1/video-x.mp4?version=v1&seconds=300&filename=video-x.mp4",
        },
    } == data  # fmt: skip
    assert ("application/json", "reelkeep") == (headers(app)["content-type"], headers(app)["user-agent"])


def test_send__what_is_told_of_a_lost_asset(db: Database, app: Origin, make: Make) -> None:
    """Its cause, and by when it was to be had; no place, since nothing stands there, whatever was meant to."""
    notifier = make(local(app))
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received()])
    claim = claims.take(db, "w1", {"kie": 8}, timedelta(seconds=12))
    assert claim is not None
    results.intend(db, claim, Intent("videos", "assets/x.mp4", 5, "ab" * 32, "video/mp4", None))
    results.end(db, claim, AssetState.LOST, "http_403")
    app.url("/hook", whole(b""))
    send(notifier)
    data = json.loads(app.bodies[0])["data"]
    assert ("lost", "http_403", "2026-11-21T12:20:00.000Z") == (data["state"], data["reason"], data["must_by"])
    assert [None] * 6 == [data[name] for name in ("key", "sha256", "size", "content", "archived_at", "metadata")]


def test_send__is_signed_with_every_secret(db: Database, app: Origin, make: Make) -> None:
    """Whoever knows the old secret or the new one verifies it with the published library; with another nobody does."""
    owe(db)
    app.url("/hook", whole(b""))
    send(make(local(app, secrets=[SECRET, OLD_SECRET])))
    for secret in (SECRET, OLD_SECRET):
        assert "audit.alert" == Webhook(secret).verify(app.bodies[0], headers(app))["type"]
    for secret, body in ((SECRET, app.bodies[0] + b" "), ("whsec_" + "b" * 32, app.bodies[0])):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers(app))


def test_send__again_after_a_crash(
    db: Database, clock: FakeClock, app: Origin, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies between send and word has it sent once more under the same id, by which a repeat is known."""
    notifier = make(local(app))
    owe(db)
    app.url("/hook", whole(b""))

    def die(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(notifications, "delivered", die)
        with pytest.raises(Crash):
            send(notifier)
    assert notifier.take() is None
    clock.now += LEASE
    send(notifier)
    assert ["msg_0123456789abcdef"] * 2 == [headers(app, n)["webhook-id"] for n in (0, 1)]
    assert ("delivered", "crashes_worker") == after(db)  # of the attempt before


@pytest.mark.parametrize(
    ("status", "more", "state", "rest"),
    [
        ("204 No Content", [], "delivered", 0),
        ("500 Oops", [], "pending", 5),
        ("503 Busy", ["Retry-After: 120"], "pending", 120),
        ("429 Too Many Requests", ["Retry-After: 999999"], "pending", 3600),
        ("503 Busy", ["Retry-After: soon"], "pending", 5),
        ("408 Timeout", [], "pending", 5),
        ("400 Bad Request", [], "pending", 0),
        ("404 Not Found", ["Retry-After: 120"], "pending", 0),
        ("410 Gone", [], "dead", 0),
        ("304 Not Modified", [], "pending", 5),
    ],
)
def test_send__what_an_answer_means(
    db: Database, app: Origin, make: Make, status: str, more: list[str], state: str, rest: int
) -> None:
    """2xx is taken, 410 is the end, what is the target's own trouble makes it rest, other refusals do not."""
    notifier = make(local(app))
    owe(db)
    app.url("/hook", whole(b"", *more, status=status))
    send(notifier)
    reason = None if state == "delivered" else f"http_{status[:3]}"
    assert (state, reason, timedelta(seconds=rest)) == (*after(db), rests(db))


def test_judge__retry_after_as_a_date() -> None:
    """The other form of Retry-After is read as well; one in the past asks for nothing."""
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    for said, wanted in (("Sat, 21 Nov 2026 12:10:00 GMT", 10), ("Sat, 21 Nov 2026 11:00:00 GMT", 0)):
        failure = judge(503, said, now)
        assert failure is not None
        assert timedelta(minutes=wanted) == failure.asked


@pytest.mark.parametrize("said", ["soon", "-1", "٣", "1-Jan-26 00:00:00 99999999999999999999", "Mon, 99 Jan 2026 0:0"])
def test_judge__retry_after_that_says_nothing(said: str) -> None:
    """What is neither of its forms asks for nothing, and the failure stays the target's."""
    failure = judge(503, said, datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
    assert failure is not None
    assert (True, None) == (failure.is_targets, failure.asked)


def test_send__a_redirect_is_refused(db: Database, app: Origin, make: Make) -> None:
    """Nothing is sent to where a target's answer points."""
    notifier = make(local(app))
    owe(db)
    app.url("/elsewhere", whole(b""))
    app.url("/hook", redirect(f"http://{app.authority}/elsewhere"))
    send(notifier)
    assert ("pending", "http_302") == after(db)
    assert ["/hook?token=t0ken"] == app.paths


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"private": False}, "address_not_public"), ({"insecure_http": False}, "scheme_not_allowed")],
)
def test_send__only_where_the_configuration_says(
    db: Database, app: Origin, make: Make, more: dict[str, bool], reason: str
) -> None:
    """A private address needs `private`, plain http needs `insecure_http`; nothing is connected to before."""
    notifier = make(local(app).model_copy(update=more))
    owe(db)
    send(notifier)
    assert ("pending", reason) == after(db)
    assert [] == app.heads


def test_send__a_host_that_takes_no_connection(db: Database, app: Origin, make: Make) -> None:
    """A target that is not there is unreachable, and rests."""
    notifier = make(local(app))
    owe(db)
    app.close()
    send(notifier)
    assert ("pending", "unreachable", timedelta(seconds=5)) == (*after(db), rests(db))


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        (lambda wire: wire.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "answer_malformed"),
        (whole(b"", "Location: ftp:x", status="302 Found"), "http_302"),
        (lambda wire: wire.reset(), "unreachable"),
    ],
)
def test_send__to_what_speaks_otherwise(db: Database, app: Origin, make: Make, scene: Scene, reason: str) -> None:
    """What answers without sense is told from what does not answer, and rests like it."""
    notifier = make(local(app))
    owe(db)
    app.url("/hook", scene)
    send(notifier)
    assert (reason, timedelta(seconds=5)) == (after(db)[1], rests(db))


def test_send__without_a_good_certificate(db: Database, make: Make, tmp_path: Path) -> None:
    """A certificate that nobody vouches for is named as such; nothing is told to its owner."""
    with origin(Authority().server("127.0.0.1", str(tmp_path))) as server:
        notifier = make(target("crm", url=f"https://{server.authority}/hook", private=True))
        owe(db)
        send(notifier)
        assert ("certificate_refused", []) == (after(db)[1], server.heads)


def drip(wire: Wire) -> None:
    """One byte of a header now and then."""
    wire.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not wire.stopping.wait(0.05):
        wire.send(b"x")


def test_send__is_cut_at_its_limit(db: Database, app: Origin, make: Make) -> None:
    """An answer that never ends its headers holds a thread for the limit and no longer."""
    notifier = make(local(app), max_time=timedelta(seconds=0.5))
    owe(db)
    app.url("/hook", drip)
    began = time.monotonic()
    send(notifier)
    assert time.monotonic() - began < 3
    assert ("pending", "timed_out") == after(db)


def test_send__an_endless_answer_is_thrown_away(db: Database, app: Origin, make: Make) -> None:
    """The status counts; of the body a few KiB are read, then the target is hung up on."""
    notifier = make(local(app))
    owe(db)
    app.url("/hook", endless(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", bytes(65536)))
    send(notifier)
    assert ("delivered", None) == after(db)
    wait_for(lambda: bool(app.fired))


def test_send__a_mistake_of_ours_is_no_loop(
    db: Database, app: Origin, egress: Egress, caplog: pytest.LogCaptureFixture
) -> None:
    """What we fail to write ourselves is tried later like a refusal, and stops no other."""

    def broken(*_: object) -> str:
        raise RuntimeError("broken")

    targets.register_targets(db, [local(app)])
    archive(db)
    crm = {"crm": local(app)}
    send(Notifier(db, crm, {}, "companion", egress, broken, lambda: START, lambda: 0.0))
    assert ("pending", "unexpected_error", timedelta(0)) == (*after(db), rests(db))


def test_send__nothing_private_goes_out(
    db: Database, app: Origin, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """No link of the provider's, no metadata and no secret is in what is sent; no URL is in the log."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # as archive.logs has it
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    notifier = make(local(app))
    archive(db)
    for scene in (whole(b"", status="503 Busy"), whole(b"")):
        app.url("/hook", scene)
        send(notifier)
        with db.write() as conn:
            conn.execute(update(table).values(due_at=START))
            conn.execute(update(targets_table).values(rests_until=None))
    sent = b"".join(app.bodies) + "".join(app.heads[0].split("\r\n")[1:]).encode()
    for secret in (b"files.example", b"sig=1", b"a secret prompt", b"t0ken", SECRET[6:].encode()):
        assert secret not in sent
    said = "".join(
        f"{record.getMessage()}{vars(record)}" for record in caplog.records if record.name == "workers.notify"
    )
    assert "notification.pending" in said
    assert "notification.delivered" in said
    for secret_text in ("t0ken", app.authority, "/hook", "files.example", "memory://"):
        assert secret_text not in said


def pass_on(db: Database, *, verdict: Verdict = Verdict.SIGNED_ID, forward_url: str | None = None) -> str:
    """A callback of the provider's, by a minted URL with *forward_url* behind it; return the delivery's id."""
    reference = None
    if forward_url:
        reference = callback_urls.create(db, "kie", None, None, timedelta(days=1)).id
        with db.write() as conn:
            conn.execute(update(urls).values(forward_url=forward_url))
    item = received(statement(event(), verdict=verdict), body=BODY, callback=reference)
    deliveries.record(db, [replace(item, headers='{"content-type":"application/json; charset=utf-8"}')])
    return item.id


@pytest.fixture
def resigned(monkeypatch: pytest.MonkeyPatch) -> None:
    """KIE's signature, as something to be recognised by."""

    def resign(document: dict[str, str], *, key: str, now: datetime) -> dict[str, str]:
        return {"x-webhook-signature": f"{document['taskId']} by {key}"}

    monkeypatch.setattr(PROVIDERS["kie"], "resign", resign)


def test_forward__the_bytes_as_they_came(db: Database, app: Origin, make: Make, resigned: None) -> None:
    """A target that takes callbacks gets the body byte for byte, the provider's signature made anew, and ours."""
    notifier = make(local(app, format="provider"), sources={"kie": source(**KEYS)})
    key = pass_on(db)
    app.url("/hook", whole(b""))
    send(notifier)
    assert [BODY] == app.bodies
    said = headers(app)
    assert ("application/json; charset=utf-8", key) == (said["content-type"], said["reelkeep-delivery-id"])
    assert "t1 by a-webhook-key" == said["x-webhook-signature"]
    assert "t1" == Webhook(SECRET).verify(app.bodies[0], said)["taskId"]


@pytest.mark.parametrize(("verdict", "more"), [(Verdict.TOKEN, KEYS), (Verdict.SIGNED_ID, {})])
def test_forward__vouches_for_nothing_that_was_not_signed(
    db: Database, app: Origin, make: Make, resigned: None, verdict: Verdict, more: dict[str, Any]
) -> None:
    """What no signature proved to us gets none of the provider's from us, nor is there one without its key."""
    notifier = make(local(app, format="provider"), sources={"kie": source(**more)})
    pass_on(db, verdict=verdict)
    app.url("/hook", whole(b""))
    send(notifier)
    assert "x-webhook-signature" not in headers(app)


def test_forward__to_the_url_of_a_caller(db: Database, app: Origin, make: Make) -> None:
    """A caller of the proxy gets the body at its own URL, where its source admits the host; nothing there is ours."""
    notifier = make(sources={"kie": source(forward_hosts=[app.authority])})
    pass_on(db, forward_url=f"http://{app.authority}/own?s=1")
    app.url("/own", whole(b""))
    send(notifier)
    assert ("delivered", None) == after(db)
    assert ([BODY], ["/own?s=1"]) == (app.bodies, app.paths)
    assert "webhook-id" not in headers(app)


@pytest.mark.parametrize(
    ("more", "reason"),
    [({}, "port_not_allowed"), ({"insecure_http": False, "forward_hosts": ["127.0.0.1:80"]}, "scheme_not_allowed")],
)
def test_forward__a_caller_cannot_point_inside(
    db: Database, app: Origin, make: Make, more: dict[str, Any], reason: str
) -> None:
    """A URL that somebody else gave leads nowhere that its source does not admit."""
    notifier = make(sources={"kie": source(**more)})
    pass_on(db, forward_url=f"http://{app.authority}/own")
    send(notifier)
    assert ("pending", reason) == after(db)
    assert [] == app.heads


def test_forward__a_caller_cannot_name_a_private_address(db: Database, make: Make) -> None:
    """On the port that everybody may use the address is judged all the same."""
    notifier = make()
    pass_on(db, forward_url="http://127.0.0.1/own")
    send(notifier)
    assert ("pending", "address_not_public") == after(db)


@pytest.fixture
def running(app: Origin, tmp_path: Path) -> Iterator[tuple[Runtime, Database]]:
    """A worker process's threads over a ledger on the machine's clock; its timer rings once a minute."""
    settings = Settings.model_validate(
        {"sources": {"kie": source()}, "notify": [local(app)], "workers": {"sweep": 60, "grace": 2}}, context={}
    )
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    migrate.upgrade(database)
    claims.register_sources(database, settings.caps)
    targets.register_targets(database, settings.notify)
    runtime = Runtime(settings, database, "w1")
    runtime.start()
    yield runtime, database
    runtime.stop()
    database.close()


def test_runtime__sends_as_soon_as_it_is_woken(app: Origin, running: tuple[Runtime, Database]) -> None:
    """A wake-up is enough: nothing waits for the timer."""
    runtime, database = running
    app.url("/hook", whole(b""))
    owe(database, at=datetime.now(UTC))
    began = time.monotonic()
    runtime.wake()
    wait_for(lambda: bool(app.heads))
    assert time.monotonic() - began < 2


def test_runtime__stops_though_a_target_hangs(app: Origin, running: tuple[Runtime, Database]) -> None:
    """A stop waits for a send no longer than its share of the grace; the notification is due again by its lease."""
    runtime, database = running
    app.url("/hook", drip)
    owe(database, at=datetime.now(UTC))
    runtime.wake()
    wait_for(lambda: bool(app.heads))
    began = time.monotonic()
    runtime.stop()
    assert time.monotonic() - began < 3
    assert "pending" == after(database)[0]
