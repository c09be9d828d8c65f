"""Start the simulator and the service beside each other on free ports, as processes, and stop them again."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from simulator.application import Application, application

_START_TIME: Final = 60  # seconds
_SETTINGS: Final = """\
[server]
operator_tokens = ["{token}"]

[[notify]]
name = "application"
url = "{application}"
secrets = ["{secret}"]
private = true
insecure_http = true

[sources.kie]
provider = "kie"
webhook_keys = ["{hmac_key}"]
api_key = "{api_key}"
api_base = "{api}"
allowed_hosts = ["{files}"]
insecure_http = true
max_concurrency = 16

[sources.seedanceapi]
provider = "seedanceapi"
tokens = ["{callback_token}"]
api_key = "{api_key}"
api_base = "{api}"
allowed_hosts = ["{files}"]
insecure_http = true

[sources.seedance2ai]
provider = "seedance2ai"
api_key = "{api_key}"
api_base = "{api}"
allowed_hosts = ["{files}"]
insecure_http = true

[sources.kyyaipower]
provider = "kyyaipower"
api_key = "{api_key}"
api_base = "{api}"
allowed_hosts = ["{files}"]
insecure_http = true

[sources.acedata]
provider = "acedata"
tokens = ["{callback_token}"]
api_key = "{api_key}"
api_base = "{api}"
allowed_hosts = ["{files}"]
insecure_http = true
"""
_UNSIGNED: Final = {"seedanceapi", "acedata"}  # their callbacks prove themselves by the URL they come to, or not at all


@dataclass(frozen=True)
class Stage:
    """Where everything is."""

    api: str  # the simulated providers
    api_key: str = field(repr=False)
    callback_token: str = field(repr=False)
    application: Application  # the user's, which hears what became of its tasks
    log: Path  # the simulator's journal
    service: dict[str, Any]  # what `reelkeep up --json` said
    environment: dict[str, str]  # S3 of the service, for whoever wants to look from outside

    def callback_url(self, source: str) -> str:
        """Where a provider is told to call back."""
        return f"{self.service['url']}/webhooks/{source}{f'/{self.callback_token}' if source in _UNSIGNED else ''}"


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Everything up under *folder*, and down again at the end."""
    api_key, hmac_key, token, callback_token = (secrets.token_hex(18) for _ in range(4))
    simulator = _start(
        (sys.executable, "-m", "simulator", "--port", "0", "--files-port", "0", "--state", str(folder / "simulator")),
        ("--api-key", api_key, "--hmac-key", hmac_key),
    )
    with _ended(simulator), application() as app:
        where = _first_line(simulator)
        settings = folder / "reelkeep.toml"
        files = urlsplit(where["files"]).netloc
        settings.write_text(
            _SETTINGS.format(
                token=token,
                hmac_key=hmac_key,
                api_key=api_key,
                callback_token=callback_token,
                api=where["api"],
                files=files,
                application=app.url,
                secret=app.secret,
            )
        )
        up = (sys.executable, "-m", "archive.cli", "up", "--json", "--port", "0", "--data", str(folder / "data"))
        log = (folder / "service.log").open("wb")
        service = _start(up, ("--config", str(settings)), stderr=log)
        with _ended(service), log:
            said = _first_line(service)
            journal = folder / "simulator" / "log.jsonl"
            yield Stage(where["api"], api_key, callback_token, app, journal, said, said["environment"])


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
