"""The console in a real browser, before a real receiver process."""

import base64
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import delete, update

from archive.ledger import claims, deliveries, notification_queries, notifications, queries, results, tasks
from archive.ledger.claims import Intent
from archive.ledger.database import Database
from archive.ledger.schema import metadata
from archive.ledger.schema import targets as targets_table
from archive.ledger.schema import tasks as tasks_table
from archive.ledger.targets import register_targets
from archive.model import AssetState, Progress
from archive.targets import Target
from tests.browser import INSTALL, Browser, missing
from tests.builders import event, output, received, statement
from tests.doubles import wait_for
from tests.films import films
from tests.system.harness import TOKEN, Service, stopping

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(bool(missing()), reason=f"NOT TESTED: the console in a browser; {INSTALL}"),
]
CAPS = {"kie": 8, "kie-batch": 8}
VIEWER = "viewer-token"
SETTINGS = f"""
public_url = "https://hooks.example.com"
viewer_tokens = ["{VIEWER}"]
[sources.kie-batch]
provider = "kie"
tokens = ["a-callback-token"]
[sources.polled]
provider = "seedance2ai"
api_key = "a-key"
[[notify]]
name = "app"
url = "https://app.example.com/hooks/canary-of-a-url"
secrets = ["whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"]
[[notify]]
name = "billing"
url = "https://billing.example.com/"
secrets = ["whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"]
types = ["task.*"]
sources = ["kie"]
"""
TARGETS = [Target.model_validate(one, context={"environ": {}}) for one in tomllib.loads(SETTINGS)["notify"]]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)  # one pixel
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser, whose console may say nothing bad during the test unless the test reads it."""
    chromium.open("about:blank")
    chromium.cdp("Emulation.clearDeviceMetricsOverride")
    chromium.log()
    yield chromium
    complaints = [line for line in chromium.log() if not line.startswith(("DEBUG", "INFO"))]
    assert [] == complaints


@dataclass
class Store:
    """A store that answers every request with the same film and remembers which headers it heard."""

    url: str = ""
    film: bytes = b""
    kind: str = "video/mp4"
    heard: list[set[str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    store = Store()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            store.heard.append({name.lower() for name in self.headers})
            self.send_response(200)
            self.send_header("Content-Type", store.kind)
            self.send_header("Content-Length", str(len(store.film)))
            self.end_headers()
            self.wfile.write(store.film)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    yield store
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Receiver:
    url: str
    db: Database


@contextmanager
def running(folder: Path, store: str) -> Iterator[Receiver]:
    """A receiver process and its ledger. There is no Redis: nothing here needs it."""
    service = Service(folder, s3=store, redis="redis://127.0.0.1:1/0", settings=SETTINGS, dialect="generic")
    with stopping(service):
        service.start("web")
        db = Database(service.env["DATABASE_URL"])
        yield Receiver(service.url, db)
        db.close()


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[Receiver]:
    with running(tmp_path_factory.mktemp("receiver"), store.url) as receiver:
        yield receiver


@pytest.fixture
def receiver(process: Receiver) -> Receiver:
    """The receiver with an empty ledger."""
    with process.db.write() as conn:
        for table in reversed(metadata.sorted_tables):
            conn.execute(delete(table))
    claims.register_sources(process.db, CAPS)
    register_targets(process.db, TARGETS)
    return process


def add(db: Database, *task_ids: str, source: str = "kie") -> None:
    now = datetime.now(UTC)
    said = [event(task_id, outputs=[output(f"/{n}.mp4", at=now)]) for n, task_id in enumerate(task_ids)]
    deliveries.record(db, [received(statement(one, source=source)) for one in said])


def archive(db: Database, task_id: str, size: int = 24_312_003, kind: str = "video/mp4") -> str:
    add(db, task_id)
    claim = claims.take(db, "w1", CAPS, timedelta(seconds=12))
    assert claim is not None
    key = f"assets/kie/{task_id}/video.mp4"
    media = '{"duration":10.04,"width":1920,"height":1080,"fps":24.0,"video_codec":"h264","audio_codec":"aac"}'
    results.intend(db, claim, Intent("videos", key, size, "ab" * 32, kind, media))
    results.archived(db, claim, None, {"size": size})
    return claim.asset_id


def quarantine(db: Database, task_id: str, reason: str) -> str:
    add(db, task_id)
    claim = claims.take(db, "w1", CAPS, timedelta(seconds=12))
    assert claim is not None
    results.end(db, claim, AssetState.QUARANTINED, reason)
    return claim.asset_id


def enter(browser: Browser, receiver: Receiver, where: str = "/overview", token: str = TOKEN) -> None:
    """Come by the link that `reelkeep up` prints, then go to a view."""
    browser.open(f"{receiver.url}/#token={token}")
    browser.sees("Forget token")
    browser.open(f"{receiver.url}/#{where}")


def test_token__asked_for_and_judged(browser: Browser, receiver: Receiver) -> None:
    """A wrong token is told so in plain words; the right one opens the console and stays out of the address."""
    browser.open(receiver.url)
    browser.run("sessionStorage.clear(); location.reload()")
    browser.sees("Which token?")
    browser.type("//input[@id='token']", "nonsense\ue007")
    browser.sees("This is not one of the receiver\u2019s tokens.")
    assert any("401" in line for line in browser.log())  # Chromium itself notes the refusal; nothing else may be there
    browser.type("//input[@id='token']", TOKEN)
    browser.click("//button[.='Open the console']")
    browser.sees("Nothing has come in yet.", "POST https://hooks.example.com/webhooks/kie")
    browser.click("//button[.='Forget token']")
    browser.sees("Which token?")
    browser.open(f"{receiver.url}/#token={TOKEN}")
    browser.sees("Nothing has come in yet.")
    assert f"{receiver.url}/" == browser.run("return location.href")
    assert 0 == browser.run("return localStorage.length")


def test_overview__says_what_counts(browser: Browser, receiver: Receiver) -> None:
    """The first look answers: is everything archived, what is urgent, what needs me and why."""
    archive(receiver.db, "kept")
    enter(browser, receiver)
    browser.sees("Everything is archived.", "Nothing is waiting.", "24.3 MB")
    quarantine(receiver.db, "odd", "html_page")
    add(receiver.db, "on-its-way")
    browser.run("location.reload()")
    browser.sees("1 file needs you.", "It is a web page", "on-its-way", "min left", "Retry")


def test_assets__hostile_id_is_text(browser: Browser, receiver: Receiver) -> None:
    """A task id that is markup is shown as it is, in list, overview and detail, and nothing of it runs or loads."""
    add(receiver.db, HOSTILE)
    enter(browser, receiver)
    browser.sees(HOSTILE, "1 file is on the way.")
    enter(browser, receiver, "/assets")
    browser.sees(HOSTILE, css="table")
    browser.click("//td//a")
    browser.sees(HOSTILE, "History", css="#panel")
    assert 0 == browser.run("return document.querySelectorAll('img').length")


def test_assets__filters(browser: Browser, receiver: Receiver) -> None:
    """State, source and search narrow the list; the address keeps them; what matches nothing says so."""
    archive(receiver.db, "alpha-kept")
    add(receiver.db, "alpha-waits", "beta-waits")
    add(receiver.db, "gamma-waits", source="kie-batch")
    enter(browser, receiver, "/assets")
    browser.sees("alpha-kept", "alpha-waits", "beta-waits", "gamma-waits", css="table")
    browser.click("//select[@name='state']/option[.='waiting']")
    browser.sees("alpha-waits", "beta-waits", "gamma-waits", css="table", without=("alpha-kept",))
    browser.click("//select[@name='source']/option[.='kie']")
    browser.sees("alpha-waits", "beta-waits", css="table", without=("gamma-waits",))
    browser.type("//input[@name='q']", "alpha")
    browser.sees("alpha-waits", css="table", without=("beta-waits",))
    assert browser.run("return location.hash") == "#/assets?state=waiting&source=kie&q=alpha"
    browser.type("//input[@name='q']", "-nothing")
    browser.sees("Nothing matches.")
    browser.click("//a[.='Show all']")
    browser.sees("alpha-kept", "gamma-waits", css="table")
    assert "" == browser.run("return document.querySelector('[name=q]').value")


def test_assets__load_more(browser: Browser, receiver: Receiver) -> None:
    """A long list comes in pages, and stays as long as it was made."""
    add(receiver.db, *(f"task-{n:03}" for n in range(120)))
    enter(browser, receiver, "/assets")
    browser.sees("50 rows shown.")
    browser.click("//button[.='Load more']")
    browser.sees("100 rows shown.")
    browser.click("//button[.='Load more']")
    browser.sees("120 rows shown. That is all.")


def test_retry__quarantined_waits_again(browser: Browser, receiver: Receiver) -> None:
    """The button beside a quarantined asset makes it wait again, in the ledger too; a viewer is told why not."""
    key = quarantine(receiver.db, "odd", "no_video_track")
    enter(browser, receiver, token=VIEWER)
    browser.click("//section[contains(., 'Needs you')]//button[.='Retry']")
    browser.sees("This token may only look.")
    assert any("403" in line for line in browser.log())
    enter(browser, receiver, f"/assets?open=assets:{key}")
    browser.sees("quarantined", "The file has no picture.", css="#panel")
    browser.click("//aside//button[.='Retry']")
    browser.sees("waiting", "Tried again by hand.", css="#panel")
    browser.sees("waiting", css="table", without=("quarantined",))
    found = queries.asset(receiver.db, key)
    assert found is not None
    assert AssetState.WAITING == found["state"]


def test_refresh__shows_what_is_new_and_keeps_the_place(browser: Browser, receiver: Receiver) -> None:
    """A new asset appears by itself; rows keep their elements, so focus and selection stay where they were."""
    add(receiver.db, *(f"old-{n}" for n in range(3)))
    enter(browser, receiver, "/assets")
    browser.sees("old-0", css="table")
    browser.run("window.kept = document.querySelector('td a'); kept.focus(); getSelection().selectAllChildren(kept)")
    add(receiver.db, "brand-new")
    browser.sees("brand-new", css="table")
    assert browser.run("return kept.isConnected && document.activeElement === kept")
    assert str(browser.run("return String(getSelection())")).startswith("old-")


def test_detail__tells_all_and_closes_by_key(browser: Browser, receiver: Receiver) -> None:
    """The panel shows the object, its digest and the film's facts; Escape closes it and gives the focus back."""
    archive(receiver.db, "kept")
    enter(browser, receiver, "/assets")
    browser.click("//td//a")
    facts = ("ab" * 32, "assets/kie/kept/video.mp4", "10.0 s", "1920 \u00d7 1080", "h264 + aac", "before its deadline")
    browser.sees(*facts, "History", "Tries", css="#panel")
    assert "24,312,003 bytes" == browser.run("return document.querySelector('#panel dd span[title$=bytes]').title")
    assert "panel-title" == browser.run("return document.activeElement.id")
    browser.type("//h2[@id='panel-title']", "\ue00c")
    wait_for(lambda: bool(browser.run("return document.querySelector('#panel').hidden")))
    assert "kept" == browser.run("return document.activeElement.textContent")


