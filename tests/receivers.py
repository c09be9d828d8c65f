"""A real receiver process for tests: `python -m receiver` on a free port, SQLite under a temporary folder."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from archive.ledger.database import Database
from tests.doubles import wait_for

OPERATOR = "operator-token-for-tests"
VIEWER = "viewer-token-for-tests"
_SETTINGS = """
[server]
port = {port}
public_url = "https://hooks.example.com"
operator_tokens = ["{operator}"]
viewer_tokens = ["{viewer}"]
[ledger]
url = "sqlite:///{folder}/ledger.db"
[queue]
url = "redis://127.0.0.1:1/0"
[store]
endpoint_url = "{store}"
dialect = "generic"
{sources}
"""
_SOURCES = """
[sources.kie]
provider = "kie"
webhook_keys = ["a-key-for-tests"]
[sources.kie-batch]
provider = "kie"
tokens = ["a-token-for-tests"]
api_key = "an-api-key-for-tests"
"""


@dataclass(frozen=True)
class Receiver:
    url: str
    db: Database


@contextmanager
def running(folder: Path, *, store: str = "http://127.0.0.1:1", sources: str = _SOURCES) -> Iterator[Receiver]:
    """A receiver that is ready, and its ledger. Redis is not there: no promise of the receiver needs it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "reelkeep.toml"
    config.write_text(
        _SETTINGS.format(port=port, operator=OPERATOR, viewer=VIEWER, folder=folder, store=store, sources=sources)
    )
    keys = {"AWS_ACCESS_KEY_ID": "for-tests", "AWS_SECRET_ACCESS_KEY": "for-tests"}
    env = {**os.environ, **keys, "REELKEEP_CONFIG": str(config)}
    with (folder / "receiver.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "receiver"], env=env, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        assert process.poll() is None, (folder / "receiver.log").read_text()
        with suppress(httpx.TransportError):
            return httpx.get(f"{url}/healthz", trust_env=False).is_success
        return False

    try:
        wait_for(is_up)
        db = Database(f"sqlite:///{folder}/ledger.db")
        yield Receiver(url, db)
        db.close()
    finally:
        process.terminate()
        process.wait(timeout=15)
