"""What an operator may do about notifications: send again what was given up, and send a test."""

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, literal, select, tuple_, update

from archive.ledger import audit
from archive.ledger.database import Database
from archive.ledger.notification_queries import Filter, told_targets
from archive.ledger.schema import MICROSECOND, notifications, targets
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
    this = notifications.c.id == key
    with db.write() as conn:
        target = conn.scalars(select(notifications.c.target).where(this)).first()
        if target is None:
            return None
        _wake(conn, target)
        found = conn.scalars(select(notifications.c.state).where(this).with_for_update()).first()
        if found is None:
            return None
        was = NotificationState(found)
        if was is not NotificationState.PENDING:
            now = db.now(conn)
            conn.execute(update(notifications).where(this).values(**_AGAIN, due_at=now))
            entry = audit.Entry(
                "target", target, was, NotificationState.PENDING, actor, "redrive", {"notification": key}
            )
            audit.write(conn, now, [entry])
        return was


def redrive_dead(db: Database, wanted: Filter, actor: str, at_once: int = AT_ONCE) -> int:
    """
    Send again all dead notifications that fit *wanted*, oldest first, and return how many those were.

    One transaction for each *at_once* of them. What dies again meanwhile is left alone, and so is what belongs to a
    target that is not configured any more, since nobody would send it.
    """
    with db.read() as conn:
        names = [wanted.target] if wanted.target is not None else told_targets(conn)
    found = notifications.c
    total = 0
    for name in names:
        dead = (found.target == name, found.state == NotificationState.DEAD)
        some = select(found.id, found.created_at).where(*dead, *wanted.where())
        some = some.order_by(found.created_at, found.id).limit(at_once)
        page = some
        while rows := _redrive_page(db, name, page, actor):
            total += len(rows)
            last = tuple_(literal(rows[-1].created_at, found.created_at.type), rows[-1].id)
            page = some.where(tuple_(found.created_at, found.id) > last)
    return total


def _redrive_page(db: Database, target: str, page: Select[Any], actor: str) -> Sequence[Row[Any]]:
    with db.write() as conn:
        if not _wake(conn, target):
            return []
        rows = conn.execute(page.with_for_update()).all()
        if rows:
            now = db.now(conn)
            these = update(notifications).where(notifications.c.id.in_([row.id for row in rows]))
            conn.execute(these.values(**_AGAIN, due_at=now))
            facts = {"redriven": len(rows)}
            entry = audit.Entry("target", target, "dead", NotificationState.PENDING, actor, "redrive", facts)
            audit.write(conn, now, [entry])
        return rows


def add_test(db: Database, target: str) -> Mapping[str, Any]:
    """
    A notification that only says that it is a test; returns its row.

    It is due before all that waits for the target: who asks for a test looks on. Earlier ones that failed are gone.
    """
    failed = (notifications.c.target == target, notifications.c.state == NotificationState.DEAD)
    waiting = (notifications.c.target == target, notifications.c.due_at.is_not(None))
    with db.write() as conn:
        _wake(conn, target)
        conn.execute(delete(notifications).where(*failed, notifications.c.type == TEST))
        now = db.now(conn)
        first = conn.scalar(select(func.min(notifications.c.due_at)).where(*waiting))
        row = {
            "id": token_hex(16), "target": target, "type": TEST, "subject": "target", "subject_id": target,
            "state": NotificationState.PENDING, "created_at": now,
            "due_at": min(now, first - MICROSECOND) if first else now,
        }  # fmt: skip
        return dict(conn.execute(insert(notifications).values(row).returning(notifications)).mappings().one())


def _wake(conn: Connection, target: str) -> bool:
    """
    End the target's rest: who asks for a notification wants to see it sent. False where there is no such target.

    Rows of `targets` are locked before those of `notifications`, by everybody (`archive.ledger.notifications`).
    """
    awake = update(targets).where(targets.c.name == target).values(rests_until=None)
    return conn.execute(awake).rowcount == 1 or target == ""