def test_sources__pause_and_resume(browser: Browser, receiver: Receiver) -> None:
    """A source is paused and resumed by its button, and the overview says that it is."""
    add(receiver.db, "t1")
    enter(browser, receiver, "/sources")
    browser.click("//section[@aria-label='kie']//button[.='Pause']")
    browser.sees("kie is paused.", "Resume")
    assert {"kie"} == queries.paused(receiver.db)
    browser.click("//nav//a[contains(., 'Overview')]")
    browser.sees("Paused: kie.", "source is paused")
    browser.click("//nav//a[contains(., 'Sources')]")
    browser.click("//button[.='Resume']")
    browser.sees("kie goes on.")
    assert set() == queries.paused(receiver.db)


def test_alert__on_the_first_page_and_at_its_source(browser: Browser, receiver: Receiver) -> None:
    """Tasks that were not heard of in time are told on the first page in words, and at their source in numbers."""
    past = datetime.now(UTC) - timedelta(hours=1)
    tasks.register(
        receiver.db,
        [tasks.Registration("polled", "t1", None, None, past, timedelta(0), timedelta(minutes=20), True)],
        "operator",
    )
    with receiver.db.write() as conn:
        conn.execute(update(tasks_table).values(must_by=past))
    enter(browser, receiver)
    browser.sees("polled: 1 task was not heard of for longer than a link lives", "rate_limit")
    browser.click("//nav//a[contains(., 'Sources')]")
    browser.sees("1 open task, 1 to be asked about now. 1 is late.", "reelkeep tasks add polled ID")


