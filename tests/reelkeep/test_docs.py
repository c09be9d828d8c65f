"""The examples of docs/client.md, run as they stand there."""

import hashlib
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from standardwebhooks.webhooks import Webhook

from archive.ledger.schema import tasks
from tests.doubles import wait_for
from tests.origin import Origin, answer
from tests.reelkeep.house import FILM, OPERATOR, Service

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
EXAMPLES: list[str] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
FILES, LOOP, ORDER, NOTIFICATION = EXAMPLES


def started(example: str, url: str, folder: Path) -> "subprocess.Popen[str]":
    """The example as a program of its own; nobody has told it more than the page does."""
    env = os.environ | {"REELKEEP_URL": url, "REELKEEP_TOKEN": OPERATOR}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", example], cwd=folder, env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def ended(program: "subprocess.Popen[str]") -> str:
    with program:
        said, _ = program.communicate(timeout=60)
    assert 0 == program.returncode, said
    return said


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples__are_short(example: str) -> None:
    """Each shows its point in ten lines."""
    assert len([line for line in example.splitlines() if line.strip()]) <= 10


def test_examples__files(service: Service, tmp_path: Path) -> None:
    """A task is registered, its callback comes, its film stands in the program's folder and in the list."""
    program = started(FILES, service.url, tmp_path)

    def is_registered() -> bool:
        with service.db.read() as conn:
            return bool(conn.scalar(select(func.count()).select_from(tasks)))

    wait_for(is_registered)
    service.call_back("task-7")
    service.archive()
    ended(program)
    assert FILM == (tmp_path / "order-7-video.mp4").read_bytes()
    said = ended(started(LOOP, service.url, tmp_path))
    assert re.fullmatch(rf"order-7 videos assets/kie/\w+\.mp4 {hashlib.sha256(FILM).hexdigest()}\n", said)


def test_examples__order(played: Origin, tmp_path: Path) -> None:
    """An order's tasks and cost are printed; a refused one says why."""
    task = {"id": "k1", "source": "kie", "task_id": "t1", "state": "open"}
    told: dict[str, Any] = {
        "tasks": [task],
        "callback_id": None,
        "credits": None,
        "cost": {"usd": 0.25, "credits": None},
    }
    played.url("/api/generate/kie", answer(told | {"request": {}}))
    url = f"http://{played.authority}"
    assert "['t1'] 0.25\n" == ended(started(ORDER, url, tmp_path))
    refused = {"reason": "bad_order", "detail": "parameters.duration: is 6, 8 or 10"}
    played.url("/api/generate/kie", answer(refused, status="422 x"))
    assert "422 bad_order parameters.duration: is 6, 8 or 10\n" == ended(started(ORDER, url, tmp_path))


def test_examples__notification(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A notification is taken once, known when it comes again, and refused when it is forged."""
    secret = "whsec_" + "A" * 43 + "="
    monkeypatch.setenv("REELKEEP_NOTIFY_SECRET", secret)
    names: dict[str, Any] = {}
    exec(NOTIFICATION, names)  # noqa: S102
    body, now = b'{"type":"asset.archived","timestamp":"2026-11-21T12:00:00Z","data":{"id":"a1"}}', datetime.now(UTC)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp()))}
    headers["webhook-signature"] = Webhook(secret).sign("msg_1", now, body.decode())
    seen: set[str] = set()
    assert [204, 204, 401] == [names["receive"](sent, headers, seen) for sent in (body, body, body + b" ")]
    assert "asset.archived a1\nagain a1\n" == capsys.readouterr().out
