"""`reelkeep up` as a newcomer runs it, and the command line beside it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.system.harness import Provider, free_port, wait_for

_SETTINGS = """\
[server]
operator_tokens = ["t"]
{more}
[sources.kie]
provider = "kie"
webhook_keys = ["kie-hmac-key"]
api_key = "kie-api-key"
api_base = "{provider.api}"
allowed_hosts = ["{provider.files_host}"]
insecure_http = true
"""
_CLEAN = {
    k: v for k, v in os.environ.items() if not k.startswith(("REELKEEP", "S3_", "AWS_", "REDIS", "DATABASE", "KIE"))
}


def reelkeep(*arguments: str, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "-m", "archive.cli", *arguments)
    return subprocess.run(
        command, cwd=folder, env={**_CLEAN, **env}, capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def up(folder: Path, *arguments: str, **env: str) -> "Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]":
    """`reelkeep up --json` in *folder*; what it said when it was ready."""
    command = (sys.executable, "-m", "archive.cli", "up", "--json", "--port", "0", *arguments)
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env={**_CLEAN, **env}, stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "up.log").read_text()
        yield process, json.loads(line)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


def _children(pid: int) -> list[int]:
    """The live children of a process (Linux)."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def test_up__sign_and_curl_by_hand(tmp_path: Path) -> None:
    """On an empty folder: a signed sample is accepted, the same again a duplicate, a changed timestamp a 401."""
    with up(tmp_path) as (process, said):
        signed = reelkeep("sign", "kie", "--url", said["url"], folder=tmp_path)
        assert 0 == signed.returncode
        run = ("sh", "-c")
        answers = [
            json.loads(subprocess.run((*run, command), capture_output=True, text=True, timeout=20, check=True).stdout)
            for command in (
                signed.stdout,
                signed.stdout,
                signed.stdout.replace("X-Webhook-Timestamp: 1", "X-Webhook-Timestamp: 2"),
            )
        ]
        assert [("accepted", 200), ("duplicate", 200)] == [(a["outcome"], a["code"]) for a in answers[:2]]
        assert (401, "signature_mismatch") == (answers[2]["status"], answers[2]["reason"])
        listed = reelkeep("assets", "list", "--url", said["url"], "--json", folder=tmp_path)
        assert ["waiting"] == [asset["state"] for asset in json.loads(listed.stdout)["items"]]
        shown = reelkeep("status", "--url", said["url"], folder=tmp_path)
        assert "kie" in shown.stdout
        added = reelkeep("tasks", "add", "kie", "silent", "--url", said["url"], folder=tmp_path)
        assert "state=open" in added.stdout
        assert "no api_key, so only a callback can finish this task" in added.stderr
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(60)


def test_up__has_a_signing_key_of_its_own(tmp_path: Path) -> None:
    """On the first run and in a folder from before there were keys callback URLs can be made, by a key that stays."""
    data, secret = tmp_path / "data", tmp_path / "data" / "secrets" / "signing.key"
    with up(tmp_path) as (_, said):
        made = reelkeep("callback-url", "kie", "--url", said["url"], folder=tmp_path)
        assert 0 == made.returncode, made.stderr
    assert 0o600 == secret.stat().st_mode & 0o777
    key = secret.read_text()
    settings = data / "reelkeep.toml"
    settings.write_text(settings.read_text().replace("signing_keys", "# signing_keys"))
    for expected in (key, None):
        with up(tmp_path) as (_, said):
            token = made.stdout.strip().rpartition("/")[2]
            answer = httpx.post(f"{said['url']}/webhooks/kie/{token}", json={}, trust_env=False)
            assert ("signature_missing" if expected else "token_mismatch") == answer.json()["reason"]
            assert 0 == reelkeep("callback-url", "kie", "--url", said["url"], folder=tmp_path).returncode
        secret.unlink()


def test_up__archived_files_survive_a_restart(tmp_path: Path, provider: Provider) -> None:
    """What was archived before Ctrl-C is served with the same bytes after the next start, on other ports."""
    (tmp_path / "reelkeep.toml").write_text(_SETTINGS.format(provider=provider, more=""))
    with up(tmp_path) as (_, said):
        task = provider.create(f"{said['url']}/webhooks/kie", layout="fragmented")
        asset = wait_for("archived", lambda: _archived(said))[0]
    [film] = provider.log("film", task_id=task)
    with up(tmp_path) as (_, said):
        content = httpx.get(
            f"{said['url']}/api/assets/{asset['id']}/content",
            headers={"Authorization": "Bearer t"},
            follow_redirects=True,
            trust_env=False,
        )
        assert film["size"] == len(content.content)
        poster = wait_for("the poster", lambda: _archived(said)[0]["poster_key"])
        assert (tmp_path / "data" / "s3" / "videos-companion" / poster).read_bytes().startswith(b"\xff\xd8")


def _archived(said: dict[str, Any]) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {said['token']}"}
    answer = httpx.get(f"{said['url']}/api/assets?state=archived", headers=headers, trust_env=False)
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_up__restarts_what_dies_and_frees_its_claims(tmp_path: Path, provider: Provider) -> None:
    """A worker that is killed is started again, and its download with it, without waiting for the lease."""
    (tmp_path / "reelkeep.toml").write_text(_SETTINGS.format(provider=provider, more="[workers]\nlease = 300"))
    with up(tmp_path) as (process, said):
        task = provider.create(f"{said['url']}/webhooks/kie", rate=300_000)
        wait_for("the download runs", lambda: provider.log("get_started", task_id=task))
        [worker] = [pid for pid in _children(process.pid) if _command(pid).strip().endswith("-m workers")]
        os.kill(worker, signal.SIGKILL)
        wait_for("archived", lambda: _archived(said))
        assert 2 == len(provider.log("get_started", task_id=task))


def test_up__leaves_nothing_behind_when_it_is_killed(tmp_path: Path) -> None:
    """SIGKILL of the supervisor ends its children too, so that the next start finds a free folder."""
    with up(tmp_path) as (process, _):
        children = _children(process.pid)
        assert len(children) >= 5
        process.kill()
        process.wait(10)
        wait_for("all children are gone", lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
    with up(tmp_path):
        pass


def test_up__says_what_is_wrong_with_the_settings(tmp_path: Path) -> None:
    """Every mistake is named at once, with exit code 78, and no secret is printed."""
    (tmp_path / "reelkeep.toml").write_text(
        '[server]\nport = 99999\n[store]\nbukket = "x"\n'
        '[sources.kie]\nprovider = "key"\nwebhook_keys = ["env:NOT_SET"]\napi_key = "SECRET-CANARY"\n'
    )
    done = reelkeep("up", folder=tmp_path)
    assert 78 == done.returncode
    for where in ("server.port", "store.bukket", "sources.kie"):
        assert where in done.stderr
    assert "SECRET-CANARY" not in done.stderr


def test_up__one_at_a_time(tmp_path: Path) -> None:
    """A second `up` on the same folder says so and ends."""
    with up(tmp_path):
        done = reelkeep("up", "--port", str(free_port()), folder=tmp_path)
        assert 1 == done.returncode
        assert "in use" in done.stderr
