"""
What is prepared for an example of the documentation, and what must come of it. See `tests.system.test_doc_examples`.

Each scene gets an example, an empty folder, the environment of a user, the stage, an application, and JavaScript where
the example is that.
"""

import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.doc_examples import Example
from tests.javascript.runner import JavaScript
from tests.listener import Listener
from tests.system.harness import free_port, wait_for
from tests.system.later import ended
from tests.system.stage import SECRET, Stage

BODY = '{"type":"asset.archived","timestamp":"2026-11-21T12:00:00Z","data":{"id":"ä"}}'


def signed(body: str = BODY) -> dict[str, str]:
    """The headers of a notification of now."""
    now = datetime.fromtimestamp(int(time.time()), UTC)
    signature = Webhook(SECRET).sign("msg_1", now, body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


# --- to verify what one is told ---------------------------------------------------------------------------------------


def python_function(example: Example, folder: Path, env: dict[str, str], **_: object) -> None:
    """The function gives what was told, and None for an altered body and for a header of no form."""
    example.written(folder)
    for body, headers, expected in cases():
        call = f"example.verified(sys.stdin.buffer.read(), {headers!r})"
        program = f"import json, sys, example; print(json.dumps({call}))"
        command = (sys.executable, "-c", program)
        done = subprocess.run(command, cwd=folder, env=env, input=body.encode(), capture_output=True, check=True)
        assert expected == json.loads(done.stdout), done.stderr


def js_function(example: Example, folder: Path, env: dict[str, str], javascript: JavaScript, **_: object) -> None:
    """The function gives what was told, and null for an altered body and for a header of no form."""
    example.written(folder, javascript)
    for body, headers, expected in cases():
        program = f"""import {{ verified }} from "./example.mjs";
        console.log(JSON.stringify(verified({json.dumps(body)}, {json.dumps(headers)})));"""
        assert expected == json.loads(javascript.run(program, env=env, name="caller.mjs"))


def js_server(example: Example, folder: Path, env: dict[str, str], javascript: JavaScript, **_: object) -> None:
    """The server answers 204 to what is ours and 401 to anything else."""
    port = free_port()
    command = example.written(folder, javascript)
    with subprocess.Popen(command, cwd=javascript.folder, env={**env, "PORT": str(port)}, stdout=subprocess.PIPE) as it:
        try:
            url = f"http://127.0.0.1:{port}/"
            wait_for("the server listens", lambda: _is_there(url))
            for body, headers, expected in cases():
                answer = httpx.post(url, content=body.encode(), headers=headers, trust_env=False)
                assert (204 if expected else 401) == answer.status_code
        finally:
            it.terminate()


def openssl(example: Example, folder: Path, env: dict[str, str], **_: object) -> None:
    """By hand one says verified of what is ours, and fails for anything else, also where it is old."""
    for body, headers, expected in cases():
        (folder / "body.json").write_text(body)
        names = {"ID": "webhook-id", "TIMESTAMP": "webhook-timestamp", "SIGNATURE": "webhook-signature"}
        told = {name: headers[header] for name, header in names.items()}
        command = example.written(folder)
        done = subprocess.run(command, cwd=folder, env=env | told, capture_output=True, text=True, check=False)
        assert ("verified\n" if expected else None) == (done.stdout if done.returncode == 0 else None), done.stderr


def curl(example: Example, folder: Path, env: dict[str, str], listener: Listener, **_: object) -> None:
    """What is signed by hand is verified by the library, and the status is printed."""
    assert "204\n" == example.run(folder, env | {"APPLICATION_URL": listener.url})
    [heard] = listener.heard
    assert "notify.test" == Webhook(SECRET).verify(heard.body, heard.headers)["type"]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(heard.body + b" ", heard.headers)


def ends_well(example: Example, folder: Path, env: dict[str, str], javascript: JavaScript, **_: object) -> None:
    """It ends well."""
    example.run(folder, env, javascript)


def cases() -> list[tuple[str, dict[str, str], object]]:
    """Body, headers, and what must come of it."""
    headers = signed()
    old = Webhook(SECRET).sign("msg_1", datetime.fromtimestamp(1_700_000_000, UTC), BODY)
    return [
        (BODY, headers, json.loads(BODY)),
        (BODY, headers | {"webhook-signature": f"v1,AAAA {headers['webhook-signature']}"}, json.loads(BODY)),
        (BODY.replace("archived", "lost"), headers, None),
        (BODY, headers | {"webhook-id": "msg_2"}, None),
        (BODY, headers | {"webhook-signature": "hello"}, None),
        (BODY, headers | {"webhook-timestamp": "1700000000", "webhook-signature": old}, None),
    ]


def _is_there(url: str) -> bool:
    try:
        return httpx.post(url, trust_env=False).status_code == 401
    except httpx.TransportError:
        return False


# --- to order, pass through, import, and be told ----------------------------------------------------------------------


def generate_cli(example: Example, folder: Path, env: dict[str, str], stage: Stage, **_: object) -> None:
    """The film is ordered and archived when the command ends, and it says where."""
    said = example.run(folder, env)
    order = stage.provider.tasks()[-1]
    [film] = stage.provider.log("film", task_id=order["task_id"])
    [line] = [line for line in said.splitlines() if order["task_id"] in line]
    assert {"archived", film["sha256"]} <= set(line.split())


def generate_curl(example: Example, folder: Path, env: dict[str, str], stage: Stage, **_: object) -> None:
    """The answer names the task that the provider made."""
    [task] = json.loads(example.run(folder, env))["tasks"]
    assert (stage.provider.tasks()[-1]["task_id"], "order-7") == (task["task_id"], task["external_id"])


def proxied(example: Example, folder: Path, env: dict[str, str], stage: Stage, **_: object) -> None:
    """The provider's own answer comes back, and what was ordered is archived."""
    said = example.run(folder, env)
    task_id = stage.provider.tasks()[-1]["task_id"]
    assert task_id in said
    assert is_archived(stage, task_id)


def imported(example: Example, folder: Path, env: dict[str, str], stage: Stage, **_: object) -> None:
    """Ids that the provider does not know are named as gone, and stand in the report."""
    with subprocess.Popen(
        example.written(folder), cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        out, err = ended(running, stage.ledger, 90)
    assert (1, "2 new, 0 known: 2 open") == (running.returncode, out.splitlines()[0]), err
    assert 2 == len(re.findall(r"^gone +kie +\S+ +order-[78] +task_not_found$", out, re.MULTILINE))
    assert 3 == len((folder / "report.csv").read_text().splitlines())


def settings(example: Example, folder: Path, env: dict[str, str], **_: object) -> None:
    """The service reads it, and only with the secret in its environment."""
    (folder / "reelkeep.toml").write_text(f'[sources.kie]\nprovider = "kie"\nwebhook_keys = ["k"]\n{example.code}')
    service = env | {"REELKEEP_CONFIG": str(folder / "reelkeep.toml"), "DATABASE_URL": f"sqlite:///{folder}/l.db"}
    for secret, code in (({"APP_SECRET": SECRET}, 0), ({}, 78)):
        command = (sys.executable, "-m", "archive.cli", "migrate")
        done = subprocess.run(command, cwd=folder, env=service | secret, capture_output=True, text=True, check=False)
        assert code == done.returncode, done.stderr


def notify_test(example: Example, folder: Path, env: dict[str, str], stage: Stage, **_: object) -> None:
    """The application hears it, and the command says so."""
    assert re.fullmatch(r"app: delivered in [0-9.]+ s\n", example.run(folder, env))
    assert stage.told("notify.test")


def doctor(example: Example, folder: Path, env: dict[str, str], stage: Stage, **_: object) -> None:
    """Here, where the address is no public one, that alone is an error: the round trip itself is proved."""
    command = example.written(folder)
    its = stage.service.env | env
    done = subprocess.run(command, cwd=folder, env=its, capture_output=True, text=True, check=False, timeout=60)
    states = {step: state for state, step in re.findall(r"^(ok|!!|!|--) +(.+?)  ", done.stdout, re.MULTILINE)}
    proved = dict.fromkeys(("callback", "large body", "chunked", "forgery"), "ok")
    assert (proved | {"address": "!!"}).items() <= states.items(), done.stdout
    assert 1 == done.returncode


# --- the Python client ------------------------------------------------------------------------------------------------


def client_files(example: Example, folder: Path, env: dict[str, str], stage: Stage, **_: object) -> None:
    """The film of the task that is named stands in the program's folder, byte for byte."""
    task_id = stage.provider.create(stage.service.webhook, size=60_000, ready_after=0.2)
    example.run(folder, env, arguments=(task_id,))
    [film] = stage.provider.log("film", task_id=task_id)
    assert film["sha256"] == hashlib.sha256((folder / "order-7-video.mp4").read_bytes()).hexdigest()


def client_loop(example: Example, folder: Path, env: dict[str, str], stage: Stage, **_: object) -> None:
    """Each archived file has its line."""
    asset = is_archived(stage, stage.provider.create(stage.service.webhook, size=60_000, ready_after=0.2))
    lines = example.run(folder, env).splitlines()
    assert f"None videos {asset['key']} {asset['sha256']}" in lines
    assert not [line for line in lines if not re.fullmatch(r"\S+ videos assets/\S+ [0-9a-f]{64}", line)]


def client_order(example: Example, folder: Path, env: dict[str, str], stage: Stage, **_: object) -> None:
    """An order's tasks and cost are printed; a refused one says why."""
    said = example.run(folder, env)
    assert re.fullmatch(rf"\['{stage.provider.tasks()[-1]['task_id']}'\] (None|[0-9.]+)\n", said)
    stage.provider.plan("seed", times=1, create_error={"code": "1003"})
    assert "402 insufficient_credits" == " ".join(example.run(folder, env).split()[:2])


def client_notification(example: Example, folder: Path, env: dict[str, str], **_: object) -> None:
    """A notification is taken once, known when it comes again, and refused when it is forged."""
    example.written(folder)
    for body, headers, expected in cases():
        program = (
            f"import example; seen = set(); body = {body.encode()!r}; headers = {headers!r}\n"
            "print([example.receive(body, headers, seen) for _ in range(2)])"
        )
        command = (sys.executable, "-c", program)
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
        wanted = "asset.archived ä\nagain ä\n[204, 204]\n" if expected else "[401, 401]\n"
        assert wanted == done.stdout


def is_archived(stage: Stage, task_id: str) -> dict[str, Any]:
    """Wait until the file of a task is archived; its asset."""

    def found() -> dict[str, Any] | None:
        return next((each for each in stage.service.assets(state="archived") if each["task_id"] == task_id), None)

    asset: dict[str, Any] = wait_for(f"{task_id} is archived", found)
    return asset


SCENES: dict[tuple[str, str, str], Callable[..., None]] = {
    ("verify-notifications.md", "python", "function"): python_function,
    ("verify-notifications.md", "js", "function"): js_function,
    ("verify-notifications.md", "js", "server"): js_server,
    ("verify-notifications.md", "sh", "openssl"): openssl,
    ("verify-notifications.md", "sh", "curl"): curl,
    ("generate.md", "sh", "cli"): generate_cli,
    ("generate.md", "sh", "curl"): generate_curl,
    ("proxy.md", "python", "client"): proxied,
    ("proxy.md", "sh", "curl"): proxied,
    ("import.md", "sh", "import"): imported,
    ("client.md", "python", "files"): client_files,
    ("client.md", "python", "loop"): client_loop,
    ("client.md", "python", "order"): client_order,
    ("client.md", "python", "notification"): client_notification,
    ("notifications.md", "toml", "settings"): settings,
    ("notifications.md", "sh", "test"): notify_test,
    ("operations.md", "sh", "doctor"): doctor,
}
