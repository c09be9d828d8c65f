"""Take in deliveries, many in one commit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, update

from archive.failpoints import reached
from archive.ledger import callback_urls, events, tallies
from archive.ledger.announcements import Arrived, pass_on
from archive.ledger.batch import Statement
from archive.ledger.callback_urls import Call
from archive.ledger.database import Database
from archive.ledger.schema import deliveries
from archive.ledger.tallies import Tally
from archive.ledger.upsert import insert_new
from archive.model import Outcome, Verdict
from archive.trust import Decision


@dataclass(frozen=True)
class Received:
    """A delivery that is authentic enough to be kept, with what we made of it."""

    id: str
    source: str
    received_at: datetime
    body: bytes = field(repr=False)
    headers: str = field(repr=False)
    verdict: Verdict
    outcome: Outcome
    reason: str | None
    task_id: str | None
    statement: Statement | None
    callback: str | None = None  # the reference of the minted URL it came by

    def quarantined(self, reason: str) -> "Received":
        """The same bytes, without what we made of them."""
        return replace(self, outcome=Outcome.QUARANTINED, reason=reason, task_id=None, statement=None)


@dataclass(frozen=True)
class Receipt:
    """What was committed, for the sender."""

    delivery_id: str
    outcome: Outcome
    reason: str | None


def record(db: Database, batch: Sequence[Received]) -> tuple[list[Receipt], int]:
    """
    Commit *batch*: raw bytes, events, tasks and assets, in one transaction.

    Returns:
        One receipt for each delivery, in order, and the number of assets, looks and passed on callbacks due now.

    Raises:
        LedgerError: nothing was committed.
        Exception: a value the database refuses; nothing was committed, and one of the batch is to blame.
    """
    firsts = {item.id: item for item in reversed(batch)}
    with db.write() as conn:
        now = db.now(conn)
        new = insert_new(conn, deliveries, [_row(item) for item in firsts.values()])
        seen = Counter(item.id for item in batch)
        repeats = [
            {"row_id": key, "times": count - (key in new), "at": now}
            for key, count in sorted(seen.items())
            if count - (key in new)
        ]
        if repeats:
            statement = update(deliveries).where(deliveries.c.id == bindparam("row_id"))
            conn.execute(
                statement.values(repeats=deliveries.c.repeats + bindparam("times"), last_seen_at=bindparam("at")),
                repeats,
            )
        fresh = _in_order(batch, new)
        due = _apply(conn, fresh, now)
        # What is stale may be old news repeated by a stranger: it is asked about, not passed on under our name.
        # Nor is what is no text: Standard Webhooks signs text, and there is no callback that is none.
        current = [item for item in fresh if item.verdict is not Verdict.STALE and _is_text(item.body)]
        due += pass_on(conn, now, [Arrived(item.id, item.source, item.callback) for item in current])
        receipts = _receipts(batch, new)
        counted = Counter(
            (item.source, got.outcome, item.verdict.label) for item, got in zip(batch, receipts, strict=True)
        )
        raised = (Tally(tallies.DELIVERIES, key[0], key[1:], number) for key, number in counted.items())
        tallies.raise_(conn, *raised)
        reached("receiver.writing", batch[0].id)
    return receipts, due


def _receipts(batch: Sequence[Received], new: set[str]) -> list[Receipt]:
    receipts, told = [], set()
    for item in batch:
        if item.id in new and item.id not in told:
            told.add(item.id)
            receipts.append(Receipt(item.id, item.outcome, item.reason))
        else:
            receipts.append(Receipt(item.id, Outcome.DUPLICATE, None))
    return receipts


def replay(db: Database, items: Mapping[str, Received]) -> int:
    """
    Apply what is made of stored deliveries (by their ids) today, after an adapter was mended; return how much is due.

    Identities are what they were, so whatever was understood before changes nothing a second time.
    """
    with db.write() as conn:
        for key, item in sorted(items.items()):
            values = {"outcome": item.outcome, "reason": item.reason, "task_id": item.task_id}
            conn.execute(update(deliveries).where(deliveries.c.id == key).values(**values))
        return _apply(conn, list(items.values()), db.now(conn))


def _apply(conn: Connection, items: Sequence[Received], at: datetime) -> int:
    said = [item.statement for item in items if item.statement]
    due = events.apply(conn, said, at)
    came_by = [(item.callback, item.statement) for item in items if item.callback and item.statement]
    calls = [Call(key, statement.task_key) for key, statement in came_by]
    # A notification holds the reference it is sent by, also where a delivery says nothing of a task.
    callback_urls.follow(conn, calls, at, named={item.callback for item in items if item.callback})
    return due + sum(statement.decision is Decision.CONFIRM for statement in said)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _in_order(batch: Sequence[Received], new: set[str]) -> list[Received]:
    """The first of each new delivery, as they came."""
    return list({item.id: item for item in reversed(batch) if item.id in new}.values())[::-1]


def _row(item: Received) -> dict[str, object]:
    return {
        "id": item.id,
        "source": item.source,
        "received_at": item.received_at,
        "body": item.body,
        "headers": item.headers,
        "verdict": item.verdict.label,
        "outcome": item.outcome,
        "reason": item.reason,
        "task_id": item.task_id,
        "last_seen_at": item.received_at,
    }
