"""The pytest side of the world: start it in namespaces of its own, ask it for scenes, read its reports."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.films import make_film
from tests import certificates
from tests.hostile_urls import legitimate_urls
from tests.world.outside import PUBLIC
from tests.world.script import SCRIPT, hosts_of

# All of it dies with the first process: nothing that a scene starts is left behind.
_UNSHARED = ("--net", "--mount", "--pid", "--kill-child")
# The first needs no rights; where it is forbidden, root may still do without a namespace of users.
_WAYS = (("unshare", "--map-root-user", *_UNSHARED), ("unshare", *_UNSHARED))
_TRIED = """
ip link set lo up && ip -4 route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo || exit
for name in resolv.conf nsswitch.conf hosts; do mount --bind /etc/hosts "/etc/$name" || exit; done
"""
WITHOUT = (
    "NOT TESTED: that no packet goes to a forbidden address (unshare, ip and mount make no network namespace here, "
    "or none with IPv6)"
)


class World:
    """Scenes, one after the other, in one network."""

    def __init__(self, folder: Path, way: Sequence[str]) -> None:
        # What goes wrong in there is on pytest's standard error.
        self._process = subprocess.Popen(
            (*way, sys.executable, "-m", "tests.world.inside", str(folder)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._said() == "ready"

    def play(self, scene: str, **options: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"scene": scene, **options}) + "\n")
        self._process.stdin.flush()
        report: dict[str, Any] = self._said()
        return report

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def _said(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the world came to an end"
        return json.loads(line)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A world under *folder*; skips where this machine allows none."""
    way = next((way for way in _WAYS if _leads_inside(way)), None)
    if way is None:
        pytest.skip(WITHOUT)
    make_film(folder / "film.mp4", layout="moov_first", size=0, seconds=1.0, width=320, height=180, fps=25)
    authority = certificates.issuer("a test CA")
    names = ["world.example", *SCRIPT, *PUBLIC, *hosts_of(legitimate_urls())]
    certificates.server(folder, authority, names=list(dict.fromkeys(names)), is_public=False)
    (folder / "ca.pem").write_bytes(authority.pem)
    running = World(folder, way)
    try:
        yield running
    finally:
        running.stop()


def _leads_inside(way: Sequence[str]) -> bool:
    if shutil.which(way[0]) is None:
        return False
    return subprocess.run((*way, "sh", "-c", _TRIED), check=False, capture_output=True).returncode == 0
