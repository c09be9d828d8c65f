"""
The tables. SQLAlchemy Core; `migrations/` makes them, this module is what the queries are written against.

Instants are integers, microseconds since 1970 UTC: the same on both databases, ordered, without time zones. JSON is
ASCII text, so that anything a stranger sends can be stored. `due_at` and `look_at` are null where nothing is to be
done, which keeps their partial indexes as small as the work that waits.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since the epoch."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ARG002
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        return None if value is None else EPOCH + value * MICROSECOND


metadata = MetaData()
_row_id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only for INTEGER

sources = Table(
    "sources",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    # Two rate buckets of the account, each the instant at which it is full again (archive.budget).
    Column("asks_paid_until", Instant),  # for what we know to exist
    Column("hints_paid_until", Instant),  # for tasks that only somebody unproved has named
    # What its API is like (archive.ledger.outages): requests in a row that nobody answered, why, and when to ask again.
    Column("api_failures", Integer, nullable=False, server_default=text("0")),
    Column("api_trouble", String(80)),
    Column("api_rests_until", Instant),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("headers", Text, nullable=False),  # JSON; only the few that verify and normalise need
    Column("verdict", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(80)),
    Column("task_id", String(512)),
    Column("repeats", Integer, nullable=False, server_default=text("0")),
    Column("last_seen_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),  # last: whoever reads the others need not wade through it
    Index("ix_deliveries_received", "received_at", "id"),
    Index("ix_deliveries_task", "source", "task_id", "received_at"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("task_id", String(512), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(80)),
    Column("external_id", String(512)),
    Column("metadata", Text),  # JSON, the user's own
    Column("metadata_key", String(1024)),  # where `metadata` stands in the companion bucket, once it does
    Column("claimed", Text),  # JSON list of host+path that an unconfirmed callback named, for comparison
    Column("route", String(32)),
    Column("created_at", Instant, nullable=False),
    Column("expected_at", Instant, nullable=False),
    Column("hinted_at", Instant),
    Column("completed_at", Instant),
    Column("storage_expires_at", Instant),
    Column("credits", Float),  # what the provider says that it cost
    Column("must_by", Instant, nullable=False),  # the earliest instant at which a result could be beyond reach
    Column("look_at", Instant),  # next look at the status API, and while one runs the end of its lease
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("looks", Integer, nullable=False, server_default=text("0")),
    # Looks in a row that nobody ended: their process may have died of what the provider answers.
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    # Somebody we trust said that it exists: the user, the provider's API, a signature, or a callback URL we minted.
    Column("vouched", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("source", "task_id", name="uq_tasks_source_task"),
    Index("ix_tasks_created", "created_at", "id"),
    Index("ix_tasks_external", "external_id"),
    Index("ix_tasks_state", "source", "state", "created_at"),
    Index(
        "ix_tasks_look",
        "source",
        "vouched",
        "must_by",
        "look_at",  # so that what is not due yet is passed over within the index
        postgresql_where=text("look_at IS NOT NULL"),
        sqlite_where=text("look_at IS NOT NULL"),
    ),
)

assets = Table(
    "assets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("task", String(32), ForeignKey("tasks.id"), nullable=False),
    Column("source", String(64), nullable=False),
    Column("task_id", String(512), nullable=False),
    Column("role", String(32), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(80)),
    Column("verdict", String(16), nullable=False),  # of the statement that gave the link
    Column("link", Text, nullable=False),  # a secret while it lives
    Column("second_link", Text),  # to the same file at another place; as secret
    Column("link_expires_at", Instant, nullable=False),
    Column("link_origin", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("must_by", Instant, nullable=False),
    Column("due_at", Instant),  # next attempt, and while one runs the end of its lease
    Column("owner", String(64)),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column(
        "attempts", Integer, nullable=False, server_default=text("0")
    ),  # failed ones since the last success or retry
    # Claims in a row whose process was never heard of again: it may have died of this file.
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    Column("kept_in", String(32)),  # the spool in which the file waits for a store that is away
    Column("size", BigInteger),
    Column("sha256", String(64)),
    Column("content_type", String(80)),
    Column("media", Text),  # JSON: duration, width, height, codecs, fps
    Column("bucket", String(63)),
    Column("key", Text),
    Column("version_id", String(255)),
    Column("poster_key", Text),
    Column("archived_at", Instant),
    CheckConstraint("(state = 'waiting') = (due_at IS NOT NULL)", name="ck_assets_waiting_is_due"),
    CheckConstraint(
        "state <> 'archived' OR (sha256 IS NOT NULL AND key IS NOT NULL)",
        name="ck_assets_archived_has_object",
    ),
    Index("ix_assets_created", "created_at", "id"),
    Index("ix_assets_task", "task"),
    Index("ix_assets_state", "source", "state", "created_at"),
    Index(
        "ix_assets_due",
        "source",
        "must_by",
        postgresql_where=text("due_at IS NOT NULL"),
        sqlite_where=text("due_at IS NOT NULL"),
    ),
    Index(
        "ix_assets_owner",
        "owner",
        postgresql_where=text("owner IS NOT NULL"),
        sqlite_where=text("owner IS NOT NULL"),
    ),
)

callback_urls = Table(
    "callback_urls",
    metadata,
    Column("id", String(32), primary_key=True),  # what the minted URL refers to; its signature is not kept
    Column("source", String(64), nullable=False),
    Column("external_id", String(512)),
    Column("metadata", Text),  # JSON, the user's own; the first task that comes by the URL inherits it
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("task", String(32), ForeignKey("tasks.id")),
    Column("forward_url", Text),  # where the caller of the proxy wants the provider's callbacks; a secret
)

attempts = Table(
    "attempts",
    metadata,
    Column("asset", String(32), ForeignKey("assets.id"), primary_key=True),
    Column("fence", Integer, primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", String(16)),  # archived, transient, permanent, handed_back, crashed, overtaken
    Column("reason", String(80)),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _row_id, primary_key=True, autoincrement=True),  # local order only; sealing numbers entries densely
    Column("at", Instant, nullable=False),
    Column("subject", String(8), nullable=False),  # task, asset, source, alert
    Column("subject_id", String(64), nullable=False),
    Column("was", String(16)),
    Column("now", String(16), nullable=False),
    Column("reason", String(80)),
    Column("actor", String(80), nullable=False),  # delivery:<id>, poll, worker:<owner>, operator
    Column("facts", Text),  # JSON
    Index("ix_audit_subject", "subject", "subject_id", "id"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _row_id, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("asset", String(32), ForeignKey("assets.id")),  # the one or the other
    Column("task", String(32), ForeignKey("tasks.id")),
    Column("due_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("kind", "asset", name="uq_outbox_kind_asset"),
    UniqueConstraint("kind", "task", name="uq_outbox_kind_task"),
    Index("ix_outbox_due", "due_at"),
)

targets = Table(
    "targets",
    metadata,
    Column("name", String(64), primary_key=True),  # as configured; notifications are made for what stands here
    Column("format", String(16), nullable=False),  # reelkeep, provider
    Column("types", Text, nullable=False),  # JSON list; empty: all
    Column("sources", Text, nullable=False),  # JSON list; empty: all
    Column("failures", Integer, nullable=False, server_default=text("0")),  # in a row, of the target's own making
    Column("rests_until", Instant),  # nothing is sent before
    Column("failing_since", Instant),  # the first failure of any kind since it last took something
    Column("succeeded_at", Instant),
    Column("failed_at", Instant),
    Column("reason", String(80)),  # of the last failure
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(32), primary_key=True),  # `webhook-id` is msg_ and this, at every attempt
    Column("target", String(64), nullable=False),  # of `targets`; "" for the URL behind `callback`
    Column("callback", String(32), ForeignKey("callback_urls.id")),
    Column("type", String(32), nullable=False),
    Column("source", String(64)),
    Column("subject", String(16), nullable=False),  # asset, task, delivery, alert, target
    Column("subject_id", String(96), nullable=False),
    Column("facts", Text),  # JSON; what was true when it happened and may not be later
    Column("state", String(16), nullable=False),  # pending, delivered, dead
    Column("reason", String(80)),  # of the last attempt that failed
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("fence", Integer, nullable=False, server_default=text("0")),  # counts claims; never goes back
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant),  # next attempt, and while one runs the end of its lease
    Column("leased_until", Instant),  # the same while one runs, else null: what is in flight is found by it
    Column("ended_at", Instant),
    Index("ix_notifications_created", "created_at", "id"),
    Index("ix_notifications_state", "target", "state", "created_at"),
    Index("ix_notifications_subject", "subject_id"),
    Index(
        "ix_notifications_due",
        "target",
        "due_at",
        postgresql_where=text("due_at IS NOT NULL"),
        sqlite_where=text("due_at IS NOT NULL"),
    ),
    Index(
        "ix_notifications_leased",
        "target",
        "leased_until",
        postgresql_where=text("leased_until IS NOT NULL"),
        sqlite_where=text("leased_until IS NOT NULL"),
    ),
    Index(
        "ix_notifications_delivered",
        "ended_at",
        postgresql_where=text("state = 'delivered'"),
        sqlite_where=text("state = 'delivered'"),
    ),
)

orders = Table(
    "orders",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("callback", String(32)),  # of the minted URL that it was sent with
    Column("external_id", String(512)),
    Column("metadata", Text),  # JSON, the user's own and the request
    Column("created_at", Instant, nullable=False),
    Index("ix_orders_created", "created_at", "id"),
    Index("ix_orders_callback", "callback"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("key", String(96), primary_key=True),  # what it is about: source and kind
    Column("source", String(64)),
    Column("text", Text, nullable=False),
    Column("raised_at", Instant, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("until", Instant, nullable=False),
)

tallies = Table(
    "tallies",
    metadata,
    # Counters for /metrics, raised in the transactions that make what they count: no restart forgets them.
    Column("name", String(32), primary_key=True),
    Column("source", String(64), primary_key=True),
    Column("bucket", String(80), primary_key=True),  # a reason, or the upper edge of a histogram's bucket
    Column("count", BigInteger, nullable=False, server_default=text("0")),
    Column("total", Float, nullable=False, server_default=text("0")),  # the sum of what was measured
)
