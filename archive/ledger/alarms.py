"""Alarms that stand: what was wrong at the last comparison, so that its begin and its end are told once each."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import delete, insert, select

from archive.alerts import Alert
from archive.ledger import audit
from archive.ledger.database import Database
from archive.ledger.schema import alarms

HOLD = timedelta(minutes=1)  # an alarm stands that long: what comes and goes with each tick is told once


def compare(db: Database, found: Iterable[Alert]) -> int:
    """
    Raise what is new among *found* and clear what has ended; return how many of both.

    Each is an audit entry, and so a notification of type `audit.alert`. An alarm that stands keeps its first words.
    """
    now_wrong = {alert.key: alert for alert in found}
    with db.write() as conn:
        now = db.now(conn)
        # One clock is active at a time; a second one, for the moment of a handover, waits here.
        standing = {row.key: row for row in conn.execute(select(alarms).order_by(alarms.c.key).with_for_update())}
        entries = []
        for key, alert in sorted(now_wrong.items()):
            if key not in standing:
                new = {"key": key, "source": alert.source, "text": alert.text, "raised_at": now}
                conn.execute(insert(alarms).values(**new))
                entries.append(_entry(key, alert.source, alert.target, alert.text, raised=True))
        for key, row in standing.items():
            if key not in now_wrong and row.raised_at <= now - HOLD:
                conn.execute(delete(alarms).where(alarms.c.key == key))
                target = None if row.source else key.partition(":")[2] or None
                entries.append(_entry(key, row.source, target, row.text, raised=False))
        audit.write(conn, now, entries)
        return len(entries)


def _entry(key: str, source: str | None, target: str | None, text: str, *, raised: bool) -> audit.Entry:
    kind, _, about = key.partition(":")
    was, now = ("cleared", "raised") if raised else ("raised", "cleared")
    facts = {"alert": key, "text": text, "raised": raised, "source": source, "target": target}
    return audit.Entry("alert", about or kind, was, now, "clock", kind, facts)