def test_watch__plays_from_the_store(browser: Browser, receiver: Receiver, store: Store) -> None:
    """The film plays inside the page from the store's origin, which hears neither our token nor where it is shown."""
    store.film, store.kind = films()["moov_first"], "video/mp4"
    key = archive(receiver.db, "kept", len(store.film))
    enter(browser, receiver)
    browser.click("//button[.='Watch']")
    wait_for(lambda: bool(browser.run("return document.querySelector('video')?.readyState >= 2")))
    assert f"#/overview?open=assets%3A{key}" == browser.run("return location.hash")
    assert "noopener noreferrer" == browser.run("return document.querySelector('.film a').rel")
    assert store.heard
    assert not [headers for headers in store.heard if "authorization" in headers or "referer" in headers]


def test_show__a_picture_from_the_store(browser: Browser, receiver: Receiver, store: Store) -> None:
    """A picture is shown inside the page, with words for who cannot see it."""
    store.film, store.kind = PNG, "image/png"
    archive(receiver.db, "kept", len(store.film), "image/png")
    enter(browser, receiver)
    browser.click("//button[.='Show']")
    wait_for(lambda: bool(browser.run("return document.querySelector('img.picture')?.naturalWidth === 1")))
    assert "video of kept" == browser.run("return document.querySelector('img.picture').alt")


