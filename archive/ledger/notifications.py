"""
Send what is owed: take a due notification, write down what became of it, forget it when it is old.

Like an asset's claim, a claim here moves `due_at` to the end of a lease and raises `fence`. Whoever dies between send
and word has it sent again, under the same id: at least once; it counts as an attempt. Rows of `targets` are locked
before those of `notifications`, by everybody, so that nobody waits in a circle.
"""

import json
import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, select, text, update

from archive.ledger import tallies
from archive.ledger.database import Database
from archive.ledger.schema import assets, callback_urls, deliveries, notifications, targets, tasks
from archive.ledger.tallies import Tally
from archive.schedule import SENDS, next_send, rest
from archive.suspects import REASON
from archive.targets import TEST

LEASE = timedelta(minutes=2)  # a send is cut long before
IN_FLIGHT = 4  # of one target, over all processes; of the callers of the proxy, as many that were never tried
RETRIES = 2  # of those callers', beside: hosts that do not answer keep no callback waiting for its first attempt
PATIENCE = timedelta(days=1)  # nothing dies of failures that is younger, however often it was tried
OUTAGE = 3  # failures in a row after which a target counts as down, until it takes something
KEPT = timedelta(days=30)  # delivered ones
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """A notification that is ours to send until the lease ends, with what is to be told as it stands now."""

    id: str
    target: str  # "" for `forward_url`
    type: str
    source: str | None
    subject_id: str
    facts: Mapping[str, Any]
    created_at: datetime
    attempts: int
    fence: int
    due_at: datetime  # still to come: a trial of a target that is down, which is no attempt of this notification's
    is_trial: bool
    about: Mapping[str, Any] = field(repr=False)  # the asset's, task's or delivery's row, with its links; else empty
    forward_url: str | None = field(repr=False)


@dataclass(frozen=True)
class Failure:
    """
    Why a send failed. `is_targets`: it would have failed with any other notification too, so the target rests.

    `asked` is how long the target wants to be left alone; `is_final` says that it never wants this one.
    """

    reason: str
    is_targets: bool = False
    is_final: bool = False
    asked: timedelta | None = None


def take(db: Database, names: Collection[str]) -> Claim | None:
    """
    Claim a due notification for a target in *names*, or for the callers of the proxy; None where none may be sent.

    A target that rests is passed over; one that failed last is tried with one notification at a time, and one that is
    down with one that is not due yet where none is, so that its return is noticed soon. Of the others the one with the
    fewest in flight comes first, so that a backlog of one keeps no other waiting.
    """
    with db.write() as conn:
        now = db.now(conn)
        # Locked, claims take turns, so that the bound on what is in flight holds exactly. Announcing goes on meanwhile.
        wanted = select(targets.c.name, targets.c.failures, targets.c.rests_until).where(
            targets.c.name.in_(sorted(names))
        )
        rows = conn.execute(wanted.order_by(targets.c.name).with_for_update(key_share=True)).all()
        rested = {row.name: 1 if row.failures else IN_FLIGHT for row in rows if (row.rests_until or now) <= now}
        flying = _flying(conn, now)
        bounds: dict[Lane, int] = {(name, None): number for name, number in rested.items()}
        bounds |= {("", False): IN_FLIGHT, ("", True): RETRIES}
        free = [lane for lane, bound in bounds.items() if flying[lane] < bound]
        down = {row.name for row in rows if row.failures >= OUTAGE}
        while True:
            heads = (conn.execute(_head(lane, None if lane[0] in down else now)).mappings().first() for lane in free)
            found = min(filter(None, heads), key=lambda row: (flying[_lane(row)], row["due_at"]), default=None)
            if found is None:
                return None
            if found["leased_until"] is None:
                break
            _count_crash(conn, found, now)
        until = now + LEASE
        taken = update(notifications).where(notifications.c.id == found["id"])
        conn.execute(taken.values(fence=found["fence"] + 1, due_at=until, leased_until=until))
        return _claim(conn, found, now)


