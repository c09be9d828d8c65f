"""Rate buckets of accounts, what vouches for a task, second links, minted callback URLs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_PLANNED = sa.text("look_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("sources", sa.Column("asks_paid_until", sa.BigInteger(), nullable=True))
    op.add_column("sources", sa.Column("hints_paid_until", sa.BigInteger(), nullable=True))
    op.add_column("assets", sa.Column("second_link", sa.Text(), nullable=True))
    op.add_column("tasks", sa.Column("vouched", sa.Boolean(), server_default=sa.text("(false)"), nullable=False))
    op.execute("UPDATE tasks SET vouched = true")  # what is there was treated so until now
    op.drop_index("ix_tasks_look", "tasks")
    op.create_index(
        "ix_tasks_look",
        "tasks",
        ["source", "vouched", "must_by", "look_at"],
        sqlite_where=_PLANNED,
        postgresql_where=_PLANNED,
    )
    op.create_table(
        "callback_urls",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.String(length=512), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("task", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
