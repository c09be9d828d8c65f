"""
Take a due asset, keep it, give it back.

A claim moves `due_at` to the end of a lease and raises `fence`: an expired lease is due by itself, and a write that
carries an old fence changes nothing. Times are the database's. A claim that nobody ended counts as a crash
(`archive.ledger.suspects`), and whoever looks for work next counts it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, func, insert, select, update

from archive.errors import ClaimLostError
from archive.failpoints import reached
from archive.ledger import suspects
from archive.ledger.database import Database
from archive.ledger.heads import Avoid, head
from archive.ledger.schema import assets, attempts, sources
from archive.ledger.upsert import insert_new
from archive.ledger.urgency import urgency
from archive.model import AssetState, ExpiryOrigin, Link

NOTHING = Avoid()


@dataclass(frozen=True)
class Intent:
    """What is about to be put, or was: written before the put, so that a crash after it never needs the link again."""

    bucket: str
    key: str
    size: int
    sha256: str
    content_type: str
    media: str | None  # JSON


@dataclass(frozen=True)
class Claim:
    """An asset that is ours until the lease ends."""

    asset_id: str
    source: str
    task: str
    task_id: str
    role: str
    ordinal: int
    fence: int
    owner: str
    attempts: int
    verdict: str
    link: Link
    second: Link | None  # to the same file at another place
    must_by: datetime
    intent: Intent | None = field(default=None)
    reason: str | None = None  # of the last attempt's failure
    kept_in: str | None = None  # the spool that holds the intent's file while the store is away


def register_sources(db: Database, names: Mapping[str, int]) -> None:
    """Make sure each configured source has its row (pausing and caps lock it)."""
    with db.write() as conn:
        insert_new(conn, sources, [{"name": name} for name in sorted(names)])


def take(db: Database, owner: str, caps: Mapping[str, int], lease: timedelta, avoid: Avoid = NOTHING) -> Claim | None:
    """
    Claim the most urgent due asset of any source that is not paused and is under its cap; None where there is none.

    *caps* is the number of transfers at a time per source, over all processes. What only hosts to *avoid* could give is
    passed over.
    """
    with db.write() as conn:
        now = db.now(conn)
        holding = suspects.held_by(conn, owner)
        suspects.bury(conn, now, owner)
        # Locking the sources' rows makes claims take turns, so that caps hold exactly (SQLite writers do so anyway).
        eligible = conn.scalars(
            select(sources.c.name)
            .where(sources.c.name.in_(sorted(caps)), ~sources.c.paused)
            .order_by(sources.c.name)
            .with_for_update()
        ).all()
        leased = (assets.c.owner.is_not(None), assets.c.due_at > now)
        counts = conn.execute(select(assets.c.source, func.count()).where(*leased).group_by(assets.c.source))
        running: dict[str, int] = {source: number for source, number in counts}  # noqa: C416 (rows are no pairs to mypy)
        free = [name for name in eligible if running.get(name, 0) < caps[name]]
        row = suspects.choose(conn, owner, holding, now, partial(_head, conn, now, free, avoid))
        if row is None:
            return None
        fence = row["fence"] + 1
        conn.execute(
            update(assets).where(assets.c.id == row["id"]).values(owner=owner, fence=fence, due_at=now + lease)
        )
        conn.execute(insert(attempts).values(asset=row["id"], fence=fence, owner=owner, started_at=now))
    return _claim(row, owner, fence)


def _head(
    conn: Connection, now: datetime, sources: Sequence[str], avoid: Avoid, where: Sequence[ColumnElement[bool]]
) -> RowMapping | None:
    """The most urgent due asset of *sources* that nobody holds."""
    heads = (head(conn, name, now, avoid, assets.c.owner.is_(None), *where) for name in sources)
    return min(filter(None, heads), key=urgency, default=None)


def _claim(row: RowMapping, owner: str, fence: int) -> Claim:
    intent = None
    if row["key"] is not None:
        intent = Intent(row["bucket"], row["key"], row["size"], row["sha256"], row["content_type"], row["media"])
    expiry = (row["link_expires_at"], ExpiryOrigin(row["link_origin"]))
    second = Link(row["second_link"], *expiry) if row["second_link"] else None
    return Claim(
        row["id"], row["source"], row["task"], row["task_id"], row["role"], row["ordinal"], fence, owner,
        row["attempts"], row["verdict"], Link(row["link"], *expiry), second, row["must_by"], intent,
        row["reason"], row["kept_in"],
    )  # fmt: skip


def heartbeat(db: Database, owner: str, held: Collection[str], lease: timedelta) -> int:
    """
    Extend the claims of *owner* on the assets *held*, in one statement; return how many.

    A claim that its worker gave up, because the ledger could not be told, is not held: its lease runs out.
    """
    with db.write() as conn:
        until = db.now(conn) + lease
        mine = (assets.c.owner == owner, assets.c.due_at.is_not(None), assets.c.id.in_(sorted(held)))
        extended = conn.execute(update(assets).where(_locked(conn, *mine)).values(due_at=until)).rowcount
        reached("worker.beating")
        return extended


def release(db: Database, owner: str) -> int:
    """Make every claim of *owner* due at once: its process is stopping, and no file is to blame. Return how many."""
    with db.write() as conn:
        now = db.now(conn)
        mine = _locked(conn, assets.c.owner == owner, assets.c.due_at.is_not(None))
        freed = conn.execute(update(assets).where(mine).values(due_at=now, owner=None)).rowcount
        theirs = (attempts.c.owner == owner, attempts.c.ended_at.is_(None))
        conn.execute(update(attempts).where(*theirs).values(ended_at=now, outcome="handed_back"))
        return freed


def hasten(db: Database) -> int:
    """Make due at once what waits for the store: it is back. Return how many."""
    with db.write() as conn:
        now = db.now(conn)
        waiting = (
            assets.c.due_at > now,
            assets.c.owner.is_(None),
            assets.c.reason.startswith("store_", autoescape=True),
        )
        return conn.execute(update(assets).where(_locked(conn, *waiting)).values(due_at=now)).rowcount


def _locked(conn: Connection, *where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Lock the assets that *where* selects by id, as every writer of many does, so that nobody waits in a circle."""
    locked = select(assets.c.id).where(*where).order_by(assets.c.id).with_for_update()
    return assets.c.id.in_(conn.scalars(locked).all())


def held(conn: Connection, claim: Claim, values: Mapping[str, Any]) -> None:
    """
    Write *values* to the claimed asset, if it is still ours.

    Raises:
        ClaimLostError: the fence moved on; nothing was written.
    """
    mine = (
        assets.c.id == claim.asset_id,
        assets.c.fence == claim.fence,
        assets.c.state == AssetState.WAITING,
    )
    if conn.execute(update(assets).where(*mine).values(**values)).rowcount != 1:
        raise ClaimLostError("claim_lost")