def _count_crash(conn: Connection, row: RowMapping, now: datetime) -> None:
    """
    Nobody ended the claim that was on *row*: its process may have died of it, so it is an attempt that failed.

    The target is not to blame, and the first time it goes on at once. A day of that and all attempts, and it is dead
    like any other.
    """
    _log.error("notification.crashes_worker", extra={"notification": row["id"], "attempts": row["attempts"] + 1})
    said = {"reason": REASON, "attempts": row["attempts"] + 1, "leased_until": None}
    if _is_spent(row["attempts"], row["created_at"], now) or row["type"] == TEST:
        said |= {"state": "dead", "due_at": None, "ended_at": now}
    else:
        said |= {"due_at": now + next_send(row["attempts"], 0) if row["attempts"] else now}
    conn.execute(update(notifications).where(notifications.c.id == row["id"]).values(**said))


def _is_spent(attempts: int, created_at: datetime, now: datetime) -> bool:
    return attempts >= len(SENDS) and now - created_at >= PATIENCE


# A target, whose notifications share its bound; or the callers of the proxy (""), whose retries have one of their own.
Lane = tuple[str, bool | None]


def _lane(row: RowMapping) -> Lane:
    return row["target"], None if row["target"] else row["attempts"] > 0


def _flying(conn: Connection, now: datetime) -> Counter[Lane]:
    """How many are being sent."""
    leased = select(notifications.c.target, notifications.c.attempts).where(notifications.c.leased_until > now)
    return Counter(map(_lane, conn.execute(leased).mappings()))


