"""Named leases: one process at a time is the clock, one makes room for what may crash it."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select, update

from archive.ledger.database import Database
from archive.ledger.schema import leases
from archive.ledger.upsert import insert_new

CLOCK = "clock"


def clock_life(sweep: timedelta) -> timedelta:
    """How long the clock's lease lasts where it ticks each *sweep*."""
    return 3 * sweep


def renewed_ago(db: Database, name: str, life: timedelta) -> timedelta | None:
    """How long ago the lease, held for *life* each time, was last taken or renewed; None where it never was."""
    with db.read() as conn:
        until = conn.scalars(select(leases.c.until).where(leases.c.name == name)).first()
        return None if until is None else max(timedelta(0), db.now(conn) - (until - life))


def hold(db: Database, name: str, owner: str, life: timedelta) -> bool:
    """Take or renew the lease; False while another owner holds it."""
    with db.write() as conn:
        return held(conn, db.now(conn), name, owner, life)


def held(conn: Connection, now: datetime, name: str, owner: str, life: timedelta) -> bool:
    """The same, in the caller's transaction."""
    if insert_new(conn, leases, [{"name": name, "owner": owner, "until": now + life}]):
        return True
    mine = update(leases).where(leases.c.name == name, or_(leases.c.owner == owner, leases.c.until <= now))
    return conn.execute(mine.values(owner=owner, until=now + life)).rowcount == 1


def drop(db: Database, name: str, owner: str) -> None:
    """Give the lease up, so that a stand-by need not wait for its end."""
    with db.write() as conn:
        conn.execute(update(leases).where(leases.c.name == name, leases.c.owner == owner).values(until=db.now(conn)))
