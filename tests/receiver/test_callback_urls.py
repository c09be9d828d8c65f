"""Callback URLs made for one task: how they are minted, what they open, and what the ledger makes of them."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from sqlalchemy import select
from starlette.applications import Starlette

from archive import callback_token
from archive.cli import main
from archive.errors import LedgerError
from archive.ledger import callback_urls as ledger
from archive.ledger.database import Database
from archive.ledger.schema import assets, callback_urls, tasks
from archive.providers import PROVIDERS, kie, without
from receiver.app import create_app
from receiver.connections import Limits
from receiver.serving import config
from tests.archive.test_callback_token import HOSTILE
from tests.doubles import START, FakeClock, SilentBell, wait_for
from tests.receiver.house import KEY, LINK, OPERATOR, SETTINGS, VIEWER, House, assert_problem, dumps, open_house

NEW, OLD = "new-signing-key-" + "n" * 32, "old-signing-key-" + "o" * 32
SERVER = {**SETTINGS["server"], "signing_keys": [NEW, OLD], "public_url": "https://hooks.example/"}
SOURCES = {
    "bare": {"provider": "kie"},
    "asked": {"provider": "kie", "api_key": "api-key"},
    "token": {"provider": "kie", "tokens": ["token-in-the-path"]},
    "signed": {"provider": "kie", "webhook_keys": [KEY]},
}
PROMPT = {"prompt": "a cat", "n": [1, None]}


@pytest.fixture
def house(small_db: Database, clock: FakeClock) -> Iterator[House]:
    with minting(small_db, clock) as house:
        yield house


@contextmanager
def minting(db: Database, clock: FakeClock, **sources: Any) -> Iterator[House]:
    with open_house(db, clock, server=SERVER, sources={**SOURCES, **sources}) as house:
        yield house


def made(house: House, source: str = "bare", **more: Any) -> tuple[str, str]:
    """Make a callback URL; return its id and its token."""
    answer = house.ask("POST", "/api/callback-urls", json={"source": source, **more})
    assert 200 == answer.status_code, answer.text
    return answer.json()["id"], urlsplit(answer.json()["url"]).path.rpartition("/")[2]


def shown(house: House, task_id: str) -> dict[str, Any]:
    [task] = house.get("/api/tasks", task_id=task_id)["items"]
    return dict(task)


# --- made -------------------------------------------------------------------------------------------------------------


def test_made__is_a_url_of_its_source(house: House) -> None:
    """The answer is an id, a URL below the public address, and its end; nothing of yours stands in the URL."""
    answer = house.ask("POST", "/api/callback-urls", json={"source": "bare", "external_id": "o-1", "metadata": PROMPT})
    document = answer.json()
    assert ["expires_at", "id", "url"] == sorted(document)
    token = callback_token.mint("bare", document["id"], START + timedelta(days=7), NEW)
    assert f"https://hooks.example/webhooks/bare/{token}" == document["url"]
    assert ("2026-11-28T12:00:00.000Z", "no-store") == (document["expires_at"], answer.headers["cache-control"])
    assert document["id"] != made(house)[0]


@pytest.mark.parametrize("seconds", [60, 3600, 366 * 86_400])
def test_made__for_as_long_as_it_is_wanted(house: House, seconds: int) -> None:
    """`expires_in` counts from now, in seconds."""
    answer = house.ask("POST", "/api/callback-urls", json={"source": "bare", "expires_in": seconds}).json()
    assert START + timedelta(seconds=seconds) == datetime.fromisoformat(answer["expires_at"])


@pytest.mark.parametrize(
    ("status", "reason", "body"),
    [
        (400, "not_json", b"{"), (422, "bad_callback_url", b"{}"), (422, "bad_callback_url", b"[]"),
        (422, "bad_callback_url", dumps({"source": "bare", "expires_in": 59})),
        (422, "bad_callback_url", dumps({"source": "bare", "expires_in": 366 * 86_400 + 1})),
        (422, "bad_callback_url", dumps({"source": "bare", "expires_in": "7d"})),
        (422, "bad_callback_url", dumps({"source": "bare", "metadata": "x"})),
        (422, "bad_callback_url", dumps({"source": "bare", "task_id": "t1"})),
        (422, "external_id_not_printable", dumps({"source": "bare", "external_id": "a\n"})),
        (422, "unknown_source", dumps({"source": "absent"})),
        (413, "body_too_large", dumps({"source": "bare", "metadata": {"p": "x" * 4096}})),
    ],
)  # fmt: skip
def test_made__not(house: House, status: int, reason: str, body: bytes) -> None:
    """What is wrong is named, and nothing is kept."""
    assert_problem(house.ask("POST", "/api/callback-urls", content=body), status, reason)
    assert 0 == house.count(callback_urls)


def test_made__not_without_signing_keys(small_db: Database, clock: FakeClock) -> None:
    """An installation without keys says which setting is missing."""
    with open_house(small_db, clock) as house:
        answer = house.ask("POST", "/api/callback-urls", json={"source": "token"})
        document = assert_problem(answer, 409, "no_signing_keys")
        assert "server.signing_keys" in document["detail"]
        assert "REELKEEP_SIGNING_KEY" in document["detail"]


def test_made__not_for_a_provider_that_never_calls_back(small_db: Database, clock: FakeClock) -> None:
    """Such a URL would never be called: the task has to be registered."""
    with minting(small_db, clock, silent={"provider": "seedance2ai", "api_key": "k"}) as house:
        assert_problem(house.ask("POST", "/api/callback-urls", json={"source": "silent"}), 422, "no_callbacks")


def test_made__by_operators_alone(house: House) -> None:
    """A viewer may not mint, nor may anybody without a token."""
    body = {"source": "bare"}
    assert_problem(house.ask("POST", "/api/callback-urls", VIEWER, json=body), 403, "operator_needed")
    assert_problem(house.ask("POST", "/api/callback-urls", None, json=body), 401, "token_missing")


# --- called -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
def test_called__opens_its_source(house: House, source: str) -> None:
    """A minted URL is accepted by any source, with no other secret or beside those it has."""
    key, token = made(house, source)
    answer = house.deliver(source, key=KEY if source == "signed" else None, token=token)
    assert (200, "accepted") == (answer.status_code, answer.json()["outcome"])
    assert "t1" == ledger.bound_task(house.db, key)


def test_called__beside_static_tokens(house: House) -> None:
    """A source with tokens of its own takes either."""
    assert 200 == house.deliver("token", key=None, token="token-in-the-path").status_code
    assert 200 == house.deliver("token", key=None, token=made(house, "token")[1], task_id="t2").status_code


@pytest.mark.parametrize(
    ("reason", "key", "its_own"),
    [("signature_missing", None, True), ("signature_mismatch", "guess", True), ("token_mismatch", KEY, False)],
)
def test_called__the_signature_is_demanded_as_well(house: House, reason: str, key: str | None, its_own: bool) -> None:
    """Where webhook keys are configured a minted URL does not replace them, nor do they mend a forged one."""
    _, token = made(house, "signed" if its_own else "bare")
    assert_problem(house.deliver("signed", key=key, token=token), 401, reason)
    assert (0, 0, 0) == house.rows


@pytest.mark.parametrize("source", SOURCES)
def test_called__too_late(house: House, source: str) -> None:
    """After its end a URL is refused, and says so."""
    _, token = made(house, source, expires_in=60)
    house.clock.advance(seconds=60)
    assert_problem(house.deliver(source, key=KEY, token=token), 401, "callback_url_expired")
    assert (0, 0, 0) == house.rows


@pytest.mark.parametrize("other", [name for name in SOURCES if name != "bare"])
def test_called__at_another_source(house: House, other: str) -> None:
    """A URL made for one source opens no other."""
    _, token = made(house)
    assert_problem(house.deliver(other, key=KEY, token=token), 401, "token_mismatch")


@pytest.mark.parametrize("source", ["bare", "asked", "token"])
@pytest.mark.parametrize("token", [t for t in HOSTILE.values() if t.isascii() and t.isprintable() and 0 < len(t) < 999])
def test_called__with_what_nobody_minted(house: House, source: str, token: str) -> None:
    """Cut, extended, re-encoded or made up: 401, and nothing is kept."""
    assert_problem(house.deliver(source, key=None, token=token), 401, "token_mismatch")
    assert (0, 0, 0) == house.rows


@pytest.mark.parametrize("token", ["%00", "rkcb_%00", "%F0%9F%8E%AC", "rkcb_%EF%BC%90", "%ff", "rkcb_" + "0" * 9000])
def test_called__with_what_cannot_be_a_token(house: House, token: str) -> None:
    """NUL, other scripts and endless ones are mismatches like any other."""
    assert_problem(house.deliver("bare", key=None, token=token), 401, "token_mismatch")


def test_called__without_a_token(house: House) -> None:
    """A source that lives by minted URLs alone takes nothing else."""
    assert_problem(house.deliver("bare", key=None), 401, "unsigned_not_allowed")


def test_called__after_a_rotation(small_db: Database, clock: FakeClock) -> None:
    """A new key in front leaves the old URLs good; the old key taken out ends them, and so does the last."""
    with open_house(small_db, clock, server={**SERVER, "signing_keys": [OLD]}, sources=SOURCES) as house:
        _, token = made(house)
    with minting(small_db, clock) as house:
        assert 200 == house.deliver("bare", key=None, token=token).status_code
        assert 200 == house.deliver("bare", key=None, token=made(house)[1], task_id="t2").status_code
    with open_house(small_db, clock, server={**SERVER, "signing_keys": [NEW]}, sources=SOURCES) as house:
        assert_problem(house.deliver("bare", key=None, token=token, task_id="t3"), 401, "token_mismatch")
    with open_house(small_db, clock, sources={"token": SOURCES["token"]}) as house:
        assert_problem(house.deliver("token", key=None, token=token), 401, "token_mismatch")


# --- in the ledger ----------------------------------------------------------------------------------------------------


def test_ledger__the_first_task_inherits_and_is_vouched_for(db: Database, clock: FakeClock) -> None:
    """External id and metadata come to the first task with its delivery; a later one gets the metadata and no more."""
    with minting(db, clock) as house:
        key, token = made(house, external_id="order-1", metadata=PROMPT)
        for task_id in ("t1", "t2", "t1"):
            house.clock.advance(seconds=1)
            house.deliver("bare", key=None, token=token, task_id=task_id, link=f"https://storage.kie.ai/{task_id}.mp4")
        first, second = shown(house, "t1"), shown(house, "t2")
        assert ("order-1", PROMPT, True) == tuple(first[name] for name in ("external_id", "metadata", "vouched"))
        assert (None, PROMPT, False) == tuple(second[name] for name in ("external_id", "metadata", "vouched"))
        assert "t1" == ledger.bound_task(db, key)
        [asset] = house.get("/api/assets", external_id="order-1")["items"]
        assert ("t1", PROMPT) == (asset["task_id"], asset["metadata"])


def test_ledger__several_in_one_commit(db: Database, clock: FakeClock) -> None:
    """Of deliveries that share a commit, the one that came first counts, whatever its task's place in the order."""
    with minting(db, clock) as house:
        tokens = [made(house, external_id=f"o{n}")[1] for n in range(3)]
        threads = []
        with house.db.write():  # all wait for this one, then go together
            for n, token in enumerate(tokens):
                for task_id in (f"z{n}", f"a{n}"):
                    call = {"key": None, "token": token, "task_id": task_id}
                    threads.append(threading.Thread(target=house.deliver, args=("bare",), kwargs=call))
                    threads[-1].start()
                    time.sleep(0.02)
        for thread in threads:
            thread.join()
        wait_for(lambda: 6 == house.count(tasks))
        assert ["z0", "z1", "z2"] == [ledger.bound_task(db, callback_token_reference(token)) for token in tokens]


