"""Secrets that can be recognised in whatever form they leak, and where to look for them."""

import base64
import itertools
import json
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

SHORTEST = 16  # characters: less is found by chance


def forms(secret: str) -> set[bytes]:
    """How *secret*, or a half of it, may stand in an output: as it is, encoded by machines, or written backwards."""
    half = max(SHORTEST, len(secret) // 2)
    return {form for part in {secret, secret[:half], secret[-half:]} for form in _forms(part) if len(form) >= SHORTEST}


def _forms(text: str) -> Iterator[bytes]:
    raw = text.encode()
    spelt = [text, text[::-1], raw.hex(), quote(text, safe=""), "".join(f"%{byte:02x}" for byte in raw)]
    spelt += ["".join(f"{escape}{byte:0{width}x}" for byte in raw) for escape, width in (("\\u", 4), ("\\x", 2))]
    spelt += [json.dumps(text)[1:-1], "".join(f"&#{byte};" for byte in raw), "".join(f"&#x{byte:x};" for byte in raw)]
    yield from (form.encode() for each in spelt for form in (each, each.lower(), each.upper()))
    for encode, before in itertools.product((base64.b64encode, base64.urlsafe_b64encode), range(3)):
        # Within a longer text its first and last characters depend on what stands beside it.
        yield encode(b"\0" * before + raw)[-(-before * 4 // 3) : (before + len(raw)) * 4 // 3]


class Canaries(dict[str, str]):
    """Secrets by name, each a random one."""

    def new(self, name: str, *, before: str = "") -> str:
        self[name] = before + secrets.token_hex(20)
        return self[name]

    def found(self, outputs: Mapping[str, bytes], *, but: Iterable[str] = ()) -> dict[tuple[str, str], bytes]:
        """Which secrets stand in which outputs, and what stands around them; *but* are those that may."""
        sought = {name: forms(secret) for name, secret in self.items() if name not in set(but)}
        return {
            (name, where): text[max(0, text.find(form) - 80) :][:200]
            for where, text in outputs.items()
            for name, spelt in sought.items()
            for form in spelt
            if form in text
        }


class Watch:
    """Looks again and again at the command lines of processes and all below them, and at what a child is handed."""

    def __init__(self) -> None:
        self.pids: set[int] = set()
        self.seen: dict[str, bytes] = {}
        self.children = 0  # processes that were started by ours
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(0.05):
            for pid in tuple(self.pids):
                self._look(pid, is_ours=True)

    def _look(self, pid: int, *, is_ours: bool) -> None:
        below: list[int] = []
        with suppress(OSError, ValueError):  # it may be gone by now
            process = Path("/proc") / str(pid)
            command = (process / "cmdline").read_bytes()
            self.seen[f"command line {command[:60]!r} {len(command)}"] = command
            # Between fork and exec a child is still its parent's copy.
            if not is_ours and b"workers.media_child" in command:
                self.children += 1
                self.seen[f"environment {command[:60]!r} {pid}"] = (process / "environ").read_bytes()
            threads = os.listdir(process / "task")  # noqa: PTH208
            below = [int(each) for t in threads for each in (process / "task" / t / "children").read_text().split()]
        for child in below:
            self._look(child, is_ours=False)


def files(folder: Path) -> dict[str, bytes]:
    """Everything that stands under *folder*, names included."""
    return {f"file {path}": bytes(path) + path.read_bytes() for path in folder.rglob("*") if path.is_file()}
