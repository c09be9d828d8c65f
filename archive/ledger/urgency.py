"""Of what is due, the most urgent: the same question about assets and about looks."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, RowMapping, Table, select


def most_urgent(
    conn: Connection, table: Table, due: Column[Any], names: Iterable[str], now: datetime
) -> RowMapping | None:
    """
    Lock the row with the earliest `must_by` whose *due* instant has come, over the sources called *names*.

    One seek a source in the partial index of what waits; rows somebody else holds are passed over.
    """
    heads = []
    for name in names:
        wanted = select(table).where(table.c.source == name, due <= now).order_by(table.c.must_by, table.c.id).limit(1)
        if row := conn.execute(wanted.with_for_update(skip_locked=True)).mappings().first():
            heads.append(row)
    return min(heads, key=lambda head: (head["must_by"], head["id"]), default=None)