def callback_token_reference(token: str) -> str:
    return callback_token.read(token, "bare", [NEW], now=START)


def test_ledger__what_the_user_registered_stays(db: Database, clock: FakeClock) -> None:
    """A URL fills what the user left open and overwrites nothing he said."""
    with minting(db, clock) as house:
        _, token = made(house, external_id="from-url", metadata={"from": "url"})
        house.ask("POST", "/api/tasks", json={"source": "bare", "task_id": "t1", "external_id": "mine"})
        house.deliver("bare", key=None, token=token)
        assert ("mine", {"from": "url"}) == tuple(shown(house, "t1")[n] for n in ("external_id", "metadata"))
        _, other = made(house, external_id="o2", metadata={"from": "url 2"})
        house.ask("POST", "/api/tasks", json={"source": "bare", "task_id": "t2", "metadata": {"mine": 1}})
        house.deliver("bare", key=None, token=other, task_id="t2")
        assert ("o2", {"mine": 1}) == tuple(shown(house, "t2")[n] for n in ("external_id", "metadata"))


def test_ledger__a_registration_binds_at_once(db: Database, clock: FakeClock) -> None:
    """With `callback_id` a task inherits before anything is delivered, and another that comes first stays unvouched."""
    with minting(db, clock) as house:
        key, token = made(house, external_id="order-1", metadata=PROMPT)
        body = {"source": "bare", "task_id": "t1", "callback_id": key}
        answer = house.ask("POST", "/api/tasks", json=body).json()
        assert ("order-1", PROMPT, True) == tuple(answer[n] for n in ("external_id", "metadata", "vouched"))
        house.deliver("bare", key=None, token=token, task_id="stranger")
        assert ("t1", False) == (ledger.bound_task(db, key), shown(house, "stranger")["vouched"])
        again = house.ask("POST", "/api/tasks", json={**body, "metadata": {"b": 2}}).json()
        assert ("order-1", {"b": 2}) == (again["external_id"], again["metadata"])


