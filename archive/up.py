"""`reelkeep up`: the whole service on one machine, as the same processes the Procfile names."""

import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from archive import embedded, logs, starter
from archive.errors import LedgerError
from archive.hidden import secrets_of
from archive.ledger import claims, migrate, suspects
from archive.ledger.database import Database
from archive.model import Callbacks
from archive.providers import PROVIDERS
from archive.settings import Settings, SettingsError, find_file, load, read_file
from archive.sources import Source
from archive.store import DIALECTS, lacks
from archive.supervisor import Child, stop_all
from archive.suspects import cause_of

_log = logging.getLogger(__name__)
WEB_PATIENCE = 30.0  # seconds; more than web takes at most
_SERVERS_GRACE = 10.0  # seconds for the embedded servers, when nobody needs them any more
_TWICE = 0.5  # seconds between two signals, for the second to mean more than the first
_START_TIME = 30.0  # seconds for servers and web to answer


def up(options: Namespace) -> int:
    """Run until told to stop. Returns the exit code."""
    logs.configure("up")
    os.umask(0o077)  # ledger, spool and secrets are this user's alone to read
    data = Path(options.data).resolve()
    data.mkdir(parents=True, exist_ok=True)
    with _only_one(data):
        environ = dict(os.environ)
        if find_file(environ) is None:
            environ["REELKEEP_CONFIG"] = str(starter.settings(data))
        try:
            servers, found = _complete(environ, data, options.port)
            settings = load({**environ, **found})
            logs.hide(secrets_of(settings, {**environ, **found}))
        except (SettingsError, embedded.MissingProgramError) as exc:
            print(f"reelkeep: cannot start:\n  {str(exc).replace(chr(10), chr(10) + '  ')}", file=sys.stderr)
            return 78
        return _run(options, data, settings, servers, {**environ, **found})


@contextlib.contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """Two services on one folder would share a ledger but not a queue."""
    with (data / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"reelkeep: {data} is in use by another `reelkeep up`")
        yield


def _complete(
    environ: Mapping[str, str], data: Path, port: int | None
) -> tuple[list[embedded.Program], dict[str, str]]:
    """Whatever file and environment leave open: embedded servers, and settings that point to them."""
    path = find_file(environ)
    document: dict[str, Any] = read_file(path) if path else {}

    def is_given(section: str, *keys: str, variables: tuple[str, ...]) -> bool:
        table = document.get(section, {})
        return any(map(environ.get, variables)) or any(table.get(key) for key in keys)

    servers: list[embedded.Program] = []
    found: dict[str, str] = {}
    if not is_given("server", "signing_keys", variables=("REELKEEP_SIGNING_KEY",)):
        found["REELKEEP_SIGNING_KEY"] = starter.secret(data, "signing.key")
    if not is_given("ledger", "url", variables=("DATABASE_URL",)):
        found["DATABASE_URL"] = f"sqlite:///{data / 'ledger.db'}"
    if not is_given("workers", "spool", variables=("REELKEEP_SPOOL",)):
        found["REELKEEP_SPOOL"] = str(data / "spool")
    if not is_given("queue", "url", variables=("REDIS_URL",)):
        program, settings = embedded.queue(data)
        servers.append(program)
        found.update(settings)
    if not is_given("store", "endpoint_url", "bucket", variables=("S3_ENDPOINT_URL", "S3_BUCKET")):
        program, settings = embedded.store(data / "s3", "videos", "videos-companion")
        servers.append(program)
        found.update(settings)
    if port is not None:
        found["PORT"] = str(port or embedded.free_port())
    if not is_given("server", "public_url", variables=("REELKEEP_PUBLIC_URL",)):
        chosen = found.get("PORT") or environ.get("PORT") or document.get("server", {}).get("port", 8080)
        found["REELKEEP_PUBLIC_URL"] = f"http://127.0.0.1:{chosen}"
    return servers, found


