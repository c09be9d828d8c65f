"""Named leases: one process at a time is the clock, one makes room for what may crash it."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, update

from archive.ledger.database import Database
from archive.ledger.schema import leases
from archive.ledger.upsert import insert_new


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
