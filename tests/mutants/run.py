"""
Do the tests notice what they are there for? Each patch beside this file is one bug, and names the tests it must fail.

A bug is put into a copy of the tree with an interpreter of its own, since a child process finds our packages by where
they are installed. First all named tests must pass as things are, in a copy that is compiled by it and that the others
are copies of; then each patch must apply, and its tests must end
with pytest's status 1: a failed test. Any other status, such as that of a module which cannot be imported, is no
verdict, and as bad as a bug that survives.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("tests/mutants")
KILLED, SURVIVED = "killed", "survived"
_AT_A_TIME = 2
_SECONDS = 90  # for the tests of one bug; pytest ends a single one after 30
_TESTS_FAILED = 1  # pytest's exit status; 2 to 5 are no verdict
_NODE = re.compile(r"(?:\[.*?\](?=\s|$)|[^\s\[])+")  # what stands in brackets may hold spaces


@dataclass(frozen=True)
class Mutant:
    """One bug: `tests` are pytest's node ids."""

    slug: str
    bug: str
    tests: tuple[str, ...]
    patch: Path


@dataclass(frozen=True)
class Finding:
    """What became of one bug: KILLED, SURVIVED, or why there is no verdict."""

    mutant: Mutant
    verdict: str
    seconds: float


def read(patch: Path) -> Mutant:
    """Read a patch's head. Raises ValueError where it does not say what the bug is, or which test notices it."""
    head = patch.read_text().partition("\ndiff --git ")[0]
    bugs = re.findall(r"^Bug: (.+)$", head, re.MULTILINE)
    tests = [node for line in re.findall(r"^Test: (.+)$", head, re.MULTILINE) for node in _NODE.findall(line)]
    if len(bugs) != 1 or not tests:
        raise ValueError(f"{patch.name}: needs a line `Bug: …` and a line `Test: …` before the diff")
    return Mutant(patch.stem, bugs[0], tuple(tests), patch)


def applied(tree: Path, patch: Path, *options: str) -> bool:
    """Put *patch* into *tree*, or with `--check` only try; whether it fits."""
    # A tree inside another repository would be taken for a part of that, and what lies outside be left alone.
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    command = ("git", "apply", *options, str(patch.resolve()))
    return subprocess.run(command, cwd=tree, env=env, capture_output=True, check=False).returncode == 0


def judge(base: Path, mutant: Mutant) -> Finding:
    """Run the tests of *mutant* with its bug in, in a copy of *base*."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reelkeep-mutant-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder)
        # With its instants, by which what was compiled is known to be of a file as it is.
        shutil.copytree(base, tree, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".venv", ".git"))
        _install(tree)
        verdict = "does not apply"
        if applied(tree, mutant.patch):
            status, _ = _pytest(tree, mutant.tests)
            verdict = {0: SURVIVED, _TESTS_FAILED: KILLED, None: "out of time"}.get(status, f"pytest said {status}")
    return Finding(mutant, verdict, time.monotonic() - started)


def main(root: Path, slugs: Sequence[str] = ()) -> int:
    """Judge the bugs called *slugs*, or all; print a table. Returns 0 where all were killed, 2 where one is unknown."""
    known = {mutant.slug: mutant for mutant in map(read, sorted((root / FOLDER).glob("*.patch")))}
    if unknown := sorted(set(slugs) - set(known)):
        _say(f"no such bug: {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    mutants = [known[slug] for slug in slugs or known]
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    with tempfile.TemporaryDirectory(prefix="reelkeep-mutants-", ignore_cleanup_errors=True) as folder:
        base = Path(folder)
        _copy(root, base)
        status, said = _pytest(base, tests, seconds=_SECONDS * 4)
        if status != 0:
            _say(f"{said}\nThese tests do not pass as things are, so they tell nothing of bugs.")
            return 1
        with ThreadPoolExecutor(_AT_A_TIME) as threads:
            findings = list(threads.map(lambda mutant: judge(base, mutant), mutants))
    for found in findings:
        _say(f"{found.verdict:<16}{found.seconds:5.1f} s  {found.mutant.slug}: {found.mutant.bug}")
        if found.verdict != KILLED:
            _say("".join(f"{'':25}{test}\n" for test in found.mutant.tests).rstrip())
    killed = sum(found.verdict == KILLED for found in findings)
    _say(f"{killed} of {len(findings)} bugs were noticed by their tests")
    return 0 if killed == len(findings) and findings else 1


def _copy(root: Path, tree: Path) -> None:
    """Make *tree* a copy of *root* as it stands, without what git ignores."""
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (root / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, tree / name)
    _install(tree)


def _install(tree: Path) -> None:
    """Give *tree* an interpreter that finds our packages there, and all others where they are."""
    venv.create(tree / ".venv", symlinks=True)
    here, there = Path(sys.executable).parent, tree / ".venv" / "bin"
    for program in here.iterdir():  # tests find servers beside the interpreter
        if not (there / program.name).exists():
            (there / program.name).symlink_to(program)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(tree / ".venv")}))
    (packages / "tree.pth").write_text(f"{tree}\n{sysconfig.get_path('purelib')}\n")


def _pytest(tree: Path, tests: Iterable[str], seconds: float = _SECONDS) -> tuple[int | None, str]:
    """Run *tests* in *tree*; their exit status, None where they took too long, and what was said."""
    options = ("-q", "-x", "-p", "no:cacheprovider", "--no-header", "--timeout", "30")
    command = (str(tree / ".venv/bin/python"), "-m", "pytest", *options, *tests)
    with subprocess.Popen(
        command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as running:
        try:
            said, _ = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            return None, "out of time"
    return running.returncode, said


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
