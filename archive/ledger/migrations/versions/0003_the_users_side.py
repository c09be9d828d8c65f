"""Notifications and their targets, alarms that stand, callbacks to pass on, metadata in the companion bucket."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Tables in the order in which every writer locks them: processes of the version before may still be at work.
    op.add_column("tasks", sa.Column("metadata_key", sa.String(length=1024), nullable=True))
    with op.batch_alter_table("outbox") as outbox:
        outbox.alter_column("asset", existing_type=sa.String(length=32), nullable=True)
        outbox.add_column(sa.Column("task", sa.String(length=32), nullable=True))
        outbox.create_foreign_key("fk_outbox_task", "tasks", ["task"], ["id"])
        outbox.create_unique_constraint("uq_outbox_kind_task", ["kind", "task"])
    # What was said of a task before metadata had a place in the companion bucket belongs there too.
    op.execute(
        "INSERT INTO outbox (kind, task, due_at)"
        " SELECT 'metadata', id, created_at FROM tasks WHERE metadata IS NOT NULL"
    )
    op.add_column("callback_urls", sa.Column("forward_url", sa.Text(), nullable=True))
    op.create_table(
        "targets",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("(0)"), nullable=False),
        sa.Column("rests_until", sa.BigInteger(), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("succeeded_at", sa.BigInteger(), nullable=True),
        sa.Column("failed_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("callback", sa.String(length=32), nullable=True),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("subject", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=96), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("(0)"), nullable=False),
        sa.Column("fence", sa.Integer(), server_default=sa.text("(0)"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["callback"], ["callback_urls.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_notifications_created", "notifications", ["created_at", "id"])
    op.create_index("ix_notifications_state", "notifications", ["target", "state", "created_at"])
    op.create_index("ix_notifications_subject", "notifications", ["subject_id"])
    for name, columns, where in (
        ("ix_notifications_due", ["target", "due_at"], "due_at IS NOT NULL"),
        ("ix_notifications_leased", ["target", "leased_until"], "leased_until IS NOT NULL"),
        ("ix_notifications_delivered", ["ended_at"], "state = 'delivered'"),
    ):
        op.create_index(name, "notifications", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table(
        "orders",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("callback", sa.String(length=32), nullable=True),
        sa.Column("external_id", sa.String(length=512), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_orders_created", "orders", ["created_at", "id"])
    op.create_index("ix_orders_callback", "orders", ["callback"])
    op.create_table(
        "alarms",
        sa.Column("key", sa.String(length=96), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
