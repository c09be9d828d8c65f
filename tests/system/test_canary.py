"""
No secret in any output of a whole run (F80): the Procfile's processes, among neighbours who repeat all they hear.

Each secret is a random string, searched in every form of `canaries.forms` in everything that was said or left behind.
Each is shown to have been used, or not finding it would say nothing.
"""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError
from standardwebhooks import Webhook

from archive import embedded
from tests.films import films
from tests.servers import Server, rclone
from tests.system.canaries import Canaries, Watch, files
from tests.system.harness import BUCKET, Service, free_port, stopping, wait_for
from tests.system.hostile import Parrot, Postgres
from tests.tunneller import Tunneller

LINKS: Final = ("ok", "dead", "hop", "page", "short", "garbled", "explode", "tls", "ftp", "inside", "tunnel")
TASKS: Final = ("401", "403", "429", "503", "garbled", "nothing", "explode")
# What breaks deep inside a library, in words that hold all that the library was given.
EXPLODING: Final = """
import httpx
import archive.documents

def exploding(inner):
    def handle(self, request):
        if b"explode" in request.extensions.get("target", b"") or b"explode" in getattr(request, "_content", b""):
            raise RuntimeError(f"{request.extensions} {request.headers.raw} {request.content}")
        return inner(self, request)
    return handle

for transport, name in ((httpx.HTTPTransport, "handle_request"), (httpx.AsyncHTTPTransport, "handle_async_request")):
    setattr(transport, name, exploding(getattr(transport, name)))

def parse(body, inner=archive.documents.parse):
    if b"explode-in-parse" in body:
        raise RuntimeError(body)
    return inner(body)

archive.documents.parse = parse
"""


