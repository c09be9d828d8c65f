"""
What runs in the namespace: it makes the world, then plays the scenes it is asked for.

`python -m tests.world.inside FOLDER` takes one JSON document a line, `{"scene": name, …}`, and answers each with one.
The namespace has one interface to which every address there is leads, so nothing in it can leave this machine, and
whoever connects to a forbidden address is heard there.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.world.names import SERVER

_EVERYWHERE = (("-4", "0.0.0.0/0"), ("-6", "::/0"))
_FILES = {
    "resolv.conf": f"nameserver {SERVER}\nsearch .\noptions timeout:1 attempts:1\n",
    "nsswitch.conf": "hosts: files dns\n",
    "hosts": "127.0.0.1 localhost\n::1 ip6-localhost\n",
}


class Outside:
    """The process that is everything but us, seen from here."""

    def __init__(self, folder: Path) -> None:
        command = (sys.executable, "-m", "tests.world.outside", str(folder))
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.begin()

    def begin(
        self,
        *,
        names: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        redirects: Sequence[str] = (),
        public: Sequence[str] = (),
    ) -> None:
        """Forget what was; from now on *names* resolve so, `/to/N` redirects so, and *public* are file hosts too."""
        self._ask({"do": "begin", "names": names or {}, "redirects": redirects, "public": public})

    def report(self) -> dict[str, Any]:
        """What was sent, asked for and trapped since the beginning."""
        found: dict[str, Any] = self._ask({"do": "report"})
        return found

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def make_network(folder: Path) -> None:
    """Let every address lead to this machine, and glibc ask our server."""
    subprocess.run((program("ip"), "link", "set", "lo", "up"), check=True)
    for family, everywhere in _EVERYWHERE:
        subprocess.run((program("ip"), family, "route", "add", "local", everywhere, "dev", "lo"), check=True)
    for name, text in _FILES.items():
        ours = folder / name
        ours.write_text(text)
        subprocess.run((program("mount"), "--bind", str(ours), f"/etc/{name}"), check=True)


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is missing"
    return found


def say(document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def main() -> None:
    folder = Path(sys.argv[1])
    make_network(folder)
    outside = Outside(folder)
    from tests.world.scenes import SCENES

    say("ready")
    for line in sys.stdin:
        order = json.loads(line)
        report = SCENES[order.pop("scene")](outside, folder, **order)
        say(report)


if __name__ == "__main__":
    main()
