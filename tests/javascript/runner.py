"""JavaScript as our users would run it: Node.js with the published Standard Webhooks library, locked, in a copy."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

INSTALL: Final = "apt-get install nodejs npm"
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class JavaScript:
    """A folder with the library installed, where programs run."""

    folder: Path

    def run(self, program: str, *, name: str, env: Mapping[str, str]) -> str:
        """Run a module of *program*'s text; return what it printed, or raise CalledProcessError."""
        (self.folder / name).write_text(program)
        return self._node(name, "", env)

    def verify(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> str | None:
        """The type of a notification that one of *secrets* verifies, None where none does."""
        told = {"body": body.decode(), "headers": dict(headers), "secrets": list(secrets)}
        try:
            return self._node("verify.mjs", json.dumps(told)).strip()
        except subprocess.CalledProcessError as failure:
            if (1, "no secret verifies it") != (failure.returncode, failure.stderr.strip()):
                raise
            return None

    def _node(self, script: str, stdin: str, env: Mapping[str, str] | None = None) -> str:
        command = ("node", script)
        done = subprocess.run(
            command, cwd=self.folder, input=stdin, env=env, capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout


def installed(folder: Path) -> JavaScript:
    """Install the locked library under *folder*; skip the test where this machine cannot."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        _skip(f"{', '.join(missing)} not installed: {INSTALL}")
    for name in ("package.json", "package-lock.json", "verify.mjs"):
        shutil.copy(_HERE / name, folder / name)
    command = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        _skip("npm could not install the locked packages")
    return JavaScript(folder)


def _skip(reason: str) -> None:
    pytest.skip(f"NOT TESTED: notifications are verified by the published JavaScript library ({reason})")
