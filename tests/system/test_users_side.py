"""The user's side, end to end against the simulated providers: order, pass through, import, and be told."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.javascript.runner import JavaScript
from tests.simulator.customers import PRODUCTS, form, inside
from tests.system.harness import API_KEY, TOKEN, wait_for
from tests.system.stage import QUICK, SECRET, SOURCES, Stage, staged

pytestmark = pytest.mark.system


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Stage]:
    """The web process alone: nothing that is told here comes further."""
    with staged(tmp_path, processes=("web",)) as on:
        yield on


# --- order, and be told ---------------------------------------------------------------------------------------------


def test_generate__to_a_notification_that_both_libraries_verify(
    stage: Stage, tmp_path: Path, javascript: JavaScript
) -> None:
    """
    One command orders a film; the provider calls back, it is archived, and the application is told where it stands.

    What it is told verifies in Python and in JavaScript, names our copy and never the provider's link.
    """
    order = ("generate", "kie", "--prompt", "a street", "--param", "duration=6", "--external-id", "film-1", "--json")
    done = stage.reelkeep(*order, folder=tmp_path)
    assert 0 == done.returncode, done.stderr
    [task] = json.loads(done.stdout)["tasks"]
    [made] = stage.provider.tasks()
    assert made["task_id"] == task["task_id"]
    [told] = stage.told("asset.archived")
    data = told["data"]
    assert ("kie", task["task_id"], "film-1") == (data["source"], data["task_id"], data["external_id"])
    assert ["accepted"] == [call["outcome"] for call in stage.provider.log("callback")]
    [film] = stage.provider.log("film")
    assert (film["sha256"], film["size"]) == (data["sha256"], data["size"])
    content = httpx.get(data["content"]["url"], trust_env=False).content
    assert film["sha256"] == hashlib.sha256(content).hexdigest()
    [heard] = stage.listener.heard
    assert stage.provider.files_host not in heard.body.decode()
    assert "asset.archived" == javascript.verify(heard.body, heard.headers, [SECRET])
    assert javascript.verify(heard.body.replace(b"film-1", b"film-2"), heard.headers, [SECRET]) is None


def test_generate__no_task_is_made_of_a_refusal(door: Stage) -> None:
    """An order that any of the five refuses is a problem that says why, and registers nothing."""
    for route in PRODUCTS:
        door.provider.plan(route, times=1, create_error={"code": "503"})
    for source in SOURCES:
        order = {"prompt": "a cat on a wall", "parameters": {}}
        refused = door.service.api.post(f"/api/generate/{source}", json=order)
        assert refused.status_code >= 400
        assert "application/problem+json" == refused.headers["Content-Type"].partition(";")[0]
    assert [] == door.service.api.get("/api/tasks").json()["items"]
    assert [] == door.provider.log("task")


# --- a client of the provider's that knows nothing of us --------------------------------------------------------------

PROXIED = ("seed", "v2", "seedance2", "kyy", "ace")


def customer(base_url: str, name: str, callback: str) -> tuple[str, Any, Any]:
    """A program of somebody's: order, then ask until it is done. Return the task's id, and both answers."""
    product = PRODUCTS[name]
    body = product.body | ({product.callback_field: callback} if product.callback_field else {})
    with httpx.Client(
        base_url=base_url, headers={"Authorization": f"Bearer {API_KEY}"}, trust_env=False, timeout=30
    ) as client:
        ordered = client.post(product.create, json=body).raise_for_status().json()
        task_id = str(inside(ordered, product.id_path))

        def ended() -> Any:
            if name == "ace":
                answer = client.post(product.status, json={"id": task_id, "action": "retrieve"})
            else:
                answer = client.get(product.status.format(task_id))
            said = answer.raise_for_status().json()
            return None if inside(said, product.word_path) in product.running else said

        return task_id, ordered, wait_for(f"{name} ends", ended)


def test_proxy__five_clients_with_another_base_url(stage: Stage) -> None:
    """
    Unmodified clients of five providers, only their base URL changed, hear what they heard before.

    Everything they make is archived, and their own callback URLs get the provider's bodies unchanged.
    """
    ours: dict[str, str] = {}
    mine = stage.listener.url.removesuffix("/heard")
    for name in PROXIED:
        source = PRODUCTS[name].source
        _, *direct = customer(stage.provider.api, name, f"{mine}/direct/{source}")
        ours[name], *proxied = customer(f"{stage.service.url}/proxy/{source}", name, f"{mine}/proxied/{source}")
        assert form(direct) == form(proxied)
    _look_now(stage.ledger)
    archived = stage.service.archived(len(PROXIED))
    assert sorted(ours.values()) == sorted(asset["task_id"] for asset in archived)
    calling = [name for name in PROXIED if PRODUCTS[name].callback_field]
    stage.listener.wait_for(len(calling), which=lambda heard: heard.path.startswith("/proxied/"))
    for name in calling:
        passed = [heard for heard in stage.listener.heard if heard.path == f"/proxied/{PRODUCTS[name].source}"]
        [sent] = stage.provider.log("callback", task_id=ours[name])
        assert [sent["sha256"]] == [hashlib.sha256(heard.body).hexdigest() for heard in passed]
    assert 2 * len(PROXIED) == len(stage.provider.log("task"))


def test_proxy__a_lost_answer_makes_no_second_task(door: Stage) -> None:
    """Of an order whose answer is lost the caller hears an error, and the provider heard one order."""
    door.provider.plan("v2", times=1, lose_answer="middle", **QUICK)
    answer = door.service.api.post("/proxy/seedanceapi/v2/generate", json=PRODUCTS["v2"].body)
    assert answer.status_code >= 500
    assert 1 == len(door.provider.log("task"))


def test_generate__cut_off_by_a_kill_is_not_forgotten(door: Stage, tmp_path: Path) -> None:
    """An order whose process is killed before the answer is told an hour later, though its provider never calls."""
    door.provider.plan("kyy", times=1, slow_answer=30, **QUICK)
    order = ("generate", "kyyaipower", "--prompt", "a cat", "--param", "model=seedance_1_5_pro_720p")
    with door.started(*order, "--external-id", "order-7", folder=tmp_path) as running:
        wait_for("the order is taken", lambda: door.provider.log("task"))
        door.service.kill("web")
        running.communicate(timeout=30)
    assert 0 != running.returncode
    door.service.start("web")
    _write(door.ledger, "UPDATE orders SET created_at = created_at - 3600000000")
    status = door.reelkeep("status", folder=tmp_path)
    assert (1, True) == (status.returncode, "ALERT  kyyaipower: of 1 order no task is known" in status.stdout)
    listed = door.reelkeep("orders", "list", folder=tmp_path).stdout
    assert "order-7" in listed
    assert "a cat" in listed
    [row] = json.loads(door.reelkeep("orders", "list", "--json", folder=tmp_path).stdout)["items"]
    assert 0 == door.reelkeep("orders", "dismiss", row["id"], folder=tmp_path).returncode
    assert 0 == door.reelkeep("status", folder=tmp_path).returncode


# --- a target that is away --------------------------------------------------------------------------------------------


def test_notify__a_target_that_is_down_for_a_day_loses_nothing(stage: Stage) -> None:
    """What happened while the application was away for a day is told when it is back, each asset once or more."""
    stage.listener.close()
    tasks = [stage.provider.create(stage.service.webhook, **QUICK) for _ in range(2)]
    stage.service.archived(2)
    ledger = stage.ledger
    wait_for("all are owed", lambda: _owed(ledger) == 2)
    for _ in range(8):
        before = _attempts(ledger)
        _pass_time(ledger, hours=3)
        wait_for("another send failed", partial(_is_tried_again, ledger, before))
    assert 2 == _owed(ledger), "nothing is given up within a day"
    stage.listener.open()
    _pass_time(ledger, hours=1)
    told = stage.told("asset.archived", 2)
    assert set(tasks) == {each["data"]["task_id"] for each in told}
    wait_for("nothing is owed", lambda: _owed(ledger) == 0)
    assert len({heard.headers["webhook-id"] for heard in stage.listener.heard}) == 2


def _pass_time(ledger: Path, *, hours: int) -> None:
    """Let everything that is owed be older by *hours*, and its next attempt nearer; targets rest as much less."""
    span = hours * 3_600_000_000
    _write(ledger, f"UPDATE notifications SET created_at = created_at - {span}, due_at = due_at - {span}")  # noqa: S608
    _write(ledger, f"UPDATE targets SET rests_until = rests_until - {span}")  # noqa: S608


def _look_now(ledger: Path) -> None:
    """Let it be time to ask after every open task."""
    _write(ledger, "UPDATE tasks SET look_at = created_at WHERE look_at IS NOT NULL")


def _write(ledger: Path, statement: str) -> None:
    conn = sqlite3.connect(ledger, timeout=10)
    with conn:
        conn.execute(statement)
    conn.close()


def _owed(ledger: Path) -> int:
    return _number(ledger, "SELECT count(*) FROM notifications WHERE state = 'pending'")


def _attempts(ledger: Path) -> int:
    return _number(ledger, "SELECT coalesce(sum(attempts), 0) FROM notifications")


def _is_tried_again(ledger: Path, before: int) -> bool:
    return _attempts(ledger) > before


def _number(ledger: Path, query: str) -> int:
    conn = sqlite3.connect(ledger, timeout=10)
    try:
        return int(conn.execute(query).fetchone()[0])
    finally:
        conn.close()


# --- who may ----------------------------------------------------------------------------------------------------------


def test_generate_and_proxy__need_a_token(door: Stage) -> None:
    """Without a token of ours nobody orders, and without one or the provider's key nobody passes."""
    with httpx.Client(base_url=door.service.url, trust_env=False) as stranger:
        assert 401 == stranger.post("/api/generate/kie", json={"prompt": "x"}).status_code
        assert 401 == stranger.post("/proxy/kie/api/v1/seedance/generate", json={"prompt": "x"}).status_code
        stranger.headers["Authorization"] = f"Bearer {TOKEN}"
        assert 404 == stranger.post("/proxy/kie/api/v1/secrets", json={}).status_code
    assert [] == door.provider.log("task")