class Run:
    """One run of everything: who takes part, what is secret, and what was said."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.said: dict[str, bytes] = {}
        self.secrets = Canaries()
        self.parrot, self.postgres, self.watch = Parrot(films()["moov_first"]), Postgres(), Watch()
        stack.enter_context(stopping(self.watch, self.parrot, self.postgres))
        self.tunneller = Tunneller(lambda caller: caller.sendall(f"HTTP/1.1 407 {self.tunneller.heads[-1]}".encode()))
        stack.callback(self.tunneller.close)
        new = self.secrets.new
        self.operator, self.viewer = new("operator"), new("viewer")
        self.webhook_key, self.token, self.api_key = new("webhook key"), new("callback token"), new("API key")
        self.proxy_key, self.hook = new("proxy key"), new("target's path")
        self.proxy_password = new("egress proxy")
        self.whsec = "whsec_" + base64.b64encode(os.urandom(36)).decode()
        self.secrets |= {"notification secret": self.whsec.removeprefix("whsec_")}
        self.links = {name: new(f"link {name}") for name in (*LINKS, "asked")}
        self.redis_url = self._redis(stack)
        store, self.store_env = rclone(folder / "s3", BUCKET, f"{BUCKET}-companion")
        stack.enter_context(stopping(store))
        self.secrets["store"] = self.store_env["AWS_SECRET_ACCESS_KEY"]
        self.service = Service(folder, s3=self.store_env["S3_ENDPOINT_URL"], redis=self.redis_url, sources="")
        stack.enter_context(stopping(self.service))
        self.watch.pids |= {store._process.pid}
        self._http = stack.enter_context(httpx.Client(trust_env=False, timeout=30))
        self._settings()

    def start(self, name: str, **env: str) -> None:
        self.watch.pids.add(self.service.start(name, **env))

    def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        """Ask the service; what it answers is output."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        answer = self._http.request(method, f"{self.service.url}{path}", headers=headers, **more)
        where = f"{method} {path.partition('?')[0]} {answer.status_code} {len(self.said)}"
        heads = json.dumps([(name, value) for name, value in answer.headers.items() if name != "location"])
        self.said[where] = heads.encode() + answer.content
        return answer

    def command(self, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """Run a program of ours to its end; what it prints is output."""
        running = subprocess.Popen(
            (sys.executable, "-m", *words), env={**self.service.env, **env},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.watch.pids.add(running.pid)
        out, err = running.communicate(timeout=60)
        self.said[f"{' '.join(words)} {len(self.said)}"] = (out + err).encode()
        return subprocess.CompletedProcess(words, running.returncode, out, err)

    def callback(self, task: str, link: str, **more: Any) -> httpx.Response:
        """KIE's, signed, with the callback URL in it, which KIE does echo."""
        url = f"{self.service.url}/webhooks/asked/{self.token}"
        body = json.dumps(
            {"taskId": task, "status": 1, "videoUrl": link, "param": json.dumps({"callBackUrl": url}), **more}
        )
        now = str(int(time.time()))
        digest = hmac.new(self.webhook_key.encode(), f"{task}.{now}".encode(), hashlib.sha256).digest()
        headers = {"X-Webhook-Timestamp": now, "X-Webhook-Signature": base64.b64encode(digest).decode()}
        return self.ask("POST", "/webhooks/kie", content=body, headers={**headers, "Content-Type": "application/json"})

    def link(self, name: str) -> str:
        scheme = {"tls": "https", "tunnel": "https", "ftp": "ftp"}.get(name, "http")
        host = {"inside": "10.0.0.1", "tunnel": "8.8.8.8"}.get(name, self.parrot.authority)
        return f"{scheme}://{host}/v/{name}.mp4?sig={self.links[name]}"

    def assets(self, state: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.ask("GET", f"/api/assets?state={state}", self.operator).json()["items"]
        return items

    def log(self, event: str) -> bool:
        return event in self.service.log_text()

    def _redis(self, stack: ExitStack) -> str:
        """The embedded queue, which here keeps a file of all it was told."""
        folder = self.folder / "redis"
        folder.mkdir()
        program, found = embedded.queue(folder)
        text = program.text.replace("appendonly no", "appendonly yes\nappendfsync always\naof-use-rdb-preamble no")
        server = Server(program.command, program.port, text=text)
        stack.enter_context(stopping(server))
        self.watch.pids.add(server._process.pid)
        self.secrets["Redis"] = found["REDIS_URL"].partition("//:")[2].partition("@")[0]
        return found["REDIS_URL"]

    def _settings(self) -> None:
        (self.folder / "signing.key").write_text(self.secrets.new("signing key"))
        inject, temporary = self.folder / "inject", self.folder / "tmp"
        inject.mkdir()
        temporary.mkdir()
        (inject / "sitecustomize.py").write_text(EXPLODING)
        target = f'secrets = ["env:REELKEEP_SECRET"]\nprivate = true\ninsecure_http = true\nurl = "{self.parrot.url}'
        (self.folder / "reelkeep.toml").write_text(
            f'[server]\noperator_tokens = ["env:OPERATOR"]\nviewer_tokens = ["{self.viewer}"]\n'
            'signing_keys = ["file:signing.key"]\n[workers]\nsweep = 0.5\n'
            f'[sources.kie]\nprovider = "kie"\nwebhook_keys = ["{self.webhook_key}"]\ninsecure_http = true\n'
            f'allowed_hosts = ["{self.parrot.authority}", "10.0.0.1", "8.8.8.8"]\n'
            f'[egress]\nproxy = "http://us:{self.proxy_password}@127.0.0.1:{self.tunneller.port}"\n'
            f'[sources.asked]\nprovider = "seedanceapi"\ntokens = ["{self.token}"]\napi_key = "env:API_KEY"\n'
            f'api_base = "{self.parrot.url}"\ninsecure_http = true\nallowed_hosts = ["{self.parrot.authority}"]\n'
            f'proxy_keys = ["{self.proxy_key}"]\nrate_limit = {{ requests = 4000, seconds = 1 }}\n'
            f'[[notify]]\nname = "good"\n{target}/{self.hook}/heard"\n'
            f'[[notify]]\nname = "bad"\n{target}/{self.hook}/refused"\n'
            f'[[notify]]\nname = "broken"\n{target}/{self.hook}/explode"\n'
        )
        self.service.env |= self.store_env | {
            "OPERATOR": self.operator,
            "API_KEY": self.api_key,
            "REELKEEP_SECRET": self.whsec,
            "REELKEEP_URL": self.service.url,
            "REELKEEP_TOKEN": self.operator,
            "REELKEEP_PUBLIC_URL": self.service.url,
            "PYTHONPATH": str(inject),
            "TMPDIR": str(temporary),
        }


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with ExitStack() as stack:
        yield Run(tmp_path, stack)


@pytest.mark.timeout(300)  # a dozen processes are started
def test_no_secret_in_any_output(run: Run) -> None:
    """
    Films that come, links that do not, an API and a store that repeat what they hear, crashes in every kind of thread,
    wrong settings, refused passwords: no secret in what is printed, answered, stored, queued, told or handed on.
    """
    for name in ("web", "worker", "clock"):
        run.start(name)
    _deliver(run)
    _order(run)
    _break(run)
    _ask_everything(run)
    _prove_use(run)
    for name in ("web", "worker", "clock"):
        run.service.signal(name, signal.SIGTERM)
        assert run.service.wait(name) in {0, -signal.SIGTERM}
    run.watch.stop()
    outputs = run.said | run.watch.seen | _redis_holds(run) | _notified(run) | files(run.folder / "s3")
    outputs |= files(run.folder / "tmp") | files(run.folder / "redis") | {"log": run.service.log_path.read_bytes()}
    assert {} == run.secrets.found(outputs)
    # Links and what a callback held are what the ledger is for; what proves who we are is not.
    kept = {where: text for where, text in files(run.folder).items() if "ledger.db" in where}
    assert kept
    mays = [name for name in run.secrets if name.startswith("link")] + ["callback token", "minted token"]
    assert {} == run.secrets.found(kept, but=mays)


def _deliver(run: Run) -> None:
    """Callbacks, true and false, of every kind of link."""
    for name in LINKS:
        assert 200 == run.callback(f"task-{name}", run.link(name)).status_code
    assert 200 == run.callback("odd", "", status=99, x=run.link("ok")).status_code
    assert 503 == run.callback("explode-in-parse", run.link("explode")).status_code
    run.parrot.links["asked"] = run.link("ok").replace(run.links["ok"], run.links["asked"])
    told = json.dumps({"data": {"task_id": "asked", "status": "SUCCESS", "response": [run.link("dead")]}})
    minted = run.ask("POST", "/api/callback-urls", run.operator, json={"source": "asked"}).json()["url"]
    del run.said[next(where for where in run.said if "callback-urls" in where)]  # the one answer that must hold it
    run.secrets["minted token"] = minted.rpartition("_")[2][40:]
    for path in (f"/webhooks/asked/{run.token}", minted.removeprefix(run.service.url)):
        assert 200 == run.ask("POST", path, content=told).status_code
    for path in (f"/webhooks/asked/{run.token}x", f"/webhooks/kie/{run.token}", f"/nothing/{run.token}/"):
        assert run.ask("POST", path, content=told).status_code in {401, 404}
    for task in TASKS:
        body = {"source": "asked", "task_id": task, "expected_by": "2026-01-01T00:00:00Z"}
        assert run.ask("POST", "/api/tasks", run.operator, json=body).is_success


def _order(run: Run) -> None:
    """Orders through both doors, with the right keys and wrong ones, answered well and badly."""
    order = {"prompt": "please", "callback_url": f"https://mine.example/?token={run.token}"}
    for prompt in ("please", "no", "explode"):
        for token in (run.operator, run.api_key, run.proxy_key, run.viewer):
            run.ask("POST", "/proxy/asked/v2/generate", token, json=order | {"prompt": prompt})
        run.ask("POST", "/api/generate/asked", run.operator, json={"prompt": prompt})
        run.ask("POST", "/api/generate/asked", run.viewer, json={"prompt": prompt})
    # The caller gets the provider's own words, whatever they are; he sent what they repeat, or is its operator.
    for where in [where for where in run.said if where.startswith("POST /proxy/asked/v2/generate")]:
        del run.said[where]


def _break(run: Run) -> None:
    """A store that repeats what it hears and a queue that refuses; a database that repeats a password; settings."""
    password = run.secrets.new("refused by Redis")
    real = run.redis_url.partition("@")[2]
    run.start("worker-2", S3_ENDPOINT_URL=run.parrot.url, REDIS_URL=f"redis://:{password}@{real}")
    wait_for("a transfer crashed", lambda: run.log("asset.crashed"))
    wait_for("a notification crashed", lambda: run.log("notification.crashed"))
    wait_for("Redis refused", lambda: run.log("wakeups.redis_unavailable"))
    password = run.secrets.new("PostgreSQL")
    url = f"postgresql+psycopg://reelkeep:{password}@{run.postgres.authority}/reelkeep"
    for module in ("receiver", "workers"):
        failed = run.command(module, DATABASE_URL=url, PORT=str(free_port()))
        assert 1 == failed.returncode
        assert "psycopg.OperationalError" in failed.stderr
        assert "password [secret]" in failed.stderr
    wrong = (run.folder / "reelkeep.toml").read_text().replace("sweep = 0.5", 'sweep = "often"\ncolour = 1')
    (run.folder / "wrong.toml").write_text(wrong.replace("whsec_", "whsek_"))
    for words in ("receiver", "archive.cli status", "archive.cli up"):
        config = str(run.folder / "wrong.toml")
        assert 78 == run.command(*words.split(), REELKEEP_CONFIG=config, REELKEEP_SECRET=run.whsec[:-9]).returncode


def _ask_everything(run: Run) -> None:
    """Every page, list and row, as operator, as viewer and as nobody; the command line's words."""
    wait_for("the films are archived", lambda: len(run.assets("archived")) >= 2)
    wait_for("the store repeated", lambda: run.parrot.said(f"/{BUCKET}/assets/") or run.parrot.said("videos"))
    paths = run.ask("GET", "/openapi.json").json()["paths"]
    ids: dict[str, list[str]] = {}
    for name in ("tasks", "assets", "deliveries", "notifications"):
        ids[name] = [row["id"] for row in run.ask("GET", f"/api/{name}?limit=200", run.operator).json()["items"]]
        assert ids[name]
    plain = [path for path in paths if "{" not in path and "get" in paths[path]]
    pages = [*plain, "/", "/metrics", "/healthz", "/readyz", "/app.js", f"/api/assets?q={run.links['ok']}&cursor=x"]
    rows = [f"/api/{name}/{each}" for name, found in ids.items() for each in found]
    for path in (*pages, *rows):
        for token in (run.operator, run.viewer, run.api_key, None):
            run.ask("GET", path, token)
    archived = run.assets("archived")[0]["id"]
    assert "X-Amz-Signature" in run.ask("GET", f"/api/assets/{archived}/content", run.operator).headers["location"]
    for words in (
        ("status",),
        ("doctor",),
        ("deliveries", "list"),
        ("deliveries", "show", ids["deliveries"][0], "--json"),
    ):
        run.command("archive.cli", *words)
    run.command("archive.cli", "status", REELKEEP_TOKEN=run.api_key)
    run.command("archive.cli", "migrate", DATABASE_URL=f"sqlite:///{run.folder}/reelkeep.toml")


def _prove_use(run: Run) -> None:
    """Each secret was on its way: what nobody used is found nowhere."""
    parrot = run.parrot
    for name in (
        "API key",
        "proxy key",
        "target's path",
        "link ok",
        "link asked",
        "link dead",
        "link hop",
        "link page",
    ):
        wait_for(f"{name} was used", partial(parrot.said, run.secrets[name]))
    for name in ("link short", "link garbled"):
        assert parrot.said(run.secrets[name]), name
    assert run.secrets["PostgreSQL"].encode() in run.postgres.heard
    basic = base64.b64encode(f"us:{run.proxy_password}".encode()).decode()
    wait_for("the proxy was asked", lambda: any(basic in head for head in run.tunneller.heads))
    for event in ("asset.crashed", "notification.crashed", "pool.work_failed"):
        assert run.log(event), event
    assert run.service.log_text().count("Exception in ASGI application") >= 3  # callback, proxy, generate
    assert run.watch.children > 0
    answered = [line.split(" ")[2] for line in run.said if line.startswith("GET /api/tasks ")]
    assert {"200", "401"} == set(answered)
    bad = Redis.from_url(run.redis_url.replace(run.secrets["Redis"], run.secrets["refused by Redis"]))
    with pytest.raises(AuthenticationError), bad:
        bad.ping()


def _redis_holds(run: Run) -> dict[str, bytes]:
    """All keys and values; what was there before stands in the append-only file."""
    with Redis.from_url(run.redis_url) as redis:
        keys = list(redis.scan_iter())
        read: dict[bytes, Any] = {
            b"string": redis.get, b"hash": redis.hgetall, b"set": redis.smembers,
            b"list": lambda key: redis.lrange(key, 0, -1), b"zset": lambda key: redis.zrange(key, 0, -1),
            b"stream": redis.xrange,
        }  # fmt: skip
        assert keys
        return {f"Redis {key!r}": repr(read[redis.type(key)](key)).encode() for key in keys}


def _notified(run: Run) -> dict[str, bytes]:
    """What the good target heard, each verified; its own path is its own to know."""
    told = [(headers, body) for path, headers, body in run.parrot.heard if path.endswith("/heard")]
    assert told
    for headers, body in told:
        Webhook(run.whsec).verify(body, {name.lower(): value for name, value in headers.items()})
    return {f"notification {n}": json.dumps(headers).encode() + body for n, (headers, body) in enumerate(told)}
