"""Of what is due, the most urgent: the same question about assets and about looks."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Select, Table, select


def due_first(table: Table, due: Column[Any], now: datetime, *where: ColumnElement[bool]) -> Select[Any]:
    """
    Select the rows whose *due* instant has come, the earliest `must_by` first, but none that somebody else holds.

    *where* begins with what the partial index of waiting rows begins with, so that this is one seek; ties are left to
    the index, since sorting them would read them all.
    """
    wanted = select(table).where(*where, due <= now).order_by(table.c.must_by)
    return wanted.with_for_update(skip_locked=True)


def first(conn: Connection, wanted: Select[Any]) -> RowMapping | None:
    return conn.execute(wanted.limit(1)).mappings().first()


def urgency(row: RowMapping) -> tuple[datetime, str]:
    """By what the heads of several sources are compared."""
    return row["must_by"], row["id"]
