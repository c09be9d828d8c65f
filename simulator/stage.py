"""Start the simulator and the service beside each other on free ports, as processes, and stop them again."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

_START_TIME: Final = 60  # seconds
_SETTINGS: Final = """\
[server]
operator_tokens = ["{token}"]

[sources.kie]
provider = "kie"
webhook_keys = ["{hmac_key}"]
api_key = "{api_key}"
api_base = "{api}"
allowed_hosts = ["{files}"]
insecure_http = true
max_concurrency = 16
"""


@dataclass(frozen=True)
class Stage:
    """Where everything is."""

    api: str  # the simulated provider
    api_key: str
    log: Path  # the simulator's journal
    service: dict[str, Any]  # what `reelkeep up --json` said
    environment: dict[str, str]  # S3 of the service, for whoever wants to look from outside


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Everything up under *folder*, and down again at the end."""
    api_key, hmac_key, token = (secrets.token_hex(18) for _ in range(3))
    simulator = _start(
        (sys.executable, "-m", "simulator", "--port", "0", "--files-port", "0", "--state", str(folder / "simulator")),
        ("--api-key", api_key, "--hmac-key", hmac_key),
    )
    with _ended(simulator):
        where = _first_line(simulator)
        settings = folder / "reelkeep.toml"
        files = urlsplit(where["files"]).netloc
        settings.write_text(
            _SETTINGS.format(token=token, hmac_key=hmac_key, api_key=api_key, api=where["api"], files=files)
        )
        up = (sys.executable, "-m", "archive.cli", "up", "--json", "--port", "0", "--data", str(folder / "data"))
        log = (folder / "service.log").open("wb")
        service = _start(up, ("--config", str(settings)), stderr=log)
        with _ended(service), log:
            said = _first_line(service)
            yield Stage(where["api"], api_key, folder / "simulator" / "log.jsonl", said, said["environment"])


def _start(command: tuple[str, ...], more: tuple[str, ...], **options: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen((*command, *more), stdout=subprocess.PIPE, **options)


def _first_line(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        raise RuntimeError(f"{process.args!r} did not start")
    said: dict[str, Any] = json.loads(line)
    return said


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_START_TIME)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
