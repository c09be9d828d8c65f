"""Callback URLs we minted: what stands behind a reference, and the one task that each is bound to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, or_, select, update

from archive.documents import dump
from archive.ledger import orders, outbox
from archive.ledger.database import Database
from archive.ledger.schema import callback_urls, notifications, tasks


@dataclass(frozen=True)
class CallbackUrl:
    """A reference and when it ends, in whole seconds."""

    id: str
    expires_at: datetime


@dataclass(frozen=True)
class Call:
    """A statement about a task (the ledger's id) that came by a minted URL."""

    callback: str
    task: str


def create(
    db: Database,
    source: str,
    external_id: str | None,
    metadata: Mapping[str, Any] | None,
    life: timedelta,
    forward_url: str | None = None,
) -> CallbackUrl:
    """
    Keep what the first task that comes by the URL shall inherit, and where its callbacks are passed on to.

    Raises:
        LedgerError
    """
    with db.write() as conn:
        now = db.now(conn)
        made = CallbackUrl(token_hex(16), (now + life).replace(microsecond=0))
        row = {
            "id": made.id,
            "source": source,
            "external_id": external_id,
            "metadata": dump(metadata) if metadata is not None else None,
            "created_at": now,
            "expires_at": made.expires_at,
            "forward_url": forward_url,
        }
        conn.execute(insert(callback_urls).values(**row))
    return made


def drop_unused(db: Database, callback: str) -> None:
    """Forget a reference that nothing has come by: what it was made for was refused."""
    unused = (callback_urls.c.task.is_(None), ~exists().where(notifications.c.callback == callback_urls.c.id))
    with db.write() as conn:
        conn.execute(delete(callback_urls).where(callback_urls.c.id == callback, *unused))


def source_of(db: Database, callback: str) -> str | None:
    """The source a reference belongs to; None where there is no such reference."""
    with db.read() as conn:
        return conn.scalars(select(callback_urls.c.source).where(callback_urls.c.id == callback)).first()


def bound_task(db: Database, callback: str) -> str | None:
    """The provider's id of the task that a reference is bound to; None where it is not bound yet."""
    joined = select(tasks.c.task_id).join(callback_urls, callback_urls.c.task == tasks.c.id)
    with db.read() as conn:
        return conn.scalars(joined.where(callback_urls.c.id == callback)).first()


def follow(
    conn: Connection, calls: Sequence[Call], at: datetime, *, rebind: bool = False, named: Collection[str] = ()
) -> None:
    """
    Bind each reference to the first task that came by it, in the order of *calls*, whose tasks the caller has locked.

    That task is vouched for and inherits external id and metadata where it has none. Another one that comes later gets
    the metadata only: a URL that leaked must neither vouch for anything nor put strangers under the user's own id.
    With *rebind*, which is the user's word, the last task counts instead of the first. *named* are further references
    that the caller is going to write about: all are locked here, by id.
    """
    wanted = sorted({*named, *(call.callback for call in calls)})
    if not wanted:
        return
    # Tasks first, references after them: whoever writes both takes them in this order, so nobody waits in a circle.
    found = select(callback_urls).where(callback_urls.c.id.in_(wanted)).order_by(callback_urls.c.id).with_for_update()
    rows = {row["id"]: dict(row) for row in conn.execute(found).mappings()}
    heirs, bound = [], set()
    for call in calls:
        row = rows.get(call.callback)
        if row is None:
            continue  # signed by us, but not of this ledger: older than the backup it was restored from
        if row["task"] is None or (rebind and row["task"] != call.task):
            row["task"] = call.task
            bound.add(call.callback)
        is_its_own = row["task"] == call.task
        heirs.append(
            {
                "row_id": call.task,
                "own_id": row["external_id"] if is_its_own else None,
                "own_metadata": row["metadata"],
                "vouching": is_its_own,
            }
        )
    if bound:
        conn.execute(
            update(callback_urls).where(callback_urls.c.id == bindparam("row_id")).values(task=bindparam("bound_to")),
            [{"row_id": key, "bound_to": rows[key]["task"]} for key in sorted(bound)],
        )
        orders.settle_called(conn, bound)
    if heirs:
        before = _own_words(conn, heirs)
        conn.execute(_INHERIT, heirs)
        after = _own_words(conn, heirs)
        outbox.owe_metadata(conn, [key for key in after if after[key][1] and after[key] != before[key]], at)


def _own_words(conn: Connection, heirs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str | None, str | None]]:
    """External id and metadata, as they stand."""
    wanted = select(tasks.c.id, tasks.c.external_id, tasks.c.metadata)
    found = conn.execute(wanted.where(tasks.c.id.in_([heir["row_id"] for heir in heirs])))
    return {key: (external_id, metadata) for key, external_id, metadata in found}


_INHERIT = (
    update(tasks)
    .where(tasks.c.id == bindparam("row_id"))
    .values(
        external_id=func.coalesce(tasks.c.external_id, bindparam("own_id", type_=tasks.c.external_id.type)),
        metadata=func.coalesce(tasks.c.metadata, bindparam("own_metadata", type_=tasks.c.metadata.type)),
        vouched=or_(tasks.c.vouched, bindparam("vouching", type_=tasks.c.vouched.type)),
    )
)
