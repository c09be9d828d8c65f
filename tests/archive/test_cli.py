"""The command line: its exit codes, what it asks the API, and what it prints."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from archive.cli import main

PROBLEM = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "Nothing there.",
    "reason": "not_found",
}
ROW = {"id": "a1", "task_id": "t1\x1b[2J", "source": "kie", "state": "archived", "size": 5, "metadata": {"a": 1}}


@dataclass
class Service:
    """Plays the API: answers each path with what it was given, and remembers what it was asked."""

    answers: dict[str, tuple[int, Any]]
    asked: list[tuple[str, str, dict[str, list[str]], str | None, Any]] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator[None]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self._answer(json.loads(self.rfile.read(length)) if length else None)

            def _answer(self, body: Any) -> None:
                parts = urlsplit(self.path)
                token = self.headers.get("Authorization")
                service.asked.append((self.command, parts.path, parse_qs(parts.query), token, body))
                status, content = service.answers.get(parts.path, (404, PROBLEM))
                raw = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield
            server.shutdown()
            thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    status = {
        "alerts": [],
        "sources": {},
        "work": {"due": 1, "running": 2, "overdue": 0, "looks_due": 3},
        "assets": {"kie": {"archived": 4}},
    }
    service = Service(
        {
            "/api/status": (200, status),
            "/api/assets": (200, {"items": [ROW], "next_cursor": "c2"}),
            "/api/tasks": (200, ROW),
            "/api/assets/a1": (200, ROW),
            "/api/assets/a1/retry": (200, {"id": "a1", "was": "lost", "state": "waiting"}),
            "/api/assets/a2/retry": (409, {**PROBLEM, "detail": "It is archived.", "reason": "already_archived"}),
            "/api/deliveries/d1/replay": (200, {"delivery_id": "d1", "outcome": "accepted", "reason": None}),
            "/api/sources/kie/pause": (200, {"source": "kie", "paused": True}),
            "/api/callback-urls": (200, {"id": "c1", "url": "https://h/webhooks/kie/x", "expires_at": "2026-12-01"}),
            "/api/tasks/html": (200, b"<html>"),
        }
    )
    with service.running():
        yield service


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Settings for the command line; what `--config` leaves in the environment is taken out again."""
    path = tmp_path / "reelkeep.toml"
    path.write_text(
        '[server]\noperator_tokens = ["op-token"]\npublic_url = "https://hooks.example"\n'
        f'[ledger]\nurl = "sqlite:///{tmp_path}/ledger.db"\n'
        '[sources.kie]\nprovider = "kie"\nwebhook_keys = ["k"]\ntokens = ["tok-of-16-letters"]\n'
    )
    before = dict(os.environ)
    yield path
    os.environ.clear()
    os.environ.update(before)


def run(config: Path, service: Service | None, *words: str) -> int:
    where = ["--url", service.url] if service else []
    return main([*words, "--config", str(config), *where])


@pytest.mark.parametrize(
    "words",
    [[], ["nonsense"], ["assets"], ["assets", "nonsense"], ["assets", "show"], ["assets", "list", "--limit", "many"],
     ["tasks", "add", "kie"], ["sign"], ["pause"], ["tasks", "retry", "t1"], ["up", "--port", "x"],
     ["callback-url"], ["callback-url", "kie", "--expires", "soon"], ["callback-url", "kie", "--expires", "0d"]],
)  # fmt: skip
def test_usage__is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage exits with 2 and says how it is meant."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert 2 == caught.value.code
    assert capsys.readouterr().err.startswith("usage: reelkeep")


