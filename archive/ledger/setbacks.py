"""
When the database's clock goes back, what was planned by the old time is moved along.

Otherwise every lease, pause and planned try lies as far ahead as the clock went back, and all of it stands still. The
ledger notes the latest instant it has seen; a clock that is before it has gone back by as much. Instants still to come
are then moved by that span, but never before now: back-off and leases keep their length, and what is due too early is
asked about too early, which costs nothing. A claim that may have been renewed since keeps ROOM.
Facts of others (when a link dies, when a result is expected) stay.
"""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, Connection, case, literal, select, type_coerce, update

from archive.ledger.database import Database
from archive.ledger.schema import EPOCH, MICROSECOND, assets, leases, notifications, outbox, sources, targets, tasks
from archive.ledger.upsert import insert_new

ROOM = timedelta(seconds=30)  # of a claim that may have been renewed since: its owner, if he lives, renews it again
TOLERANCE = timedelta(seconds=5)  # a clock that is only set right, or another server's after a failover
_SEEN = "seen"  # among the leases: nobody holds it, and `until` is the latest instant seen
_PLANNED = (
    assets.c.due_at,
    tasks.c.look_at,
    outbox.c.due_at,
    notifications.c.due_at,
    notifications.c.leased_until,
    sources.c.asks_paid_until,
    sources.c.hints_paid_until,
    sources.c.api_rests_until,
    targets.c.rests_until,
    leases.c.until,
)


def mend(db: Database) -> timedelta:
    """
    Move what was planned if the clock has gone back; return by how much it has, zero as a rule.

    What it did while nobody called this counts from the last call on.
    """
    with db.write() as conn:
        now = db.now(conn)
        if insert_new(conn, leases, [{"name": _SEEN, "owner": "", "until": now}]):
            return timedelta(0)
        this = leases.c.name == _SEEN
        seen: datetime = conn.scalars(select(leases.c.until).where(this).with_for_update()).one()
        back = max(timedelta(0), seen - now)
        if timedelta(0) < back <= TOLERANCE:
            return timedelta(0)
        if back:
            _move(conn, now, back)
        conn.execute(update(leases).where(this).values(until=now))
        return back


def _move(conn: Connection, now: datetime, back: timedelta) -> None:
    # Of hints only the last one's instant is kept, and one that lies ahead would keep all others waiting.
    waiting = tasks.c.look_at.is_not(None)
    conn.execute(update(tasks).where(waiting, tasks.c.hinted_at > now).values(hinted_at=now))
    for column in _PLANNED:
        conn.execute(update(column.table).where(column > now).values({column.name: _earlier(column, now, back)}))


def _earlier(column: "Column[datetime]", now: datetime, back: timedelta) -> object:
    moved = type_coerce(column, BigInteger) - literal(back // MICROSECOND, BigInteger)
    floor = literal((now - EPOCH) // MICROSECOND, BigInteger)
    if column is not assets.c.due_at:
        return case((moved > floor, moved), else_=floor)
    due, room = type_coerce(column, BigInteger), literal((now + ROOM - EPOCH) // MICROSECOND, BigInteger)
    is_claimed = assets.c.owner.is_not(None)
    return case((is_claimed & (due < room), due), (moved > floor, moved), (is_claimed, room), else_=floor)
