"""The words of the house as frozen values. Instants are aware and UTC, sizes are bytes, durations are timedelta."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from urllib.parse import urlsplit


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
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        """The URL's path without query: what stays the same when a link is signed anew."""
        return urlsplit(self.url).path

    def __repr__(self) -> str:
        return f"Link({self.host!r}, expires_at={self.expires_at.isoformat()}, {self.origin})"


@dataclass(frozen=True)
class Output:
    """One file of a finished task. `ordinal` counts from 0 within its role."""

    role: str
    ordinal: int
    link: Link
    output_id: str | None = None


@dataclass(frozen=True)
class Event:
    """What one delivery or one poll answer says, in our words."""

    task_id: str
    progress: Progress
    route: str  # which of the provider's status routes knows this task
    outputs: tuple[Output, ...] = ()
    reason: str | None = None  # the provider's failure code, as a slug
    completed_at: datetime | None = None
    storage_expires_at: datetime | None = None


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
