"""`reelkeep doctor` as a process of its own, against the web process as the Procfile starts it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.system.harness import S3_ENV, free_port, wait_for

KEY = "canary-signing-key-of-the-processes"


@pytest.mark.system
def test_doctor__proves_the_receiver_and_leaves_no_trace(tmp_path: Path) -> None:
    """The round trip is proved between real processes; what is logged of it is the route's template and no token."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REELKEEP")}
    env = {
        **kept, **S3_ENV, "PORT": str(port), "REELKEEP_SIGNING_KEY": KEY, "DATABASE_URL": f"sqlite:///{tmp_path}/l.db",
        "REDIS_URL": "redis://127.0.0.1:1/0", "S3_ENDPOINT_URL": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1",
    }  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "log").open("wb") as log:
        web = subprocess.Popen((sys.executable, "-m", "receiver"), env=env, stderr=log, cwd=tmp_path)
    try:

        def is_alive() -> bool:
            try:
                return httpx.get(f"{url}/healthz", trust_env=False).is_success
            except httpx.TransportError:
                return False

        wait_for("web answers", is_alive)
        command = (sys.executable, "-m", "archive.cli", "doctor", "--callback", "--public-url", url, "--json")
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    finally:
        web.send_signal(signal.SIGTERM)
        web.wait(30)
    report = json.loads(done.stdout)
    states = {step["step"]: step["state"] for step in report["steps"]}
    assert {"callback": "ok", "large body": "ok", "chunked": "ok", "forgery": "ok"}.items() <= states.items()
    assert (1, "error", "") == (done.returncode, states["address"], done.stderr)  # 127.0.0.1 is no public address
    logged = (tmp_path / "log").read_text()
    assert 3 == logged.count("POST /webhooks/-/{token} 200")
    assert 1 == logged.count("POST /webhooks/-/{token} 401")
    assert not [text for text in (logged, done.stdout) for secret in ("rkpb_", KEY) if secret in text]
