"""The words of the house as frozen values. Instants are aware and UTC, sizes are bytes, durations are timedelta."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any
from urllib.parse import urlsplit

from archive.errors import LinkRefusedError, NotUnderstoodError
from archive.urls import read_url

MAX_OUTPUTS = 100  # of one event; pages show a handful, and a body of 1 MiB could name 40,000


class Verdict(IntEnum):
    """How far a statement proves itself, weakest first. Stored and shown by its lower-case name."""

    UNSIGNED = 0
    STALE = 1  # correctly signed, but outside the window: worth a look, no more
    TOKEN = 2  # our secret came back in the callback URL
    SIGNED_ID = 3  # the signature covers the task id and the time (KIE)
    SIGNED_BODY = 4  # the signature covers the body
    POLLED = 5  # the provider's own API said so, asked with our key over TLS

    @property
    def label(self) -> str:
        return self.name.lower()


class Outcome(StrEnum):
    """What became of a delivery; the sender hears it."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class Progress(StrEnum):
    """What an event says about its task."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class TaskState(StrEnum):
    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    GONE = "gone"


class AssetState(StrEnum):
    WAITING = "waiting"
    ARCHIVED = "archived"
    DISPOSED = "disposed"
    QUARANTINED = "quarantined"
    LOST = "lost"


class NotificationState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class Callbacks(StrEnum):
    """What a provider's callbacks are worth by themselves."""

    NONE = "none"  # it never calls back: tasks are registered and polled
    UNSIGNED = "unsigned"  # only our own token in the URL tells who called
    SIGNED = "signed"


class ExpiryOrigin(StrEnum):
    """Where an expiry comes from: the provider's word, or what we assume from its documentation."""

    STATED = "stated"
    DEFAULT = "default"


@dataclass(frozen=True)
class Link:
    """A time-limited URL. It is a secret: its repr shows the host only."""

    url: str = field(repr=False)
    expires_at: datetime
    origin: ExpiryOrigin

    @property
    def host(self) -> str:
        """Where it leads, as whoever follows it reads it; empty where it cannot be followed."""
        try:
            return read_url(self.url).host
        except LinkRefusedError:
            return ""

    @property
    def path(self) -> str:
        """The path as given, without query: what stays the same when a link is signed anew. Part of asset ids."""
        return urlsplit(self.url).path

    def __repr__(self) -> str:
        return f"Link({self.host!r}, expires_at={self.expires_at.isoformat()}, {self.origin})"


@dataclass(frozen=True)
class Output:
    """
    One file of a finished task. `role` is one of `archive.roles`, `ordinal` counts from 0 within it.

    `second` leads to the same file at another place, where the provider names one.
    """

    role: str
    ordinal: int
    link: Link
    output_id: str | None = None
    second: Link | None = None


@dataclass(frozen=True)
class Event:
    """
    What one delivery or one poll answer says, in our words.

    Raises NotUnderstoodError, `too_many_outputs`, when made with more than MAX_OUTPUTS: each becomes an asset.
    """

    task_id: str
    progress: Progress
    route: str  # which of the provider's status routes knows this task
    outputs: tuple[Output, ...] = ()
    reason: str | None = None  # the provider's failure code as a slug; `state_unknown` where it uses a new word
    completed_at: datetime | None = None
    storage_expires_at: datetime | None = None
    credits: float | None = None  # what the provider says that the task cost, as it counts

    def __post_init__(self) -> None:
        if len(self.outputs) > MAX_OUTPUTS:
            raise NotUnderstoodError("too_many_outputs")


@dataclass(frozen=True)
class Pace:
    """
    How an account at a provider may be asked about its tasks.

    The limit is the account's whole one, documented or, where none is, assumed; we use at most half of it.
    """

    typical: timedelta  # how long a generation usually takes: the first look is planned then
    floor: timedelta  # the same task is asked about no more often than this
    requests: int  # the limit: so many requests …
    per: timedelta  # … in any span of this length
    batch: int = 1  # tasks that one request can ask about


@dataclass(frozen=True)
class Delivery:
    """One HTTP callback as it arrived. Header names are lower case."""

    source: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    token: str | None = field(repr=False)
    received_at: datetime


@dataclass(frozen=True)
class ApiRequest:
    """A request to the provider's API, relative to `api_base`; the API key is added by whoever sends it."""

    method: str
    path: str
    route: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ApiAnswer:
    """What the provider's API answered."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
