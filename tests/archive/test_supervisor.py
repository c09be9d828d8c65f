"""Keeping children running, whatever happens to what they stand on."""

import sys
import time
from pathlib import Path

from archive.ledger.database import Database
from archive.supervisor import Child
from archive.up import _free
from tests.doubles import wait_for


def test_child__is_started_again_after_it_died() -> None:
    """A child that ends is started again after a pause, and what depends on its death is told."""
    told: list[int] = []
    child = Child("short", (sys.executable, "-c", ""), {}, after=told.append)
    child.start()
    first = child.process
    assert first is not None
    first.wait(20)
    child.look_after(time.monotonic())
    assert ([0], None) == (told, child.process)
    child.look_after(time.monotonic() + 60)
    assert child.process is not None
    child.stop(10)
    assert [0, 0] == told


def test_free__a_ledger_that_is_away_does_not_end_the_service(tmp_path: Path) -> None:
    """Freeing a dead worker's claims is left to their leases where the ledger cannot be had."""
    db = Database(f"sqlite:///{tmp_path}/ledger.db", patience=0.1)  # a file without tables
    _free(db, "owner", 0)
    _free(db, "owner", -9)
    db.close()


def test_child__stop_takes_no_longer_than_its_grace() -> None:
    """A child that ignores SIGTERM is killed when its grace is over."""
    program = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    child = Child("stubborn", (sys.executable, "-c", program), {})
    child.start()
    assert child.process is not None
    status = Path(f"/proc/{child.process.pid}/status")

    def ignores_sigterm() -> bool:
        [ignored] = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigIgn")]
        return bool(int(ignored, 16) & 1 << 14)

    wait_for(ignores_sigterm)
    began = time.monotonic()
    child.stop(0.5)
    assert 0.5 <= time.monotonic() - began < 20
    assert child.process is None
