"""The bugs kept here stay bugs: their patches apply, and the tests they name exist."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.run import FOLDER, KILLED, SURVIVED, applied, judge, main, read

ROOT = Path(__file__).parents[2]
PATCHES = sorted((ROOT / FOLDER).glob("*.patch"))
MODULE = "def double(number):\n    return 2 * number\n"
TESTS = "from module import double\n\ndef test_two():\n    assert 4 == double(2)\n"


@pytest.mark.parametrize("patch", PATCHES, ids=[patch.stem for patch in PATCHES])
def test_patch__applies(patch: Path) -> None:
    """A patch says which bug it is and which test notices it, and fits today's code."""
    assert read(patch).tests
    assert applied(ROOT, patch, "--check")


def test_patches__name_tests_that_exist() -> None:
    """What a patch names is collected by pytest."""
    tests = sorted({test for patch in PATCHES for test in read(patch).tests})
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *tests)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository of one module, one test, and no bugs yet."""
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "test_module.py").write_text(TESTS)
    git = shutil.which("git")
    assert git
    subprocess.run((git, "init", "-q"), cwd=tmp_path, check=True)
    return tmp_path


def patch_of(project: Path, slug: str, old: str, new: str) -> Path:
    """A bug that makes *new* of a line of the module."""
    path = project / FOLDER / f"{slug}.patch"
    path.write_text(
        "Bug: a wrong double\nTest: test_module.py::test_two\n\ndiff --git a/module.py b/module.py\n"
        f"--- a/module.py\n+++ b/module.py\n@@ -1,2 +1,2 @@\n def double(number):\n-{old}\n+{new}\n"
    )
    return path


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("    return 2 * number", "    return (", "pytest said 4"),
        ("    return 7 * number", "    return 3 * number", "does not apply"),
    ],
    ids=["not a module any more", "does not apply"],
)
def test_judge__no_verdict(project: Path, old: str, new: str, verdict: str) -> None:
    """A module that cannot be imported proves nothing, and no more does a patch for yesterday's code."""
    assert verdict == judge(project, read(patch_of(project, "bug", old, new))).verdict
    assert MODULE == (project / "module.py").read_text()


def test_main__fails_where_one_bug_survives(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One survivor among the killed fails the run and is named, with its test."""
    patch_of(project, "noticed", "    return 2 * number", "    return 3 * number")
    patch_of(project, "unnoticed", "    return 2 * number", "    return number + number")
    assert 1 == main(project)
    said = capsys.readouterr().out
    assert [KILLED, SURVIVED] == [line.split()[0] for line in said.splitlines() if line.endswith(": a wrong double")]
    assert "1 of 2 bugs" in said
    assert 0 == main(project, ["noticed"])


def test_main__knows_what_it_is_asked_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bug that is not there is a wrong question, not all tests."""
    patch_of(project, "noticed", "    return 2 * number", "    return 3 * number")
    assert 2 == main(project, ["nothing"])
    assert "no such bug: nothing; there are noticed\n" == capsys.readouterr().out


def test_main__needs_tests_that_pass(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A test that fails anyway notices no bug."""
    patch_of(project, "bug", "    return 2 * number", "    return 3 * number")
    (project / "test_module.py").write_text(TESTS.replace("4", "5"))
    assert 1 == main(project)
    assert "do not pass as things are" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "Bug: one\n", "Test: a.py::b\n", "Bug: one\n\ndiff --git a b\nTest: a.py::b\n"])
def test_read__says_what_is_missing(tmp_path: Path, text: str) -> None:
    """Without a bug's name or its test a patch is refused."""
    (tmp_path / "bug.patch").write_text(text)
    with pytest.raises(ValueError, match=r"bug\.patch"):
        read(tmp_path / "bug.patch")


def test_read__several_tests_and_spaces_in_brackets(tmp_path: Path) -> None:
    """Node ids stand beside each other or in lines of their own; a case's name may hold spaces."""
    (tmp_path / "bug.patch").write_text("Bug: one\nTest: a.py::b[JSON in JSON] c.py::d\nTest: e.py::f[x-[1]]\n")
    assert ("a.py::b[JSON in JSON]", "c.py::d", "e.py::f[x-[1]]") == read(tmp_path / "bug.patch").tests
