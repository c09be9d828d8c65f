"""Simulated minutes, by the instants in a ledger that is a SQLite file: what would be waited for is nearer."""

import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Final

MOMENT: Final = 20_000_000  # µs: what is to be looked at sooner is left to its time
GAP: Final = 72_000_000  # µs, at most, between the two looks that make a task from the past gone


def a_minute_passes(ledger: Path) -> None:
    """Bring nearer by a long minute what is not to be asked about for a while: ids that the provider does not know."""
    with sqlite3.connect(ledger, timeout=20) as connection:
        connection.execute(
            "UPDATE tasks SET look_at = look_at - ? WHERE state = 'open' AND look_at > ?",
            (GAP, int(time.time() * 1_000_000) + MOMENT),
        )
    connection.close()


def ended(running: "subprocess.Popen[str]", ledger: Path, seconds: float) -> tuple[str, str]:
    """Let minutes pass until the command has ended; what it said."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            return running.communicate(timeout=1)
        except subprocess.TimeoutExpired:
            a_minute_passes(ledger)
    running.kill()
    raise AssertionError(f"not within {seconds} s: {running.communicate()}")
