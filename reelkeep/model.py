"""
What the API tells, as frozen values. Instants are aware and UTC, sizes bytes, states text: there may be more of them.

Whatever is a secret while it lives (a presigned link, a callback URL, a delivery's body) is left out of the repr.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from reelkeep.reading import Row

T = TypeVar("T", bound=Row)


@dataclass(frozen=True, kw_only=True)
class Task(Row):
    """A generation task at a provider. `id` is Reelkeep's, `task_id` the provider's, `external_id` your own."""

    id: str
    source: str
    task_id: str
    state: str  # open, succeeded, failed, gone
    reason: str | None = None
    external_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    created_at: datetime | None = None
    expected_at: datetime | None = None
    completed_at: datetime | None = None
    must_by: datetime | None = None
    look_at: datetime | None = None  # when the provider is asked next
    credits: float | None = None  # what the provider says that it cost
    assets: tuple[str, ...] = ()  # ids; told of one task, not in lists

    @property
    def has_ended(self) -> bool:
        return self.state != "open"


@dataclass(frozen=True, kw_only=True)
class Imported(Row):
    """A task of an import, as it stands; `is_new`: nobody had told of it before."""

    id: str
    source: str
    task_id: str
    state: str
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class Found(Row):
    """What became of a task. `assets` counts its assets by state, `asset_reasons` are theirs."""

    id: str
    source: str
    task_id: str
    state: str
    reason: str | None = None
    external_id: str | None = None
    assets: Mapping[str, int] = field(default_factory=dict, hash=False)
    asset_reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Asset(Row):
    """One file of a task. Where it stands (`bucket`, `key`, `version_id`) is known once it is archived."""

    id: str
    source: str
    task_id: str
    role: str
    state: str  # waiting, archived, disposed, quarantined, lost
    reason: str | None = None
    ordinal: int = 0
    external_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    size: int | None = None
    sha256: str | None = None
    content_type: str | None = None
    media: Mapping[str, Any] = field(default_factory=dict, hash=False)
    bucket: str | None = None
    key: str | None = None
    version_id: str | None = None
    poster_key: str | None = None
    created_at: datetime | None = None
    must_by: datetime | None = None  # when it can no longer be had from the provider
    link_expires_at: datetime | None = None
    archived_at: datetime | None = None

    @property
    def is_archived(self) -> bool:
        return self.state == "archived"

    @property
    def has_ended(self) -> bool:
        """Nothing more happens by itself; lost and quarantined count too."""
        return self.state != "waiting"


@dataclass(frozen=True, kw_only=True)
class Delivery(Row):
    """A provider's callback as it came."""

    id: str
    source: str
    outcome: str  # accepted, ignored, quarantined
    reason: str | None = None
    verdict: str | None = None
    task_id: str | None = None
    repeats: int = 0
    received_at: datetime | None = None
    last_seen_at: datetime | None = None
    body: str | None = field(default=None, repr=False)  # of one delivery, for operators; redacted


@dataclass(frozen=True, kw_only=True)
class Notification(Row):
    """What one target was told, or is yet to be told. The webhook's `webhook-id` is `msg_` and this `id`."""

    id: str
    type: str
    state: str  # pending, delivered, dead
    target: str | None = None
    source: str | None = None
    subject: str | None = None
    subject_id: str | None = None
    reason: str | None = None  # of the last attempt that failed
    advice: str | None = None  # what to do about it; told of one notification, not in lists
    attempts: int = 0
    created_at: datetime | None = None
    due_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Target(Row):
    """An application that is told. Of its `url` only scheme and host are shown; the counts are bounded."""

    name: str
    url: str | None = None
    format: str | None = None
    types: tuple[str, ...] = ()  # none: all
    sources: tuple[str, ...] = ()  # none: all
    failures: int = 0  # in a row
    failing_since: datetime | None = None
    rests_until: datetime | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    reason: str | None = None
    advice: str | None = None
    pending: int = 0
    delivered: int = 0
    dead: int = 0


@dataclass(frozen=True, kw_only=True)
class CallbackUrl(Row):
    """A callback URL for one task. `url` is a secret, for the provider alone."""

    id: str
    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Content(Row):
    """A presigned link to an archived file. Whoever has `url` has the file, until `expires_at`."""

    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Cost(Row):
    """An estimate by the provider's documented prices."""

    usd: Decimal
    credits: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Generated(Row):
    """What was ordered: its tasks (none after a dry run), and `request`, the body that the provider gets."""

    tasks: tuple[Task, ...] = field(default=(), metadata={"read": lambda found: tuple(map(Task.of, found))})
    callback_id: str | None = None
    credits: Decimal | None = None  # as the provider's answer says
    cost: Cost | None = field(default=None, metadata={"read": Cost.of})
    request: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True, kw_only=True)
class Retried(Row):
    """An asset or a notification that is tried again; `was` is the state it had."""

    id: str
    was: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Replayed(Row):
    """A delivery that was read again."""

    delivery_id: str
    outcome: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pause(Row):
    """Whether new transfers of a source are started."""

    source: str
    paused: bool


@dataclass(frozen=True, kw_only=True)
class Status(Row):
    """What waits and what is done. `alerts` is what costs videos while it lasts; the counts are by source and state."""

    alerts: tuple[str, ...]
    work: Mapping[str, int] = field(hash=False)
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    assets: Mapping[str, Mapping[str, int]] = field(default_factory=dict, hash=False)
    tasks: Mapping[str, Mapping[str, int]] = field(default_factory=dict, hash=False)
    deliveries: Mapping[str, Mapping[str, int]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of a list, newest first; `next_cursor` leads on where there is more."""

    items: tuple[T, ...]
    next_cursor: str | None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
