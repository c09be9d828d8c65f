"""
Claims that nobody ended: counted, closed, and at last set aside. The rule itself is `archive.suspects`.

Such a claim still has its owner. Either its lease is over, or a supervisor says that the owner died.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, select, update

from archive.instants import iso
from archive.ledger import audit, leases, tallies
from archive.ledger.database import Database
from archive.ledger.schema import assets, attempts
from archive.ledger.tallies import Tally
from archive.model import AssetState
from archive.suspects import LEASE_OVER, REASON, SUSPECT, Admission, Held, admit, pause_after

CRASHED = "crashed"
ALIVE = "overtaken"  # counted as a crash at first; then its process was heard of
_log = logging.getLogger(__name__)
_AT_ONCE = 100  # in one claim: an outage of the ledger ends the leases of all that runs
_MAKES_ROOM = "suspect"  # the lease of the one process that makes room
_COUNTED = (assets.c.id, assets.c.source, assets.c.fence, assets.c.owner, assets.c.crashes)
_ROOM = timedelta(seconds=15)  # renewed whenever its owner looks for work, every five seconds at least


def bury(conn: Connection, now: datetime, finder: str) -> None:
    """
    Count a crash for each claim whose lease is over; the asset is due again after its pause, or is set aside.

    *finder* is the process that looks for work: it lives, so what it lost itself is due without being counted.
    """
    for row in _unended(conn, assets.c.due_at <= now):
        tallies.raise_(conn, Tally(tallies.LEASES_EXPIRED, row["source"]))
        _close(conn, row, now, LEASE_OVER, ALIVE if row["owner"] == finder else CRASHED)
        _count(conn, row, now, 0 if row["owner"] == finder else 1)


def died(db: Database, owner: str, cause: str) -> int:
    """The process *owner* died by *cause*: what it held is due again, or is set aside. Return how much it was."""
    total = 0
    while True:
        with db.write() as conn:
            now = db.now(conn)
            rows = _unended(conn, assets.c.owner == owner)
            for row in rows:
                _close(conn, row, now, cause, CRASHED)
                _count(conn, row, now, 1)
        total += len(rows)
        if len(rows) < _AT_ONCE:
            return total


def _unended(conn: Connection, whose: ColumnElement[bool]) -> Sequence[RowMapping]:
    claimed = (assets.c.owner > "", assets.c.due_at.is_not(None), whose)  # said like this it is the index of owners
    # By id, as every writer of many assets. What somebody else has in hand is his to count.
    locked = select(*_COUNTED).where(*claimed).order_by(assets.c.id).limit(_AT_ONCE)
    return conn.execute(locked.with_for_update(skip_locked=True)).mappings().all()


def _close(conn: Connection, row: RowMapping, now: datetime, cause: str, outcome: str) -> None:
    this = (attempts.c.asset == row["id"], attempts.c.fence == row["fence"], attempts.c.ended_at.is_(None))
    conn.execute(update(attempts).where(*this).values(ended_at=now, outcome=outcome, reason=cause))


def _count(conn: Connection, row: RowMapping, now: datetime, number: int) -> None:
    crashes = row["crashes"] + number
    pause = pause_after(crashes) if number else timedelta(0)
    if number:
        _log.warning("asset.worker_died", extra={"asset": row["id"], "crashes": crashes, "is_set_aside": pause is None})
    values: dict[str, Any] = {"crashes": crashes, "owner": None}
    if pause is not None:
        conn.execute(update(assets).where(assets.c.id == row["id"]).values(**values, due_at=now + pause))
        return
    ended = {"state": AssetState.QUARANTINED, "reason": REASON, "due_at": None}
    conn.execute(update(assets).where(assets.c.id == row["id"]).values(**values, **ended))
    facts = {"crashes": crashes, "attempts": _evidence(conn, row["id"], crashes)}
    actor = f"worker:{row['owner']}"
    entry = audit.Entry("asset", row["id"], AssetState.WAITING, AssetState.QUARANTINED, actor, REASON, facts)
    audit.write(conn, now, [entry])
    tallies.raise_(conn, Tally(tallies.QUARANTINES, row["source"], (REASON,)))


def _evidence(conn: Connection, asset: str, crashes: int) -> list[Mapping[str, Any]]:
    """The attempts that nobody ended: whose they were, when, and what is known of the cause."""
    columns = (attempts.c.owner, attempts.c.started_at, attempts.c.ended_at, attempts.c.reason)
    wanted = select(*columns).where(attempts.c.asset == asset, attempts.c.outcome == CRASHED)
    rows = conn.execute(wanted.order_by(attempts.c.fence.desc()).limit(crashes)).mappings().all()
    return [
        {"owner": row["owner"], "from": iso(row["started_at"]), "until": iso(row["ended_at"]), "cause": row["reason"]}
        for row in reversed(rows)
    ]


def survived(db: Database, owner: str, asset_id: str, fence: int) -> None:
    """
    The process *owner* gave a claim up without a word, and lives: it was stopped for long, or the ledger was away.

    What nobody has counted yet is handed back; what was counted is taken back, unless the asset is set aside by now.
    """
    with db.write() as conn:
        now = db.now(conn)
        still = (assets.c.id == asset_id, assets.c.fence == fence, assets.c.owner == owner)
        this = (attempts.c.asset == asset_id, attempts.c.fence == fence)
        if conn.execute(update(assets).where(*still).values(owner=None, due_at=now)).rowcount:
            conn.execute(update(attempts).where(*this).values(ended_at=now, outcome="handed_back"))
        elif conn.execute(update(attempts).where(*this, attempts.c.outcome == CRASHED).values(outcome=ALIVE)).rowcount:
            counted = (assets.c.id == asset_id, assets.c.crashes > 0, assets.c.state == AssetState.WAITING)
            conn.execute(update(assets).where(*counted).values(crashes=assets.c.crashes - 1))


def held_by(conn: Connection, owner: str) -> list[Held]:
    """What the process *owner* works on, also where a lease is over."""
    running = and_(attempts.c.asset == assets.c.id, attempts.c.fence == assets.c.fence)
    found = select(assets.c.crashes, attempts.c.started_at).join(attempts, running).where(assets.c.owner == owner)
    return [Held(row.crashes, row.started_at) for row in conn.execute(found)]


def choose(
    conn: Connection,
    owner: str,
    held: Sequence[Held],
    now: datetime,
    head: Callable[[tuple[ColumnElement[bool], ...]], RowMapping | None],
) -> RowMapping | None:
    """
    The asset that *owner*, who holds *held*, may take; *head* finds the most urgent under a condition.

    While the most urgent is a suspect, one busy process takes nothing until it is free for it, the others go on.
    """
    row = head(())
    if row is None:
        return None
    match admit(row["crashes"], row["due_at"], held, now):
        case Admission.TAKE:
            return row
        case Admission.NOTHING:
            return None
        case Admission.WAIT:
            makes_room = leases.held(conn, now, _MAKES_ROOM, owner, _ROOM)
            return None if makes_room else head((assets.c.crashes < SUSPECT,))
