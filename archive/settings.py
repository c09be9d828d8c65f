"""
Every setting, read once at start from one TOML file and the environment; all mistakes are reported together.

The file is what `REELKEEP_CONFIG` names, else `reelkeep.toml`, else `data/reelkeep.toml` (which `reelkeep up` makes).
A secret may be written as `env:NAME` or `file:PATH` (relative to the file), so that the TOML can be shown around.
A value is looked up in the environment first (`ENVIRONMENT` below), then in the file, then here.
"""

import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ByteSize, Field, SecretStr, ValidationError, model_validator

from archive.egress import Egress
from archive.fields import (
    BaseUrl,
    CaFile,
    LedgerUrl,
    LinkLife,
    MaybeBaseUrl,
    Network,
    QueueUrl,
    Seconds,
    Secret,
    Section,
    SigningKey,
)
from archive.sources import RateLimit, Source
from archive.tables import printable
from archive.targets import Target

ENVIRONMENT = {
    "DATABASE_URL": ("ledger", "url"),
    "REDIS_URL": ("queue", "url"),
    "S3_BUCKET": ("store", "bucket"),
    "S3_COMPANION_BUCKET": ("store", "companion_bucket"),
    "S3_ENDPOINT_URL": ("store", "endpoint_url"),
    "S3_PUBLIC_ENDPOINT_URL": ("store", "public_endpoint_url"),
    "S3_DIALECT": ("store", "dialect"),
    "AWS_REGION": ("store", "region"),
    "PORT": ("server", "port"),
    "REELKEEP_PUBLIC_URL": ("server", "public_url"),
    "REELKEEP_SPOOL": ("workers", "spool"),
    "REELKEEP_SLOTS": ("workers", "slots"),
}
# Of [server]; these serve only where the file names none.
_DEFAULTS = {"REELKEEP_OPERATOR_TOKEN": "operator_tokens", "REELKEEP_SIGNING_KEY": "signing_keys"}


