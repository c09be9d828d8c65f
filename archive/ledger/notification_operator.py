"""What an operator may do about notifications: send again what was given up, and send a test."""

from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, insert, literal, select, tuple_, update

from archive.ledger import audit
from archive.ledger.database import Database
from archive.ledger.notification_queries import Filter, told_targets
from archive.ledger.schema import notifications, targets
from archive.model import NotificationState
from archive.targets import TEST

AT_ONCE = 1_000  # rows of one statement and one transaction: nobody waits long for the ledger meanwhile
_AGAIN = {"state": NotificationState.PENDING, "attempts": 0, "ended_at": None, "reason": None}


def redrive(db: Database, key: str, actor: str) -> NotificationState | None:
    """
    Send a dead or a delivered notification again, now and as if for the first time. A pending one stays as it is.

    Returns:
        The state it was in; None where there is no such notification.
    """
    with db.write() as conn:
        found = select(notifications.c.state, notifications.c.target).where(notifications.c.id == key)
        row = conn.execute(found.with_for_update()).first()
        if row is None:
            return None
        was = NotificationState(row.state)
        if was is not NotificationState.PENDING:
            now = db.now(conn)
            conn.execute(update(notifications).where(notifications.c.id == key).values(**_AGAIN, due_at=now))
            _wake(conn, row.target)
            facts = {"notification": key}
            entry = audit.Entry("target", row.target, was, NotificationState.PENDING, actor, "redrive", facts)
            audit.write(conn, now, [entry])
        return was


def redrive_dead(db: Database, wanted: Filter, actor: str, at_once: int = AT_ONCE) -> int:
    """
    Send again all dead notifications that fit *wanted*, oldest first, and return how many those were.

    One transaction for each *at_once* of them. What dies again meanwhile is left alone.
    """
    with db.read() as conn:
        asked_at = db.now(conn)
        names = [wanted.target] if wanted.target is not None else told_targets(conn)
    found = notifications.c
    total = 0
    for name in names:
        dead = (found.target == name, found.state == NotificationState.DEAD, found.ended_at <= asked_at)
        some = select(found.id, found.created_at).where(*dead, *wanted.where())
        some = some.order_by(found.created_at, found.id).limit(at_once)
        page = some
        while True:
            with db.write() as conn:
                rows = conn.execute(page.with_for_update()).all()
                if rows:
                    now = db.now(conn)
                    these = update(notifications).where(found.id.in_([row.id for row in rows]))
                    conn.execute(these.values(**_AGAIN, due_at=now))
                    _wake(conn, name)
                    facts = {"redriven": len(rows)}
                    entry = audit.Entry("target", name, "dead", NotificationState.PENDING, actor, "redrive", facts)
                    audit.write(conn, now, [entry])
            total += len(rows)
            if len(rows) < at_once:
                break
            last = tuple_(literal(rows[-1].created_at, found.created_at.type), rows[-1].id)
            page = some.where(tuple_(found.created_at, found.id) > last)
    return total


def add_test(db: Database, target: str) -> Mapping[str, Any]:
    """A notification that only says that it is a test, due now; returns its row."""
    with db.write() as conn:
        now = db.now(conn)
        row = {
            "id": token_hex(16), "target": target, "type": TEST, "subject": "target", "subject_id": target,
            "state": NotificationState.PENDING, "created_at": now, "due_at": now,
        }  # fmt: skip
        made = conn.execute(insert(notifications).values(row).returning(notifications)).mappings().one()
        _wake(conn, target)
        return dict(made)


def _wake(conn: Connection, target: str) -> None:
    """Who asks for a notification wants to see it sent, not to wait until a failing target has rested."""
    conn.execute(update(targets).where(targets.c.name == target).values(rests_until=None))