def test_ledger__the_users_word_about_a_url_counts_more_than_its_first_caller(db: Database, clock: FakeClock) -> None:
    """A URL that a stranger was first to use belongs to the task the user names."""
    with minting(db, clock) as house:
        key, token = made(house, external_id="order-1")
        house.deliver("bare", key=None, token=token, task_id="stranger")
        house.ask("POST", "/api/tasks", json={"source": "bare", "task_id": "t1", "callback_id": key})
        assert ("t1", "order-1") == (ledger.bound_task(db, key), shown(house, "t1")["external_id"])


@pytest.mark.parametrize("key", ["0" * 32, "x", "", "\x00", "another source's"])
def test_ledger__a_callback_id_that_is_not_there(house: House, key: str) -> None:
    """A reference nobody made, or made for another source, binds nothing: 422."""
    callback_id = made(house, "token")[0] if key.startswith("another") else key
    body = {"source": "bare", "task_id": "t1", "callback_id": callback_id}
    assert_problem(house.ask("POST", "/api/tasks", json=body), 422, "callback_unknown")
    assert (0, 0, 0) == house.rows


def test_ledger__a_reference_from_before_a_restored_backup(house: House) -> None:
    """A URL whose row is gone still authenticates, as it says; it vouches for nothing."""
    token = callback_token.mint("bare", "ab" * 16, START + timedelta(days=1), NEW)
    assert 200 == house.deliver("bare", key=None, token=token).status_code
    assert shown(house, "t1")["vouched"] is False


