"""`reelkeep notify` against real processes and an application that hears, refuses, and hears again."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.system.harness import GatedS3, Redis, Service, stopping, wait_for

pytestmark = pytest.mark.system


@dataclass
class Application:
    """Answers each path with its status, and remembers the ids of what it took."""

    statuses: dict[str, int]
    took: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator[None]:
        application = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                path = self.path.partition("?")[0]
                status = application.statuses[path]
                if status < 300:
                    application.took.append((path, self.headers["webhook-id"]))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


def table(name: str, url: str) -> str:
    secret = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"
    return f'[[notify]]\nname = "{name}"\nurl = "{url}"\nsecrets = ["{secret}"]\nprivate = true\ninsecure_http = true\n'


def notify(service: Service, *words: str) -> tuple[int, str]:
    """Run the command as a person would; return its exit code and what it printed."""
    command = (sys.executable, "-m", "archive.cli", "notify", *words, "--url", service.url)
    done = subprocess.run(command, env=service.env, capture_output=True, text=True, timeout=60, check=False)
    assert "" == done.stderr
    return done.returncode, done.stdout


def test_notify__test_fail_mend_redrive(tmp_path: Path, s3: GatedS3, redis: Redis) -> None:
    """A test tells of each target whether it hears; what was given up is redriven and heard, under the same id."""
    application = Application({"/hears": 204, "/gone": 410})
    with application.running():
        tables = table("hears", f"{application.url}/hears") + table("gone", f"{application.url}/gone?key=canary")
        service = Service(tmp_path, s3=s3.url, redis=redis.url, settings=tables)
        with stopping(service):
            service.start("web")
            service.start("worker")
            code, said = notify(service, "test")
            lines = said.splitlines()
            assert (1, 2) == (code, len(lines))
            assert lines[0].startswith("hears: delivered in ")
            assert lines[1].startswith("gone: failed (http_410). The target wants no more notifications")
            assert (0, True) == ((told := notify(service, "targets"))[0], "canary" not in told[1])
            code, said = notify(service, "list", "--state", "dead", "--json")
            [dead] = json.loads(said)["items"]
            application.statuses["/gone"] = 204
            assert (0, "redriven=1\n") == notify(service, "redrive", "--all", "--target", "gone")

            def is_heard() -> Any:
                return ("/gone", f"msg_{dead['id']}") in application.took

            wait_for("the redriven one is heard", is_heard)
            assert (0, "gone: delivered") == ((told := notify(service, "test", "gone"))[0], told[1][:15])
            assert (0, "redriven=0\n") == notify(service, "redrive", "--all")
