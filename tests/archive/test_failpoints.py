"""Failpoints: off by themselves, armed by one variable, and each name stands at exactly one place."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archive import failpoints

ROOT = Path(__file__).parents[2]


def _run(value: str, visits: int, about: str = "") -> "subprocess.CompletedProcess[str]":
    program = "from archive.failpoints import arm, reached; arm(); "
    program += f"[reached('worker.put', {about!r}) for _ in range({visits})]"
    return subprocess.run(
        (sys.executable, "-c", program),
        check=False,
        env={failpoints.ENVIRONMENT: value},
        cwd=ROOT,
        text=True,
        capture_output=True,
    )


def test_reached__off() -> None:
    """Without the variable a process passes every place."""
    assert 0 == _run("", 3).returncode


def test_reached__nth_visit() -> None:
    """The process dies at the visit that is named, not before, and says where it did."""
    assert 0 == _run("worker.put=kill#3", 2).returncode
    died = _run("worker.put=kill#3", 3)
    assert -signal.SIGKILL == died.returncode
    assert "failpoint.reached" in died.stderr


def test_reached__another_place() -> None:
    """A place that is not named is passed."""
    assert 0 == _run("worker.intended=kill", 3).returncode


def test_reached__with_an_id_in_hand() -> None:
    """A place that is named with an id is one for that id alone, at every visit."""
    assert 0 == _run("worker.put=kill@a2", 3, about="a1").returncode
    assert -signal.SIGKILL == _run("worker.put=kill@a2", 1, about="a2").returncode
    failpoints.arm({failpoints.ENVIRONMENT: "worker.put=kill@a1,worker.put=kill@a2"})
    failpoints.arm({})


@pytest.mark.parametrize(
    "value",
    [
        "worker.put=kill@",
        "worker.put=kill#1@a1",
        "worker.nowhere=kill",
        "worker.put=explode",
        "worker.put",
        "worker.put=kill#0",
    ],
)
def test_arm__unknown(value: str) -> None:
    """A place or an action that there is none of is refused, since a test would wait for it in vain."""
    with pytest.raises(ValueError, match="no such failpoint"):
        failpoints.arm({failpoints.ENVIRONMENT: value})


def test_names__each_is_placed_once() -> None:
    """Every name stands in the code, and none at two places by chance."""
    code = "".join(
        path.read_text() for package in ("archive", "receiver", "workers") for path in (ROOT / package).rglob("*.py")
    )
    placed = re.findall(r'\breached\("([^"]+)"', code)
    shared = {"errand.written"}  # posters and metadata
    assert sorted(failpoints.NAMES) == sorted(set(placed))
    assert shared == {name for name in placed if placed.count(name) > 1}