def test_vouched__by_whom(db: Database, clock: FakeClock) -> None:
    """A registration and a signature vouch for a task; a token of the source and a repeat of it do not."""
    with minting(db, clock) as house:
        house.deliver("token", key=None, token="token-in-the-path", task_id="by-token")
        house.deliver("signed", key=KEY, task_id="by-signature")
        house.ask("POST", "/api/tasks", json={"source": "bare", "task_id": "by-user"})
        vouched = {task["task_id"]: task["vouched"] for task in house.get("/api/tasks")["items"]}
        assert {"by-token": False, "by-signature": True, "by-user": True} == vouched
        house.ask("POST", "/api/tasks", json={"source": "token", "task_id": "by-token"})
        assert shown(house, "by-token")["vouched"] is True


# --- a callback that names no task ------------------------------------------------------------------------------------

RUNNING = {"success": True, "task_id": "t1", "data": {"task_id": "cgt-1", "status": "processing"}}
NAMELESS = {"success": False, "trace_id": "x", "error": {"code": "api_error", "message": "reason"}}


@pytest.fixture
def nameless(db: Database, clock: FakeClock) -> Iterator[House]:
    """AceData, whose guide shows a failure in which nothing says whose it is."""
    with minting(db, clock, ace={"provider": "acedata", "api_key": "k"}) as house:
        yield house