def test_unreachable__says_so(browser: Browser, store: Store, tmp_path: Path) -> None:
    """When the receiver goes away the page says so and keeps what it showed."""
    with running(tmp_path, store.url) as receiver:
        add(receiver.db, "still-here")
        enter(browser, receiver, "/assets")
        browser.sees("still-here", css="table")
    browser.click("//nav//a[.='Tasks']")
    browser.sees("The receiver does not answer. What you see is how it was before.", "still-here")
    assert all(re.search("ERR_CONNECTION|DEBUG", line) for line in browser.log())


def send(db: Database, failure: notifications.Failure | None = None) -> str:
    """Play the worker: take a notification once one is due, which is delivered or fails; return its id."""
    taken: list[notifications.Claim] = []

    def is_taken() -> bool:
        taken.extend(filter(None, [notifications.take(db, ["app", "billing"])]))
        return bool(taken)

    wait_for(is_taken)  # the page says that a test is sent before the receiver has it
    [claim] = taken
    if failure:
        notifications.failed(db, claim, failure, spread=0)
    else:
        notifications.delivered(db, claim)
    return claim.id


GONE = notifications.Failure("http_410", is_targets=True, is_final=True)


def test_notifications__redrive_one_and_all(browser: Browser, receiver: Receiver) -> None:
    """What was given up says why and what to do; one or all of it is sent again, in the ledger too."""
    for n in range(3):
        archive(receiver.db, f"kept-{n}")
        send(receiver.db, GONE)
        with receiver.db.write() as conn:
            conn.execute(update(targets_table).values(rests_until=None))
    enter(browser, receiver, "/notifications")
    browser.sees("failing", "It refuses, with HTTP 410.", "3 dead", "https://app.example.com", css="main")
    assert "canary" not in browser.text()
    browser.click("//td//a")
    browser.sees("asset.archived", "dead", "msg_", "take it out of the settings, or mend it", css="#panel")
    browser.click("//aside//button[.='Redrive']")
    browser.sees("pending", css="#panel", without=("dead",))
    browser.click("//a[@class='close']")
    browser.sees("1 pending", "2 dead", css="main")
    browser.click("//select[@name='target']/option[.='billing']")
    browser.sees("Nothing matches.", css="main", without=("Redrive all",))
    browser.click("//select[@name='target']/option[.='app']")
    browser.click("//button[.='Redrive all dead to app']")
    browser.sees("2 are sent again now.", "3 pending", "0 dead")
    wanted = notification_queries.Listing(state="pending")
    assert 3 == len(notification_queries.list_notifications(receiver.db, wanted))


