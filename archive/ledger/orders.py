"""
Orders whose tasks are not known yet: written down before anything is sent, so that none is paid for and forgotten.

An order is settled, and its row gone, when its task is registered, when a callback brings it, or when the provider has
said no. What is left after an hour was cut off between its sending and its answer: a person has to look.
"""

import hashlib
from collections.abc import Collection, Mapping
from datetime import timedelta
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, delete, func, select

from archive.documents import dump
from archive.ledger import audit
from archive.ledger.database import Database
from archive.ledger.schema import orders
from archive.ledger.upsert import insert_new

DOUBT = timedelta(hours=1)  # longer than any answer is waited for


def begin(
    db: Database,
    source: str,
    *,
    key: str | None = None,
    callback: str | None = None,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> str:
    """
    Write an order down before it is sent; return its id.

    Args:
        key: the Idempotency-Key it is sent with; repeated with the same one it is the same order.
        callback: the reference of the minted URL in it, whose first call settles it.

    Raises:
        LedgerError: it must not be sent.
    """
    given = hashlib.sha256(dump([source, key]).encode()).hexdigest()[:32] if key else token_hex(16)
    with db.write() as conn:
        row = {
            "id": given, "source": source, "callback": callback, "external_id": external_id,
            "metadata": dump(metadata) if metadata is not None else None, "created_at": db.now(conn),
        }  # fmt: skip
        insert_new(conn, orders, [row])
    return given


def settle(db: Database, order: str) -> None:
    """It is known what became of the order."""
    with db.write() as conn:
        conn.execute(delete(orders).where(orders.c.id == order))


def settle_called(conn: Connection, callbacks: Collection[str]) -> None:
    """The same for orders that somebody has called about, in the transaction that believes it."""
    conn.execute(delete(orders).where(orders.c.callback.in_(sorted(callbacks))))


def dismiss(db: Database, order: str, actor: str) -> bool:
    """A person has looked; False where there is no such order."""
    with db.write() as conn:
        found = conn.execute(delete(orders).where(orders.c.id == order)).rowcount == 1
        if found:
            audit.write(conn, db.now(conn), [audit.Entry("order", order, "unknown", "dismissed", actor)])
        return found


def unknown(db: Database, limit: int = 200) -> list[Mapping[str, Any]]:
    """Those in doubt, the oldest first."""
    with db.read() as conn:
        rows = select(orders).where(orders.c.created_at <= db.now(conn) - DOUBT)
        found = conn.execute(rows.order_by(orders.c.created_at, orders.c.id).limit(limit)).mappings()
        return [dict(row) for row in found]


def in_doubt(db: Database) -> dict[str, int]:
    """How many there are of each source."""
    with db.read() as conn:
        old = select(orders.c.source, func.count()).where(orders.c.created_at <= db.now(conn) - DOUBT)
        return {source: number for source, number in conn.execute(old.group_by(orders.c.source))}  # noqa: C416 (rows)