def test_nameless__is_the_task_the_url_is_bound_to(nameless: House) -> None:
    """A failure that names no task is about the one the URL was made for, and asks about it at once."""
    key, token = made(nameless, "ace")
    nameless.deliver("ace", dumps(RUNNING), key=None, token=token)
    nameless.clock.advance(seconds=5)
    answer = nameless.deliver("ace", dumps(NAMELESS), key=None, token=token).json()
    assert ("accepted", None) == (answer["outcome"], answer["reason"])
    [first, _] = nameless.get("/api/deliveries", task_id="t1")["items"]
    assert (answer["delivery_id"], {"reelkeep-callback-id": key}) == (
        first["id"], {n: v for n, v in first["headers"].items() if n.startswith("reelkeep")},
    )  # fmt: skip
    with nameless.db.read() as conn:
        assert nameless.clock.now == conn.execute(select(tasks.c.look_at)).scalar_one()


def test_nameless__the_same_words_by_two_urls_are_no_repeat(nameless: House) -> None:
    """Two tasks that fail with the same bytes are two deliveries; the same by the same URL is a duplicate."""
    for n in ("1", "2"):
        key, token = made(nameless, "ace")
        nameless.ask("POST", "/api/tasks", json={"source": "ace", "task_id": f"t{n}", "callback_id": key})
        said = [nameless.deliver("ace", dumps(NAMELESS), key=None, token=token).json()["outcome"] for _ in range(2)]
        assert ["accepted", "duplicate"] == said
    assert ["t1", "t2"] == sorted(d["task_id"] for d in nameless.get("/api/deliveries")["items"])


def test_nameless__before_its_url_is_bound(nameless: House) -> None:
    """Kept and quarantined; read again after the task was registered it is understood: the reference stayed."""
    key, token = made(nameless, "ace")
    answer = nameless.deliver("ace", dumps(NAMELESS), key=None, token=token).json()
    assert ("quarantined", "task_id_missing") == (answer["outcome"], answer["reason"])
    path = f"/api/deliveries/{answer['delivery_id']}/replay"
    assert "quarantined" == nameless.ask("POST", path).json()["outcome"]
    nameless.ask("POST", "/api/tasks", json={"source": "ace", "task_id": "t1", "callback_id": key})
    assert "accepted" == nameless.ask("POST", path).json()["outcome"]
    assert "t1" == nameless.get(f"/api/deliveries/{answer['delivery_id']}")["task_id"]


def test_nameless__by_a_token_of_the_source(nameless: House) -> None:
    """Only a URL of one task can tell; what a sender writes into a header of ours cannot."""
    key, token = made(nameless, "ace")
    nameless.deliver("ace", dumps({"task_id": "t1"}), key=None, token=token)
    with minting(nameless.db, nameless.clock, ace={"provider": "acedata", "tokens": ["t" * 16]}) as house:
        headers = {"reelkeep-callback-id": key}
        answer = house.deliver("ace", dumps(NAMELESS), key=None, token="t" * 16, headers=headers).json()
        assert "task_id_missing" == answer["reason"]
        kept = house.get(f"/api/deliveries/{answer['delivery_id']}")["headers"]
        assert {"content-type", "user-agent"} == set(kept)


