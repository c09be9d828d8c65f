"""
Every setting, read once at start from one TOML file and the environment; all mistakes are reported together.

The file is what `REELKEEP_CONFIG` names, else `reelkeep.toml`, else `data/reelkeep.toml` (which `reelkeep up` makes).
A secret may be written as `env:NAME` or `file:PATH` (relative to the file), so that the TOML can be shown around.
A value is looked up in the environment first (`ENVIRONMENT` below), then in the file, then here.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from archive.budget import Budget, split
from archive.model import Callbacks, Pace
from archive.providers import PROVIDERS

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
MIN_SIGNING_KEY = 32  # characters


class SettingsError(Exception):
    """The settings cannot be used; `problems` has one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _resolve_secret(value: Any, info: ValidationInfo) -> Any:
    """Follow `env:NAME` and `file:PATH`; a reference that leads nowhere is a mistake, not an empty secret."""
    if not isinstance(value, str):
        raise ValueError("must be text, or a reference like env:NAME or file:PATH")
    context = info.context or {}
    kind, _, name = value.partition(":")
    if kind == "env":
        value = context.get("environ", {}).get(name, "").strip()
        problem = f"the environment variable {name} is not set"
    elif kind == "file":
        try:
            value = (context.get("folder", Path()) / name).read_text().strip()
        except (OSError, UnicodeDecodeError):
            value = ""
        problem = f"the file {name} cannot be read, or is empty"
    else:
        value = value.strip()
        problem = "is empty"
    if not value:
        raise ValueError(problem)
    return value


def _begins(*schemes: str, or_empty: bool = False) -> AfterValidator:
    """A URL that begins otherwise would only be refused by the first who uses it."""

    def check(value: str | SecretStr) -> str | SecretStr:
        url = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not url.startswith(schemes) and (url or not or_empty):
            raise ValueError(f"must begin with {' or '.join(schemes)}")
        return value

    return AfterValidator(check)


def _long_enough(value: SecretStr) -> SecretStr:
    """Whoever is handed a signed URL may try keys on it for as long as he likes."""
    if len(value.get_secret_value()) < MIN_SIGNING_KEY:
        raise ValueError(f"must have at least {MIN_SIGNING_KEY} characters (openssl rand -hex 32)")
    return value


Secret = Annotated[SecretStr, BeforeValidator(_resolve_secret)]
SigningKey = Annotated[Secret, AfterValidator(_long_enough)]
Seconds = Annotated[timedelta, Field(gt=timedelta(0))]
LinkLife = Annotated[timedelta, Field(ge=timedelta(seconds=1), le=timedelta(days=7))]  # what s3v4 can sign
WebUrl = Annotated[str, _begins("https://", "http://")]
MaybeWebUrl = Annotated[str, _begins("https://", "http://", or_empty=True)]
LedgerUrl = Annotated[str, _begins("sqlite:///", "postgresql+psycopg://"), Field(repr=False)]  # may hold a password
QueueUrl = Annotated[SecretStr, _begins("redis://", "rediss://", "unix://")]  # may hold a password


class _Section(BaseModel):
    # hide_input_in_errors: a mistyped secret must not be printed by the message that complains about it
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Server(_Section):
    host: str = "127.0.0.1"  # behind a proxy; 0.0.0.0 to listen everywhere
    port: Annotated[int, Field(ge=0, le=65535)] = 8080  # plain HTTP
    public_url: WebUrl = "http://127.0.0.1:8080"  # what providers call; `reelkeep sign` and the docs print it
    operator_tokens: list[Secret] = []  # may read and act
    viewer_tokens: list[Secret] = []  # may read
    signing_keys: list[SigningKey] = []  # sign callback URLs; newest first, older ones still open theirs
    max_body: ByteSize = ByteSize(1 << 20)  # bytes of one callback
    content_life: LinkLife = timedelta(minutes=15)  # of a presigned link to an archived file


class Ledger(_Section):
    url: LedgerUrl = "sqlite:///data/ledger.db"  # or postgresql+psycopg://user@host/name


class Queue(_Section):
    url: QueueUrl = SecretStr("redis://127.0.0.1:6379/0")


class Store(_Section):
    bucket: Annotated[str, Field(min_length=3, max_length=63)] = "videos"  # originals and manifests; must exist
    companion_bucket: str = ""  # posters and other free metadata; empty: `<bucket>-companion`
    endpoint_url: MaybeWebUrl = ""  # empty: AWS
    public_endpoint_url: MaybeWebUrl = ""  # what a browser can reach, when it differs
    dialect: Literal["aws", "minio", "ceph", "r2", "rclone", "generic"] = "aws"  # what the store can do
    region: str = "us-east-1"  # for the signature

    @property
    def companion(self) -> str:
        return self.companion_bucket or f"{self.bucket}-companion"


