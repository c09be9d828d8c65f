"""What a 200 means on disk, from the order of system calls: a kill cannot tell, since the page cache survives it."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.system.harness import Service, signed, stopping, wait_for
from tests.system.order import CALLS, order

LOG = "ledger.db-wal"
SENDERS, EACH = 8, 30


def test_web__no_answer_before_its_commit_is_on_disk(tmp_path: Path) -> None:
    """Of 240 callbacks on 8 connections none is answered 200 before the write-ahead log that holds it is synced."""
    trace = tmp_path / "trace"
    service = Service(tmp_path, s3="http://127.0.0.1:1", redis="redis://127.0.0.1:1/0")
    with stopping(service):
        pid = service.start("web", under=_strace(trace))
        with ThreadPoolExecutor(SENDERS) as pool:
            acked = [one for some in pool.map(lambda n: _send(service, n), range(SENDERS)) for one in some]
    # Its last line tells of the end of the process that was started first.
    wait_for("the trace is whole", lambda: trace.read_text()[-80:].splitlines()[-1].startswith(f"{pid} "))
    found = order(trace.read_text().splitlines(), LOG)
    print(f"{found.acked} answers 200, {found.syncs} syncs of the log, {len(found.early)} answers before theirs")  # noqa: T201
    assert SENDERS * EACH == len(acked) == found.acked
    assert [] == found.early
    # Deliveries that wait together share a sync, and it is the disk that they wait for.
    assert 0 < found.syncs


def _send(service: Service, number: int) -> list[str]:
    """The ids of what was answered 200."""
    acked = []
    with httpx.Client(trust_env=False, timeout=30) as client:
        for turn in range(EACH):
            task = f"task-{number}-{turn}"
            document = {"taskId": task, "status": 1, "videoUrl": f"https://storage.kie.ai/{task}.mp4"}
            body = json.dumps(document).encode()
            answer = client.post(service.webhook, content=body, headers=signed(task, body))
            acked += [answer.json()["delivery_id"]] if answer.status_code == 200 else []
    return acked


def _strace(trace: Path) -> Sequence[str]:
    program = shutil.which("strace")
    command = (program or "strace", "-f", "-y", "-s", "5000", "-e", f"trace={','.join(CALLS)}")
    if program is None or subprocess.run((*command, "true"), capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED: that no 200 leaves before the ledger's log is synced (strace, or its use, is missing)")
    return (*command, "-D", "-o", str(trace))


ID = "ab" * 32
WRITE = f'7 pwrite64(9</d/ledger.db-wal>, "\\0{ID}\\1", 4096, 32) = 4096'
SYNC = "7 fdatasync(9</d/ledger.db-wal>) = 0"
HEAD = '5 sendto(12<socket:[77]>, "HTTP/1.1 200 OK\\r\\n\\r\\n", 19, 0, NULL, 0) = 19'
BODY = f'5 sendto(12<socket:[77]>, "{{\\"delivery_id\\":\\"{ID}\\"}}", 90, 0, NULL, 0) = 90'
HALVES = ["7 fdatasync(9</d/ledger.db-wal> <unfinished ...>", "7 <... fdatasync resumed>) = 0"]


@pytest.mark.parametrize(
    ("lines", "early"),
    [
        ([WRITE, SYNC, HEAD, BODY], 0),
        ([WRITE, *HALVES, HEAD, BODY], 0),
        ([WRITE, HEAD, BODY, SYNC], 1),
        ([SYNC, WRITE, HEAD, BODY], 1),
        ([WRITE, HEAD, SYNC, BODY], 1),
        ([WRITE, HALVES[0], HEAD, HALVES[1], BODY], 1),
        ([HALVES[0], WRITE, HALVES[1], HEAD, BODY], 1),
        ([WRITE, SYNC.replace("= 0", "= -1 EIO"), HEAD, BODY], 1),
        ([WRITE, SYNC.replace("-wal", ""), HEAD, BODY], 1),
        ([SYNC, HEAD, BODY], 1),
        ([WRITE, SYNC, HEAD.replace("200 OK", "503 No"), BODY], None),
    ],
)
def test_order__of_made_up_traces(lines: list[str], early: int | None) -> None:
    """The check itself: an answer before, during or without the sync of its own write is found."""
    found = order(lines, LOG)
    assert (0, 0) == (found.acked, len(found.early)) if early is None else (1, early) == (found.acked, len(found.early))