def test_nameless__while_the_ledger_is_away(nameless: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose it is cannot be asked now: the sender is asked to come again, and nothing was kept."""
    _, token = made(nameless, "ace")
    before = nameless.count()

    def away(_db: Database, _callback: str) -> str | None:
        raise LedgerError("ledger_unavailable")

    monkeypatch.setattr(ledger, "bound_task", away)
    with minting(nameless.db, nameless.clock, ace={"provider": "acedata", "api_key": "k"}) as house:
        answer = house.deliver("ace", dumps(NAMELESS), key=None, token=token)
        assert_problem(answer, 503, "ledger_unavailable")
        assert "2" == answer.headers["retry-after"]
        assert before == house.count()
        # Nobody asks where the body says whose it is.
        assert 200 == house.deliver("ace", dumps(RUNNING), key=None, token=token).status_code


# --- replay, and the command line -------------------------------------------------------------------------------------


def test_replay__binds_what_was_not_understood_at_first(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery that is understood only after an adapter was mended still inherits from the URL it came by."""
    key, token = made(house, external_id="order-1")
    with monkeypatch.context() as patched:
        patched.setitem(PROVIDERS, "kie", SimpleNamespace(**{**vars(kie), "normalise": without.normalise}))
        answer = house.deliver("bare", key=None, token=token).json()
    assert "quarantined" == answer["outcome"]
    house.ask("POST", f"/api/deliveries/{answer['delivery_id']}/replay")
    assert ("t1", "order-1") == (ledger.bound_task(house.db, key), shown(house, "t1")["external_id"])


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """The application behind a real socket."""
    server = uvicorn.Server(config(app, Limits(), port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_cli__makes_a_url_and_registers_its_task(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`callback-url` prints the URL alone, `--json` all of it; `tasks add --callback-id` binds the task to it."""
    config = tmp_path / "reelkeep.toml"
    config.write_text("")
    monkeypatch.setenv("REELKEEP_CONFIG", str(config))
    monkeypatch.setenv("REELKEEP_TOKEN", OPERATOR)
    app = create_app(house.settings, house.db, SilentBell(), clock=house.clock)
    with serving(app) as url:
        monkeypatch.setenv("REELKEEP_URL", url)
        words = ["callback-url", "bare", "--external-id", "order-1", "--meta", "prompt=a=cat"]
        assert 0 == main([*words, "--expires", "12h"])
        said = capsys.readouterr()
        token = said.out.removeprefix("https://hooks.example/webhooks/bare/").rstrip("\n")
        assert "good until 2026-11-22T00:00:00.000Z" in said.err
        assert 200 == house.deliver("bare", key=None, token=token).status_code
        assert ("order-1", {"prompt": "a=cat"}) == tuple(shown(house, "t1")[n] for n in ("external_id", "metadata"))
        assert 0 == main([*words, "--json"])
        key = json.loads(capsys.readouterr().out)["id"]
        assert 0 == main(["tasks", "add", "bare", "t2", "--callback-id", key])
        assert "external_id=order-1" in capsys.readouterr().out
        assert 1 == main(["tasks", "add", "bare", "t3", "--callback-id", "0" * 32])
        assert "(callback_unknown)" in capsys.readouterr().err


def test_echo__of_a_minted_url_is_not_shown(house: House) -> None:
    """What a provider repeats of its request shows neither minted nor static tokens, of whichever source."""
    _, token = made(house)
    echo = f"https://hooks.example/webhooks/bare/{token}"
    param = json.dumps({"input": json.dumps({"cb": echo, "other": "token-in-the-path", "key": NEW})})
    body = dumps({"taskId": "t1", "status": 1, "videoUrl": LINK, "param": param.replace("/", "\\/")})
    key = house.deliver("bare", body, key=None, token=token).json()["delivery_id"]
    text = house.get(f"/api/deliveries/{key}")["body"]
    assert isinstance(json.loads(text), dict)
    assert not [secret for secret in (token, token[-20:], "token-in-the-path", NEW) if secret in text]
    with house.db.read() as conn:
        assert LINK == conn.execute(select(assets.c.link)).scalar_one()


def test_repr__of_what_is_received_holds_no_token(house: House) -> None:
    """Neither a delivery nor what the ledger keeps of it carries the token."""
    _, token = made(house)
    house.deliver("bare", key=None, token=token)
    [item] = house.get("/api/deliveries")["items"]
    assert token not in json.dumps(item)
    with house.db.read() as conn:
        kept = [str(row) for table in (tasks, callback_urls) for row in conn.execute(select(table))]
    assert token[45:] not in " ".join(kept)
