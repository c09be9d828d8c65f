"""
The examples of the documentation that are run: fenced blocks right under a line `<!-- run: name -->`.

A block is run as it stands: `sh`, `python`, or `js` as a module of Node.js, in a folder of its own. `toml` is settings,
which only a scene of theirs can try.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.javascript.runner import JavaScript

DOCS: Final = Path(__file__).parents[1] / "docs"
MOST_LINES: Final = 10
_MARKED: Final = re.compile(
    r"^<!-- run: (?P<name>\S+) -->\n+```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
_MARKER: Final = re.compile(r"^<!-- run:", re.MULTILINE)
_COMMANDS: Final = {"sh": ("sh", "-eu"), "python": (sys.executable, "-W", "error"), "js": ("node",)}
_ENDINGS: Final = {"sh": "sh", "python": "py", "js": "mjs"}
RUNNABLE: Final = frozenset({*_COMMANDS, "toml"})


@dataclass(frozen=True)
class Example:
    """One block."""

    page: str
    name: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}-{self.language}-{self.name}"

    @property
    def lines(self) -> list[str]:
        """Those with something to read; where functions stand apart is the formatter's choice."""
        return [line for line in self.code.splitlines() if line.strip()]

    def written(self, folder: Path, javascript: JavaScript | None = None) -> tuple[str, ...]:
        """Write it to a file in *folder*, for JavaScript beside the installed library; return the command to run it."""
        where = javascript.folder if self.language == "js" and javascript else folder
        file = where / f"example.{_ENDINGS[self.language]}"
        file.write_text(self.code)
        return (*_COMMANDS[self.language], str(file))

    def run(
        self,
        folder: Path,
        env: Mapping[str, str],
        javascript: JavaScript | None = None,
        arguments: tuple[str, ...] = (),
        seconds: float = 60,
    ) -> str:
        """Run it to its end in *folder*; return what it printed. It must end well."""
        command = (*self.written(folder, javascript), *arguments)
        done = subprocess.run(
            command, cwd=folder, env=dict(env), capture_output=True, text=True, timeout=seconds, check=False
        )
        assert 0 == done.returncode, f"{self}: {done.stdout}\n{done.stderr}"
        return done.stdout


def examples(text: str, page: str) -> list[Example]:
    """The marked blocks of a page; raise ValueError for a marker that no block follows."""
    found = [Example(page, each["name"], each["language"], each["code"]) for each in _MARKED.finditer(text)]
    if len(found) != len(_MARKER.findall(text)):
        raise ValueError(f"{page}: a marker is followed by no fenced block")
    return found


def all_examples() -> list[Example]:
    """Those of every page of docs."""
    return [each for page in sorted(DOCS.rglob("*.md")) for each in examples(page.read_text(), page.name)]