def _head(lane: Lane, now: datetime | None) -> Select[Any]:
    """
    The notification of *lane* that has been due for longest, or without *now* will be due first.

    One seek in the index of what waits.
    """
    target, is_retry = lane
    due = notifications.c.due_at.is_not(None) if now is None else notifications.c.due_at <= now
    tried = () if is_retry is None else (notifications.c.attempts > 0 if is_retry else notifications.c.attempts == 0,)
    return (
        select(notifications)
        .where(notifications.c.target == target, due, *tried)
        .order_by(notifications.c.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _claim(conn: Connection, row: RowMapping, now: datetime) -> Claim:
    about = None
    if row["subject"] == "delivery":
        about = conn.execute(select(deliveries).where(deliveries.c.id == row["subject_id"])).mappings().first()
    elif row["subject"] == "task":
        about = conn.execute(select(tasks).where(tasks.c.id == row["subject_id"])).mappings().first()
    elif row["subject"] == "asset":
        owner = (tasks.c.external_id, tasks.c.metadata_key)
        joined = select(assets, *owner).join(tasks, assets.c.task == tasks.c.id)
        about = conn.execute(joined.where(assets.c.id == row["subject_id"])).mappings().first()
    url = None
    if row["callback"]:
        kept = select(callback_urls.c.forward_url).where(callback_urls.c.id == row["callback"])
        url = conn.scalars(kept).first()
    return Claim(
        row["id"], row["target"], row["type"], row["source"], row["subject_id"], json.loads(row["facts"] or "{}"),
        row["created_at"], row["attempts"], row["fence"] + 1, row["due_at"], row["due_at"] > now,
        dict(about or {}), url,
    )  # fmt: skip


def delivered(db: Database, claim: Claim) -> bool:
    """
    The target took it; False where somebody else has sent it meanwhile.

    A target that is back after an outage has what failed in it due at once, and not hours later by its own back-off.
    """
    with db.write() as conn:
        now = db.now(conn)
        target = _target(conn, claim)
        if target is not None:
            well = {"failures": 0, "rests_until": None, "failing_since": None, "succeeded_at": now}
            conn.execute(update(targets).where(targets.c.name == claim.target).values(**well))
            if target["failures"] >= OUTAGE:
                waiting = (notifications.c.target == claim.target, notifications.c.due_at > now)
                conn.execute(
                    update(notifications).where(*waiting, notifications.c.leased_until.is_(None)).values(due_at=now)
                )
        ended = _end(conn, claim, now, {"state": "delivered", "attempts": claim.attempts + 1})
        if ended:
            tallies.raise_(conn, Tally(tallies.NOTIFICATIONS, claim.target, ("delivered",)))
        return ended


def failed(db: Database, claim: Claim, failure: Failure, *, spread: float) -> str:
    """
    The attempt failed: the notification is due again later, or dead after its last. *spread* in [0, 1) scatters.

    Returns:
        `pending` or `dead`, or `lost` where somebody else has sent it meanwhile.
    """
    with db.write() as conn:
        became = _after_failure(conn, claim, failure, db.now(conn), spread)
        if became != "lost":
            outcome = "dead" if became == "dead" else "failed"
            tallies.raise_(conn, Tally(tallies.NOTIFICATIONS, claim.target, (outcome,)))
        return became


def _after_failure(conn: Connection, claim: Claim, failure: Failure, now: datetime, spread: float) -> str:
    pause = next_send(claim.attempts + 1, spread)
    if (target := _target(conn, claim)) is not None:
        conn.execute(update(targets).where(targets.c.name == claim.target).values(**_trouble(target, failure, now)))
    if claim.is_trial and not failure.is_final:
        planned = {"due_at": claim.due_at, "leased_until": None, "reason": failure.reason}
        return "pending" if _held(conn, claim, planned) else "lost"
    if failure.asked:
        pause = max(pause, rest(1, failure.asked))
    spent = _is_spent(claim.attempts, claim.created_at, now)
    said = {"reason": failure.reason, "attempts": claim.attempts + 1}
    if failure.is_final or spent or claim.type == TEST:  # whoever asked for a test has seen how it went
        return "dead" if _end(conn, claim, now, {"state": "dead", **said}) else "lost"
    again = {"due_at": now + pause, "leased_until": None, **said}
    return "pending" if _held(conn, claim, again) else "lost"


def _trouble(target: RowMapping, failure: Failure, now: datetime) -> dict[str, Any]:
    """What a failure changes about its target; those that were in flight together count as one."""
    noted: dict[str, Any] = {
        "failed_at": now,
        "reason": failure.reason,
        "failing_since": target["failing_since"] or now,
    }
    if failure.is_targets:
        is_resting = target["rests_until"] is not None and target["rests_until"] > now
        failures = target["failures"] if is_resting else target["failures"] + 1
        until = now + rest(failures, failure.asked)
        noted |= {"failures": failures, "rests_until": max(until, target["rests_until"] or until)}
    return noted


def _target(conn: Connection, claim: Claim) -> RowMapping | None:
    locked = select(targets).where(targets.c.name == claim.target).with_for_update(key_share=True)
    return conn.execute(locked).mappings().first()


def _end(conn: Connection, claim: Claim, now: datetime, values: Mapping[str, Any]) -> bool:
    return _held(conn, claim, {"due_at": None, "leased_until": None, "ended_at": now, **values})


def _held(conn: Connection, claim: Claim, values: Mapping[str, Any]) -> bool:
    """Write *values* if the claim is still ours."""
    mine = (
        notifications.c.id == claim.id,
        notifications.c.fence == claim.fence,
        notifications.c.state == "pending",
    )
    return conn.execute(update(notifications).where(*mine).values(**values)).rowcount == 1


def prune(db: Database, at_most: int = 1000) -> int:
    """Forget up to *at_most* that were delivered long ago; return how many. Dead ones stay."""
    with db.write() as conn:
        # The predicate as text, so that SQLite recognises the partial index.
        old = (text("state = 'delivered'"), notifications.c.ended_at < db.now(conn) - KEPT)
        few = select(notifications.c.id).where(*old).order_by(notifications.c.ended_at).limit(at_most)
        return conn.execute(delete(notifications).where(notifications.c.id.in_(few))).rowcount