def test_notifications__test_a_target(browser: Browser, receiver: Receiver) -> None:
    """A test's end is told beside its button as soon as it is known, and what to do where it failed."""
    enter(browser, receiver, "/notifications")
    browser.sees("everything", "task.* of kie", "Nothing has been sent yet.")
    browser.click("//button[@aria-label='Test app']")
    browser.sees("Sent, waiting for the answer")
    send(receiver.db)
    browser.sees("Delivered in ", "hearing", "notify.test", css="main")
    browser.click("//button[@aria-label='Test billing']")
    browser.sees("Sent, waiting for the answer")
    send(receiver.db, notifications.Failure("http_404", is_targets=True))
    browser.sees("It refuses, with HTTP 404.", "correct the target's url", "failing", css="section[aria-label=billing]")


def test_notifications__for_a_viewer(browser: Browser, receiver: Receiver) -> None:
    """A viewer sees all of it and no button that would be refused."""
    key = archive(receiver.db, "kept")
    told = send(receiver.db, GONE)
    enter(browser, receiver, f"/notifications?open=notifications:{told}", token=VIEWER)
    browser.sees("asset.archived", "dead", css="main")
    browser.sees("It refuses, with HTTP 410.", css="#panel")
    assert not browser.run("return document.querySelectorAll('[data-do^=redrive], [data-do=test]').length")
    browser.click("//aside//a[contains(., 'asset ')]")
    browser.sees("kept", "Notifications", "dead asset.archived to app", css="#panel")
    assert f"assets%3A{key}" in str(browser.run("return location.hash"))


def test_notifications__on_a_task_page(browser: Browser, receiver: Receiver) -> None:
    """A task that failed says who was told."""
    deliveries.record(receiver.db, [received(statement(event("t1", Progress.FAILED)))])
    enter(browser, receiver, "/tasks")
    browser.click("//td//a")
    browser.sees("pending task.failed to app", "pending task.failed to billing", css="#panel")


@pytest.mark.parametrize("width", [400, 1600])
def test_width__nothing_sticks_out(browser: Browser, receiver: Receiver, width: int) -> None:
    """At 400 and at 1600 pixels no view needs scrolling sideways, with the longest ids that are allowed."""
    add(receiver.db, "x" * 512, HOSTILE)
    key = quarantine(receiver.db, "y" * 512, "not_trusted")
    set_width = partial(
        browser.cdp, "Emulation.setDeviceMetricsOverride", height=900, deviceScaleFactor=1, mobile=False
    )
    set_width(width=width)
    for where in (
        "/overview",
        "/assets",
        "/deliveries",
        "/tasks",
        "/sources",
        "/notifications",
        f"/assets?open=assets:{key}",
    ):
        enter(browser, receiver, where)
        view = where[1:].split("?")[0]
        browser.sees(*(["Needs you"] if view == "overview" else [view.capitalize()]), css="main")
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), where
