"""INSERT … ON CONFLICT DO NOTHING, which both databases have and SQLAlchemy spells per dialect."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(conn: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> set[Any]:
    """
    Insert the rows whose key is not there yet, in one statement; return the keys of those that were new.

    Rows go in by the order of their keys: two writers with the same rows then wait for each other, never in a circle.
    """
    if not rows:
        return set()
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    key = next(iter(table.primary_key.columns))
    if len(rows) > 1:
        rows = sorted(rows, key=lambda row: str(row[key.name]))
    statement = dialect.insert(table).on_conflict_do_nothing().returning(key)
    return set(conn.execute(statement, rows).scalars())