def test_settings__are_78(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Settings that cannot be used exit with 78 and print every mistake."""
    config.write_text("[server]\nport = -1\n[store]\nbucket = 'x'\n")
    for words in (["status"], ["sign", "kie"], ["migrate"]):
        assert 78 == main([*words, "--config", str(config)])
        said = capsys.readouterr().err
        assert "server.port" in said
        assert "store.bucket" in said


def test_a_mistake_of_ours__is_70(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What should not happen says where, and not in the words of a library, which hold what it was given."""
    config.with_name("ledger.db").write_text("no database" * 99)
    config.write_text(f"[ledger]\nurl = 'sqlite:///{config.with_name('ledger.db')}'\n")
    assert 70 == main(["migrate", "--config", str(config)])
    said = capsys.readouterr().err
    assert said.startswith("reelkeep: this should not happen:\nTraceback")
    assert "sqlite3.DatabaseError" in said
    assert "SQL:" not in said


def test_unreachable__is_69(config: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody there, or somebody who is no Reelkeep, exits with 69."""
    assert 69 == main(["status", "--config", str(config), "--url", "http://127.0.0.1:1"])
    assert "nothing answers at http://127.0.0.1:1" in capsys.readouterr().err
    assert 69 == run(config, service, "tasks", "show", "html")
    assert "is no Reelkeep" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://h", "http://[::1", "http://user:canary@h"])
def test_url__one_that_cannot_be_used_is_78(config: Path, capsys: pytest.CaptureFixture[str], url: str) -> None:
    """An address that cannot be meant is told as a wrong setting, and not repeated."""
    assert 78 == main(["status", "--config", str(config), "--url", url])
    said = capsys.readouterr().err
    assert "REELKEEP_URL" in said
    assert "canary" not in said


def test_refused__is_1(config: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """What the service refuses exits with 1 and tells its detail and reason."""
    assert 1 == run(config, service, "assets", "retry", "a2")
    assert "reelkeep: It is archived. (already_archived)\n" == capsys.readouterr().err
    assert 1 == run(config, service, "assets", "show", "absent")


def test_migrate(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The ledger is made where the settings say; one that cannot be had exits with 69 and one line."""
    assert 0 == main(["migrate", "--config", str(config)])
    assert (config.parent / "ledger.db").exists()
    config.write_text('[ledger]\nurl = "postgresql+psycopg://u:canary@127.0.0.1:1/x"\n')
    capsys.readouterr()
    assert 69 == main(["migrate", "--config", str(config)])
    assert "reelkeep: the ledger cannot be reached (ledger_unavailable)\n" == capsys.readouterr().err


def test_list__asks_with_its_filters_and_shows_a_table(
    config: Path, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Filters go into the query, the settings' token into the header; the cursor of the next page is told."""
    assert 0 == run(config, service, "assets", "list", "--state", "lost", "--task-id", "t 1&x", "--limit", "3")
    asked = ("GET", "/api/assets", {"state": ["lost"], "task_id": ["t 1&x"], "limit": ["3"]}, "Bearer op-token", None)
    assert [asked] == service.asked
    lines = capsys.readouterr().out.split("\n")
    assert lines[0].split()[:3] == ["task_id", "source", "role"]
    assert lines[1].startswith("t1\\x1b[2J  kie")
    assert "more: --cursor c2" in lines


@pytest.mark.parametrize(
    ("words", "method", "path", "body"),
    [
        (["assets", "retry", "a1"], "POST", "/api/assets/a1/retry", None),
        (["deliveries", "replay", "d1"], "POST", "/api/deliveries/d1/replay", None),
        (["pause", "kie"], "POST", "/api/sources/kie/pause", None),
        (["assets", "show", "a1"], "GET", "/api/assets/a1", None),
        (["status"], "GET", "/api/status", None),
        (
            ["tasks", "add", "kie", "t1", "--external-id", "o-7", "--meta", "a=b=c", "--meta", "x",
             "--expected-by", "2026-12-01T00:00:00Z"],
            "POST", "/api/tasks",
            {"source": "kie", "task_id": "t1", "external_id": "o-7", "metadata": {"a": "b=c", "x": ""},
             "expected_by": "2026-12-01T00:00:00Z"},
        ),
        (
            ["tasks", "add", "kie", "t1", "--callback-id", "c1"],
            "POST", "/api/tasks",
            {"source": "kie", "task_id": "t1", "external_id": None, "callback_id": "c1"},
        ),
        (
            ["callback-url", "kie", "--external-id", "o-7", "--meta", "a=b", "--expires", "2d"],
            "POST", "/api/callback-urls",
            {"source": "kie", "external_id": "o-7", "metadata": {"a": "b"}, "expires_in": 172_800},
        ),
        (["callback-url", "kie"], "POST", "/api/callback-urls", {"source": "kie", "external_id": None}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("json_", [False, True])
def test_verbs(
    config: Path, service: Service, capsys: pytest.CaptureFixture[str], words: list[str], method: str, path: str,
    body: Any, json_: bool,
) -> None:  # fmt: skip
    """Each verb asks its one question; with --json the answer is printed as it came."""
    assert 0 == run(config, service, *words, *(["--json"] if json_ else []))
    assert [(method, path, {}, "Bearer op-token", body)] == service.asked
    out = capsys.readouterr().out
    assert out
    if json_:
        assert service.answers[path][1] == json.loads(out)


def test_an_id__cannot_leave_its_path(config: Path, service: Service) -> None:
    """An id with slashes and question marks stays one part of the path."""
    assert 1 == run(config, service, "assets", "show", "../tasks?x#y")
    assert "/api/assets/..%2Ftasks%3Fx%23y" == service.asked[0][1]


def test_sign(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sign` prints a call to the public address, as JSON or for a shell; an unknown source exits with 1."""
    assert 0 == run(config, None, "sign", "kie", "--task-id", "t1", "--json")
    call = json.loads(capsys.readouterr().out)
    assert "https://hooks.example/webhooks/kie/tok-of-16-letters" == call["url"]
    assert "t1" == json.loads(call["body"])["taskId"]
    assert 0 == run(config, None, "sign", "kie")
    assert capsys.readouterr().out.startswith("curl -sS -X POST https://hooks.example/webhooks/kie/tok-of-16-letters")
    assert 1 == run(config, None, "sign", "absent")


def test_client__needs_no_secret_of_the_sources(
    tmp_path: Path, service: Service, capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    """A source that is called by minted URLs alone keeps nobody from asking the service; only `sign` needs the key."""
    path = tmp_path / "bare.toml"
    path.write_text(
        '[server]\noperator_tokens = ["op-token"]\nsigning_keys = []\n[sources.ace]\nprovider = "acedata"\n'
    )
    assert 0 == run(path, service, "status")
    assert 78 == run(path, None, "sign", "ace")
    assert "REELKEEP_SIGNING_KEY" in capsys.readouterr().err
    os.environ["REELKEEP_SIGNING_KEY"] = "k" * 32
    assert 0 == run(path, None, "sign", "ace")
    assert "/webhooks/ace/rkcb_" in capsys.readouterr().out


def test_status__says_what_costs_videos(config: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """An alert is printed as it came, beside how the account is asked, and the exit code says that not all is well."""
    polling = {"open": 9, "due": 7, "late": 3, "lag": 1500, "requests_per_minute": 13.0}
    status = service.answers["/api/status"][1]
    status |= {"alerts": ["seedance2ai: 3 tasks were not asked about."], "sources": {"s2": {"polling": polling}}}
    for words in (["status"], ["status", "--json"]):
        assert 1 == run(config, service, *words)
        out = capsys.readouterr().out
        assert all(word in out for word in ("seedance2ai: 3 tasks", "1500", "13.0"))


@pytest.mark.parametrize(
    ("left", "ticked", "line"),
    [
        (None, None, "nothing waits   oldest due 0 s   no clock"),
        (-3, 4, "most urgent -3 s left   oldest due 0 s   clock 4 s ago"),
    ],
)
def test_status__how_urgent_it_is(
    config: Path, service: Service, capsys: pytest.CaptureFixture[str], left: int | None, ticked: int | None, line: str
) -> None:
    """One line says how long the most urgent asset can be had, how long one is due, and that the clock ticks."""
    urgency = {"earliest_deadline": left, "oldest_due": 0, "clock_tick_age": ticked}
    service.answers["/api/status"][1]["urgency"] = urgency
    assert 0 == run(config, service, "status")
    assert line in capsys.readouterr().out.splitlines()


def test_sign__of_a_provider_that_never_calls_back(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no callback to show: the answer says what to do instead, and exits with 1."""
    with config.open("a") as file:
        file.write('[sources.polled]\nprovider = "seedance2ai"\napi_key = "k"\n')
    assert 1 == run(config, None, "sign", "polled")
    assert ("", True) == ((told := capsys.readouterr()).out, "register its tasks" in told.err)


def test_token__from_the_environment_first(config: Path, service: Service) -> None:
    """REELKEEP_TOKEN and REELKEEP_URL serve where the settings are not those of the service."""
    os.environ.update(REELKEEP_TOKEN="other", REELKEEP_URL=service.url)
    assert 0 == run(config, None, "status")
    assert "Bearer other" == service.asked[0][3]