class Workers(_Section):
    slots: Annotated[int, Field(ge=1, le=256)] = 16  # transfers at a time in one process
    lookers: Annotated[int, Field(ge=1, le=32)] = 4  # status requests at a time in one process
    spool: Path = Path("data/spool")  # files larger than `spool_memory` stand here while they are checked
    spool_memory: ByteSize = ByteSize(4 << 20)  # bytes of one file kept in memory before it goes to disk
    max_size: ByteSize = ByteSize(5 << 30)  # bytes of one file; S3's own limit for one PutObject is 5 GiB
    max_transfer: Seconds = timedelta(minutes=15)  # of one download, however alive it looks
    lease: Seconds = timedelta(seconds=12)  # how long a claim stands without a heartbeat
    heartbeat: Seconds = timedelta(seconds=3)  # how often a worker renews its claims
    sweep: Seconds = timedelta(seconds=5)  # look for due work without being woken, and how often the clock ticks
    grace: Seconds = timedelta(seconds=25)  # to finish running transfers after SIGTERM; then they are handed back

    @model_validator(mode="after")
    def _lease_outlives_heartbeats(self) -> "Workers":
        if self.lease < 2 * self.heartbeat:
            raise ValueError("lease must be at least twice heartbeat, or one late heartbeat loses a claim")
        return self


class Retention(_Section):
    mode: Literal["none"] = "none"  # object lock is not offered by this version
    days: Literal[0] = 0


class RateLimit(_Section):
    """What the provider allows the account, where you know better than its documentation."""

    requests: Annotated[int, Field(ge=1)]
    seconds: Annotated[int, Field(ge=1, le=86_400)]


class Source(_Section):
    """One configured account at a provider."""

    provider: str  # whose language it speaks: kie, seedanceapi, seedance2ai, kyyaipower, acedata
    webhook_keys: list[Secret] = []  # HMAC keys; the old and the new one during rotation
    tokens: list[Secret] = []  # accepted as the last part of the callback URL, beside minted ones
    api_key: Secret | None = None  # for the status API: confirms callbacks, renews links, finds what never calls back
    api_base: MaybeWebUrl = ""  # empty: the provider's own
    allowed_hosts: list[str] = []  # added to the provider's list; "127.0.0.1:9100" also admits that loopback origin
    insecure_http: bool = False  # follow plain http links and call a plain http api_base (tests, demo)
    confirm: Literal["auto", "always"] = "auto"  # always: ask the status API even about signed bodies
    allow_unsigned: bool = False  # take callbacks that prove nothing
    max_concurrency: Annotated[int, Field(ge=1)] = 8  # transfers at a time, over all workers
    rate_limit: RateLimit | None = None  # the account's, polling included; at most half of it is used
    retention: Retention = Retention()  # only "none" in this version

    @model_validator(mode="after")
    def _can_be_trusted(self, info: ValidationInfo) -> "Source":
        if self.provider not in PROVIDERS:
            raise ValueError(f"provider must be one of: {', '.join(sorted(PROVIDERS))}")
        calls = PROVIDERS[self.provider].CALLBACKS
        if self.webhook_keys and calls is not Callbacks.SIGNED:
            raise ValueError(f"{self.provider} signs no callbacks: webhook_keys cannot be used")
        if calls is Callbacks.NONE and self.api_key is None:
            raise ValueError(f"{self.provider} never calls back: it needs an api_key, to be asked")
        if calls is Callbacks.NONE and (self.tokens or self.allow_unsigned):
            raise ValueError(f"{self.provider} never calls back: tokens and allow_unsigned cannot be used")
        mints = (info.context or {}).get("mints", False)
        if not (self.webhook_keys or self.tokens or self.api_key or self.allow_unsigned or mints):
            raise ValueError(
                "needs webhook_keys, tokens, an api_key, server.signing_keys to mint callback URLs, "
                "or allow_unsigned = true"
            )
        if self.confirm == "always" and self.api_key is None:
            raise ValueError('confirm = "always" needs an api_key')
        if self.api_base.startswith("http://") and not self.insecure_http:
            raise ValueError(
                "api_base is plain http: the API key would travel in clear (insecure_http = true for tests)"
            )
        return self

    @property
    def base(self) -> str:
        return (self.api_base or PROVIDERS[self.provider].API_BASE).rstrip("/")

    @property
    def pace(self) -> Pace:
        """How the account may be asked."""
        pace = PROVIDERS[self.provider].PACE
        if self.rate_limit is None:
            return pace
        return replace(pace, requests=self.rate_limit.requests, per=timedelta(seconds=self.rate_limit.seconds))

    @property
    def budget(self) -> Budget:
        """How much of the account's limit is ours, and for what."""
        return split(self.pace, hinted=PROVIDERS[self.provider].CALLBACKS is not Callbacks.NONE)

    @property
    def hosts(self) -> frozenset[str]:
        """Names (and, for configured origins, `host:port`) whose links may be followed without confirmation."""
        return PROVIDERS[self.provider].HOSTS | frozenset(self.allowed_hosts)


SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class Settings(_Section):
    server: Server = Server()
    ledger: Ledger = Ledger()
    queue: Queue = Queue()
    store: Store = Store()
    workers: Workers = Workers()
    sources: dict[SourceName, Source] = {}

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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError([f"{path}: is not TOML: {exc}"]) from exc


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """
    Read the file and the environment.

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
        if environ.get(variable) and isinstance(server, dict):
            server.setdefault(key, [f"env:{variable}"])
    # A source sees nothing but itself, so whether URLs can be minted for it is told beside.
    mints = isinstance(server, dict) and bool(server.get("signing_keys"))
    context = {"environ": environ, "folder": path.parent if path else Path(), "mints": mints}
    try:
        return Settings.model_validate(document, context=context)
    except ValidationError as exc:
        raise SettingsError([_line(error) for error in exc.errors(include_input=False, include_url=False)]) from None


def _line(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"] if part != "[key]") or "settings"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}"
