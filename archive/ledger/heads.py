"""
The most urgent due asset of one source, passing over those whose file hosts are to be left alone.

An asset that were claimed only to find its host at rest would cost a claim and its undoing, and a host with a thousand
files that many. Where nothing is to be avoided this is one seek; else at most LOOK rows are looked at.

Nothing starves: what waits for a host at rest is put off in one go when it hides all others, so that the next LOOK come
into view. What waits for one that is busy is not: it is more urgent than they, and its host is at work.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, RowMapping, select, update

from archive.errors import LinkRefusedError
from archive.ledger.schema import assets
from archive.ledger.urgency import due_first, first
from archive.schedule import RETRY_FLOOR
from archive.urls import read_url

LOOK = 500  # assets of one source at a time
_NOTHING = timedelta(0)


@dataclass(frozen=True)
class Avoid:
    """
    File hosts, by `host:port`, that a process is to leave alone now: for how long those *resting*, and those *busy*
    with as many transfers as they may have. A link that dies within *patience* does not wait for a rest.
    """

    resting: Mapping[str, timedelta] = field(default_factory=dict)
    busy: Collection[str] = ()
    patience: timedelta = _NOTHING

    @property
    def is_empty(self) -> bool:
        return not self.resting and not self.busy


def origins(*links: str | None) -> list[str]:
    """The hosts of an asset's *links*, as `host:port`; none of one that nobody could follow."""
    found = []
    for link in filter(None, links):
        try:
            found.append(read_url(link).origin)
        except LinkRefusedError:
            continue
    return found


def head(conn: Connection, source: str, now: datetime, avoid: Avoid, *where: ColumnElement[bool]) -> RowMapping | None:
    """
    The asset of *source* to be claimed next, its row locked; None where nothing is due that may be fetched now.

    *where* says which come into question at all.
    """
    due = (assets.c.source == source, *where)
    if avoid.is_empty:
        return first(conn, due_first(assets, assets.c.due_at, now, *due))
    columns = (assets.c.id, assets.c.link, assets.c.second_link, assets.c.link_expires_at, assets.c.kept_in)
    seen = select(*columns).where(*due, assets.c.due_at <= now).order_by(assets.c.must_by).limit(LOOK)
    rows = conn.execute(seen).mappings().all()
    waits = [_wait(row, now, avoid) for row in rows]
    for row, wait in zip(rows, waits, strict=True):
        if wait is None and (
            found := first(conn, due_first(assets, assets.c.due_at, now, assets.c.id == row["id"], *where))
        ):
            return found
    if len(rows) == LOOK:
        put_off = [(row["id"], wait) for row, wait in zip(rows, waits, strict=True) if wait]
        _put_off(
            conn, [key for key, _ in put_off], now + max(min((w for _, w in put_off), default=_NOTHING), RETRY_FLOOR)
        )
    return None


def _wait(row: RowMapping, now: datetime, avoid: Avoid) -> timedelta | None:
    """
    How long every host of an asset is at rest; zero where one is busy instead, None where one may be asked, or none has
    to be: a kept file waits for the store alone.
    """
    if row["kept_in"] is not None:
        return None
    hosts = origins(row["link"], row["second_link"])
    if _NOTHING < row["link_expires_at"] - now < avoid.patience:
        return None if any(host not in avoid.busy for host in hosts) or not hosts else _NOTHING
    if any(host not in avoid.resting and host not in avoid.busy for host in hosts) or not hosts:
        return None
    return _NOTHING if any(host in avoid.busy for host in hosts) else min(avoid.resting[host] for host in hosts)


def _put_off(conn: Connection, ids: Sequence[str], until: datetime) -> None:
    """Those nobody holds are due at *until*, as each of them would be after a claim for nothing."""
    free = (assets.c.id.in_(sorted(ids)), assets.c.owner.is_(None), assets.c.due_at < until)
    locked = select(assets.c.id).where(*free).order_by(assets.c.id).with_for_update(skip_locked=True)
    if found := conn.scalars(locked).all():
        conn.execute(update(assets).where(assets.c.id.in_(found)).values(due_at=until))
