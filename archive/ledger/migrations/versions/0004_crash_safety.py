"""Claims that nobody ended, files that wait for a store, what a task cost, and counters. Only adds: see migrate."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("credits", sa.Float(), nullable=True))
    op.add_column("tasks", sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("assets", sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("assets", sa.Column("kept_in", sa.String(length=32), nullable=True))
    op.add_column("sources", sa.Column("api_failures", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("sources", sa.Column("api_trouble", sa.String(length=80), nullable=True))
    op.add_column("sources", sa.Column("api_rests_until", sa.BigInteger(), nullable=True))
    op.create_table(
        "tallies",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("bucket", sa.String(length=80), nullable=False),
        sa.Column("count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("name", "source", "bucket"),
    )