class SettingsError(Exception):
    """The settings cannot be used; `problems` has one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Server(Section):
    host: str = "127.0.0.1"  # behind a proxy; 0.0.0.0 to listen everywhere
    port: Annotated[int, Field(ge=0, le=65535)] = 8080  # plain HTTP
    public_url: BaseUrl = "http://127.0.0.1:8080"  # what providers call; `reelkeep sign` and the docs print it
    operator_tokens: tuple[Secret, ...] = ()  # may read and act
    viewer_tokens: tuple[Secret, ...] = ()  # may read
    signing_keys: tuple[SigningKey, ...] = ()  # sign callback URLs; newest first, older ones still open theirs
    max_body: ByteSize = ByteSize(1 << 20)  # bytes of one callback
    connections: Annotated[int, Field(ge=16, le=65536)] = 2048  # at a time, in one process
    trusted_proxies: tuple[Network, ...] = ("127.0.0.1", "::1")  # whose X-Forwarded-For says who calls
    untrusted_rate: RateLimit = RateLimit(requests=120, seconds=60)  # of one address, as long as it proves nothing
    content_life: LinkLife = timedelta(minutes=15)  # of a presigned link to an archived file


class Ledger(Section):
    url: LedgerUrl = "sqlite:///data/ledger.db"  # or postgresql+psycopg://user@host/name
    # PostgreSQL's fsync and full_page_writes may be off, since what it stores on does their work (ZFS, some clouds')
    storage_is_durable: bool = False


class Queue(Section):
    url: QueueUrl = SecretStr("redis://127.0.0.1:6379/0")


class Store(Section):
    bucket: Annotated[str, Field(min_length=3, max_length=63)] = "videos"  # originals and manifests; must exist
    companion_bucket: str = ""  # posters and other free metadata; empty: `<bucket>-companion`
    endpoint_url: MaybeBaseUrl = ""  # empty: AWS
    public_endpoint_url: MaybeBaseUrl = ""  # what a browser can reach, when it differs
    dialect: Literal["aws", "minio", "ceph", "r2", "rclone", "generic"] = "aws"  # what the store can do
    region: str = "us-east-1"  # for the signature
    ca_file: CaFile = None  # PEM: the authorities the store's certificate is checked against, and no others

    @property
    def companion(self) -> str:
        return self.companion_bucket or f"{self.bucket}-companion"


class Workers(Section):
    slots: Annotated[int, Field(ge=1, le=256)] = 16  # transfers at a time in one process
    per_host: Annotated[int, Field(ge=1, le=256)] | None = None  # transfers at a time from one file host; none: slots
    lookers: Annotated[int, Field(ge=1, le=32)] = 4  # status requests at a time in one process
    spool: Path = Path("data/spool")  # files larger than `spool_memory` stand here while they are checked
    spool_memory: ByteSize = ByteSize(4 << 20)  # bytes of one file kept in memory before it goes to disk
    spool_reserve: ByteSize = ByteSize(1 << 30)  # bytes that films beyond 16 MiB leave free on the spool's disk
    max_size: ByteSize = ByteSize(5 << 30)  # bytes of one file; S3's own limit for one PutObject is 5 GiB
    max_transfer: Seconds = timedelta(minutes=15)  # of one download, however alive it looks
    min_rate: Annotated[int, Field(ge=0)] = 1024  # bytes a second of one download, over half a minute; 0: any
    lease: Seconds = timedelta(seconds=12)  # how long a claim stands without a heartbeat
    heartbeat: Seconds = timedelta(seconds=3)  # how often a worker renews its claims
    sweep: Seconds = timedelta(seconds=5)  # look for due work without being woken, and how often the clock ticks
    grace: Seconds = timedelta(seconds=25)  # to finish running transfers after SIGTERM; then they are handed back

    @model_validator(mode="after")
    def _lease_outlives_heartbeats(self) -> "Workers":
        if self.lease < 2 * self.heartbeat:
            raise ValueError("lease must be at least twice heartbeat, or one late heartbeat loses a claim")
        return self


SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class Settings(Section):
    server: Server = Server()
    ledger: Ledger = Ledger()
    queue: Queue = Queue()
    store: Store = Store()
    workers: Workers = Workers()
    egress: Egress = Egress()
    sources: dict[SourceName, Source] = Field(default_factory=dict)
    notify: tuple[Target, ...] = ()

    @model_validator(mode="after")
    def _targets_are_distinct(self) -> "Settings":
        names = [target.name for target in self.notify]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"notify: several targets are called {', '.join(twice)}")
        if unknown := sorted({name for target in self.notify for name in target.sources} - self.sources.keys()):
            raise ValueError(f"notify: no source is called {', '.join(unknown)}")
        return self

    @property
    def askable(self) -> dict[str, Source]:
        """The sources whose status API can be asked."""
        return {name: source for name, source in self.sources.items() if source.api_key is not None}

    @property
    def signing_keys(self) -> list[str]:
        return [key.get_secret_value() for key in self.server.signing_keys]

    @property
    def caps(self) -> dict[str, int]:
        return {name: source.max_concurrency for name, source in self.sources.items()}


FILES = (Path("reelkeep.toml"), Path("data/reelkeep.toml"))


def find_file(environ: Mapping[str, str]) -> Path | None:
    """The settings file that applies, None where there is none."""
    if environ.get("REELKEEP_CONFIG"):
        return Path(environ["REELKEEP_CONFIG"])
    return next((path for path in FILES if path.exists()), None)


def read_file(path: Path) -> dict[str, Any]:
    """The file as it stands. Raises SettingsError where it cannot be read or is no TOML."""
    try:
        return tomllib.loads(path.read_text())
    except OSError as exc:
        raise SettingsError([f"{path}: cannot be read ({exc.strerror})"]) from exc
    except (ValueError, RecursionError) as exc:  # TOML's own, no UTF-8, a number of 5,000 digits, a deep nest
        raise SettingsError([printable(f"{path}: is not TOML: {exc}")]) from exc


def load(environ: Mapping[str, str] = os.environ, *, for_client: bool = False) -> Settings:
    """
    Read the file and the environment. Who only asks the service (*for_client*) need not know all of its secrets.

    Raises:
        SettingsError: with every mistake at once; no message holds a value, since it may be a secret.
    """
    path = find_file(environ)
    document = read_file(path) if path else {}
    for variable, (section, key) in ENVIRONMENT.items():
        if environ.get(variable):
            table = document.setdefault(section, {})
            if isinstance(table, dict):
                table[key] = environ[variable]
    server = document.setdefault("server", {})
    for variable, key in _DEFAULTS.items():
        if environ.get(variable) and isinstance(server, dict) and not server.get(key):
            server[key] = [f"env:{variable}"]
    # A source sees nothing but itself, so whether URLs can be minted for it is told beside.
    mints = for_client or (isinstance(server, dict) and bool(server.get("signing_keys")))
    context = {"environ": environ, "folder": path.parent if path else Path(), "mints": mints}
    try:
        return Settings.model_validate(document, context=context)
    except ValidationError as exc:
        raise SettingsError([_line(error) for error in exc.errors(include_input=False, include_url=False)]) from None


def _line(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"] if part != "[key]") or "settings"
    return printable(f"{where}: {error['msg'].removeprefix('Value error, ')}")