def _run(
    options: Namespace, data: Path, settings: Settings, servers: list[embedded.Program], env: Mapping[str, str]
) -> int:
    stopping: list[float] = []  # when we were told to
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(time.monotonic()))
    db = Database(settings.ledger.url)
    migrate.upgrade(db)
    db.close()
    db = Database(settings.ledger.url, patience=2)  # whoever looks after processes must not wait long
    below = [Child(p.name, p.command, {**env, **p.env}, p.text) for p in servers]
    workers = [_worker(n, env, db) for n in range(options.workers)]
    web = Child("web", (sys.executable, "-m", "receiver"), env)
    clock = Child("clock", (sys.executable, "-m", "workers.clock"), env)
    above = [web, *workers, clock]
    grace = settings.workers.grace.total_seconds() + 5

    def hurried() -> bool:
        """Asked twice. Not by one Ctrl-C, which some shells and wrappers deliver twice in one moment."""
        return bool(stopping) and stopping[-1] - stopping[0] > _TWICE

    try:
        for child in below:
            child.start()
        _wait_for_ports(below, [program.port for program in servers], stopping)
        for child in above:
            child.start()
        url = f"http://127.0.0.1:{settings.server.port}"
        if not _is_ready(url, web, stopping):
            print("reelkeep: the web process did not become ready; its log above says why", file=sys.stderr)
            return 1
        _say(options, data, settings, url, embedded_store=any(p.name == "store" for p in servers), env=env)
        while not stopping:
            now = time.monotonic()
            for child in below + above:
                child.look_after(now)
            time.sleep(0.2)
    finally:
        # First nothing new comes in, then what runs is finished, then the servers go.
        for children, patience in (([web], WEB_PATIENCE), ([*workers, clock], grace), (below, _SERVERS_GRACE)):
            stop_all(children, patience, hurried)
        db.close()
    return 0


def _worker(number: int, env: Mapping[str, str], db: Database) -> Child:
    """A worker whose claims are freed the moment it dies."""
    owner = [""]

    def before() -> Mapping[str, str]:
        owner[0] = uuid4().hex
        return {"REELKEEP_OWNER": owner[0]}

    return Child(
        f"worker-{number}", (sys.executable, "-m", "workers"), env, before=before,
        after=lambda status: _free(db, owner[0], status),
    )  # fmt: skip


def _free(db: Database, owner: str, status: int) -> None:
    """What a worker held is due at once; where it died of itself, one of its files may be to blame."""
    try:
        if cause := cause_of(status):
            suspects.died(db, owner, cause)
        else:
            claims.release(db, owner)
    except LedgerError as exc:
        _log.warning("worker.claims_not_freed", extra={"reason": exc.reason})  # their leases run out instead


def _wait_for_ports(children: list[Child], ports: list[int], stopping: list[float]) -> None:
    """Until every server listens; one that dies is started again meanwhile."""
    end = time.monotonic() + _START_TIME
    for port in ports:
        while not stopping and time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            for child in children:
                child.look_after(time.monotonic())
            time.sleep(0.02)


def _is_ready(url: str, web: Child, stopping: list[float]) -> bool:
    end = time.monotonic() + _START_TIME
    while not stopping and time.monotonic() < end:
        if web.process is None or web.process.poll() is not None:
            return False
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).is_success:
                return True
        time.sleep(0.05)
    return bool(stopping)


def _calls(source: Source) -> bool:
    return PROVIDERS[source.provider].CALLBACKS is not Callbacks.NONE


def _way_in(name: str, source: Source, settings: Settings) -> str:
    """What to do so that a source's tasks are heard of."""
    if not _calls(source):
        return f"tasks     reelkeep tasks add {name} ID   (it never calls back)"
    if source.webhook_keys or source.tokens or source.allow_unsigned:
        secret = "/TOKEN" if source.tokens else ""
        return f"webhooks  {settings.server.public_url}/webhooks/{name}{secret}"
    return f"webhooks  reelkeep callback-url {name}   (one for each task)"


def _say(
    options: Namespace, data: Path, settings: Settings, url: str, *, embedded_store: bool, env: Mapping[str, str]
) -> None:
    tokens = settings.server.operator_tokens
    token = tokens[0].get_secret_value() if tokens else ""
    if options.json:
        s3 = ("S3_ENDPOINT_URL", "S3_BUCKET", "S3_COMPANION_BUCKET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        facts = {
            "url": url,
            "token": token,
            "store": settings.store.endpoint_url,
            "environment": {name: env[name] for name in s3 if name in env},
        }
        print(json.dumps(facts), flush=True)
        return
    console = f"{url}/#token={token}" if token else f"{url}/"
    lines = ["", "Reelkeep is up. Ctrl-C stops it and lets running transfers finish.", "", f"  console   {console}"]
    lines += [f"  {_way_in(name, source, settings)}" for name, source in settings.sources.items()]
    lines += [f"  store     {settings.store.endpoint_url or 'AWS S3'}  bucket {settings.store.bucket}"]
    lines += [f"  data      {data}", f"  settings  {find_file(env)}", ""]
    program = sys.argv[0] if Path(sys.argv[0]).name == "reelkeep" else "reelkeep"
    calling = [name for name, source in settings.sources.items() if _calls(source)]
    lines += [f"  try it    {program} sign {name} --config {find_file(env)} --url {url} | sh" for name in calling[:1]]
    if missing := lacks(DIALECTS[settings.store.dialect]):
        lines += ["", f"  This store has no {', no '.join(missing)}."]
    if embedded_store:
        lines += ["  It is for trying out: for videos you care about, set S3_BUCKET (and S3_ENDPOINT_URL)."]
    lines += [""]
    print("\n".join(lines), flush=True)
