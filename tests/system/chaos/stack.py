"""One service made of real processes that can be killed one by one, with everything around it."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import boto3
from botocore.config import Config

from archive.failpoints import ENVIRONMENT
from tests import servers
from tests.listener import Listener
from tests.system import nursery
from tests.system.harness import BUCKET, S3_ENV, TOKEN, Provider, Redis, free_port, stopping
from tests.system.stage import notify, settings

LEASE: Final = 2.5  # seconds; in service 12
SWEEP: Final = 0.5  # seconds; in service 5
# Of the 30 s that are promised, lease and sweep take so much less here. The rest is the machine's to use, which is as
# slow here as there: the start of a process is no shorter because a lease is.
TAKEOVER: Final = 30 - (12 - LEASE) - (5 - SWEEP)
_SETTINGS: Final = f"""\
[server]
operator_tokens = ["{TOKEN}"]
signing_keys = ["a-signing-key-that-is-long-enough-for-it"]

[workers]
lease = {LEASE}
heartbeat = 0.5
sweep = {SWEEP}
grace = 2
lookers = 2
"""


class Killable(Protocol):
    """A server beside the service."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass
class Life:
    """One life of one process, from its start to its death."""

    name: str  # of the slot: web, worker-1, clock-2
    owner: str  # of its claims
    process: nursery.Forked
    log: Path
    arms: dict[str, str] = field(default_factory=dict)
    read: int = 0  # bytes of its log that were read

    @property
    def kind(self) -> str:
        return self.name.partition("-")[0]

    def lines(self) -> list[str]:
        """What it logged since the last time, whole lines only."""
        with self.log.open("rb") as file:
            file.seek(self.read)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self.read += len(whole)
        return whole.decode(errors="replace").splitlines()

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


@dataclass(frozen=True)
class Stack:
    """Where everything is."""

    folder: Path
    url: str
    ledger: str
    env: Mapping[str, str]
    provider: Provider
    listener: Listener
    redis: Killable
    store: Killable
    s3: Any  # a client
    versioned: bool

    def start(self, name: str, life: int, arms: Mapping[str, str], *, slots: int = 4) -> Life:
        """Begin a life of the slot *name*, with *arms*: failpoint → kill, term, stop; *slots* of a worker."""
        owner = f"{name}.{life}"
        said = ",".join(f"{point}={action}" for point, action in arms.items())
        log = self.folder / "logs" / f"{owner}.log"
        env = {**self.env, "REELKEEP_OWNER": owner, ENVIRONMENT: said, "REELKEEP_SLOTS": str(slots)}
        process = nursery.begin(name.partition("-")[0], env, log)
        return Life(name, owner, process, log, dict(arms))


def end(life: Life) -> None:
    """Its process, and whatever of its group is left."""
    with suppress(ProcessLookupError):
        os.killpg(life.process.pid, signal.SIGKILL)
    life.process.wait(10)


@contextmanager
def stack_on(folder: Path, *, durable: bool) -> Iterator[Stack]:
    """
    Servers, simulator and target up under *folder*, and the settings of a service; none of its processes runs yet.

    *durable*: PostgreSQL, and an S3 server with versions and conditional puts; else SQLite, and the embedded store.
    """
    for name in ("logs", "provider", "store", "spool"):
        (folder / name).mkdir()
    with ExitStack() as down:
        listener, redis = Listener(), Redis()
        provider = Provider(folder / "provider", "--limit", "seedance2ai=0/60", "--limit", "acedata=0/1")
        down.enter_context(stopping(listener, provider, redis))
        store: servers.Server
        if durable:
            postgres = servers.Postgres()
            down.enter_context(stopping(postgres))
            down.enter_context(postgres.durable())
            ledger = postgres.url(postgres.create())
            store = servers.durable(folder / "store", BUCKET, f"{BUCKET}-companion")
            found = {**S3_ENV, "S3_ENDPOINT_URL": f"http://127.0.0.1:{store.port}", "S3_DIALECT": "aws"}
        else:
            ledger = f"sqlite:///{folder}/ledger.db"
            store, found = servers.rclone(folder / "store", BUCKET, f"{BUCKET}-companion")
        down.enter_context(stopping(store))
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        config = folder / "reelkeep.toml"
        config.write_text("\n".join((_SETTINGS, settings(provider), notify(listener))))
        env = {
            **os.environ, **found, "REELKEEP_CONFIG": str(config), "DATABASE_URL": ledger, "REDIS_URL": redis.url,
            "S3_BUCKET": BUCKET, "REELKEEP_SPOOL": str(folder / "spool"), "PORT": str(port), "REELKEEP_PUBLIC_URL": url,
        }  # fmt: skip
        s3 = boto3.client(
            "s3", endpoint_url=found["S3_ENDPOINT_URL"], region_name="us-east-1",
            aws_access_key_id=found["AWS_ACCESS_KEY_ID"], aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}, response_checksum_validation="when_required"),
        )  # fmt: skip
        yield Stack(folder, url, ledger, env, provider, listener, redis, store, s3, versioned=durable)
