"""Tasks the user registers, so that they are looked at and their metadata is kept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update

from archive.documents import dump
from archive.identity import task_key
from archive.ledger import audit, callback_urls, outbox
from archive.ledger.callback_urls import Call
from archive.ledger.database import Database
from archive.ledger.schema import tasks
from archive.ledger.upsert import insert_new
from archive.model import TaskState
from archive.schedule import first_must_by


@dataclass(frozen=True)
class Registration:
    """
    What the user knows of a task. `expected_by` plans the first look; absent, the provider's usual time does.

    A task from the past is one that nobody says when to expect, only that it is not new: where it is not known yet it
    counts as expected `age` ago.
    """

    source: str
    task_id: str
    external_id: str | None
    metadata: Mapping[str, Any] | None
    expected_by: datetime | None
    typical: timedelta
    link_life: timedelta
    askable: bool  # the source has an API key
    callback: str | None = None  # a minted callback URL that was given for this task
    age: timedelta | None = None


@dataclass(frozen=True)
class Registered:
    """A task's id in the ledger, and what became of it by being named."""

    id: str
    state: TaskState
    is_new: bool


def register(db: Database, registrations: Sequence[Registration], actor: str) -> list[str]:
    """As `register_all`; return the ids alone."""
    return [registered.id for registered in register_all(db, registrations, actor)]


def register_all(db: Database, registrations: Sequence[Registration], actor: str) -> list[Registered]:
    """
    Register tasks, many in few statements; idempotent. Return what became of each, in order.

    A task already known keeps its state; what the user says now about it replaces what was said before. What he does
    not say is inherited from the callback URL, where one is named.
    """
    keys = [task_key(r.source, r.task_id) for r in registrations]
    with db.write() as conn:
        now = db.now(conn)
        rows = {key: _row(r, now) for key, r in zip(keys, registrations, strict=True)}
        new = insert_new(conn, tasks, list(rows.values()))
        entries = [audit.Entry("task", key, None, TaskState.OPEN, actor) for key in sorted(new)]
        # By id, as every writer of many tasks: nobody waits in a circle.
        known = select(tasks).where(tasks.c.id.in_(rows.keys() - new)).order_by(tasks.c.id).with_for_update()
        before = {row["id"]: dict(row) for row in conn.execute(known).mappings()} if len(new) < len(rows) else {}
        after = {key: dict(row) for key, row in before.items()}
        for key, registration in zip(keys, registrations, strict=True):
            if key in after:
                entries += _say_again(after[key], registration, now, actor)
        changed = [_bound(after[key]) for key in sorted(after) if after[key] != before[key]]
        if changed:
            conn.execute(_UPDATE, changed)
        audit.write(conn, now, entries)
        told = [key for key in new if rows[key]["metadata"] is not None]
        told += [key for key, row in after.items() if row["metadata"] and _own_words(row) != _own_words(before[key])]
        outbox.owe_metadata(conn, told, now)
        calls = [Call(r.callback, key) for key, r in zip(keys, registrations, strict=True) if r.callback]
        callback_urls.follow(conn, calls, now, rebind=True)
    return [Registered(key, TaskState((after.get(key) or rows[key])["state"]), key in new) for key in keys]


def known(db: Database, keys: Collection[str]) -> set[str]:
    """Which of *keys*, ids of ours, the ledger has and has not given up."""
    with db.read() as conn:
        return set(conn.scalars(select(tasks.c.id).where(tasks.c.id.in_(keys), tasks.c.state != TaskState.GONE)))


_SAID = ("state", "reason", "external_id", "metadata", "expected_at", "must_by", "look_at", "vouched")
_UPDATE = update(tasks).where(tasks.c.id == bindparam("row_id")).values({name: bindparam(name) for name in _SAID})


def _bound(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"row_id": row["id"], **{name: row[name] for name in _SAID}}


def _own_words(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return row["external_id"], row["metadata"]


def _say_again(row: dict[str, Any], registration: Registration, now: datetime, actor: str) -> list[audit.Entry]:
    """
    What naming a known task again changes in its *row*: what is said now, and that it is vouched for.

    Given up, it is open again; a new expectation replaces the old one, and what it was last asked counts no more.
    """
    wanted = _row(registration, now)
    row.update({name: wanted[name] for name in ("external_id", "metadata") if wanted[name] is not None})
    row["vouched"] = True
    if not registration.askable:
        return []
    entries = []
    plan = {name: wanted[name] for name in ("expected_at", "must_by", "look_at")}
    if row["state"] == TaskState.GONE:
        fresh = {"expected_at": now, "must_by": now + registration.link_life, "look_at": now}
        row.update(plan if registration.age else fresh, state=TaskState.OPEN, reason=None)
        entries = [audit.Entry("task", row["id"], TaskState.GONE, TaskState.OPEN, actor, "registered_again")]
    if row["state"] == TaskState.OPEN and registration.expected_by is not None:
        row.update(plan, reason=None)
    if row["state"] == TaskState.OPEN and row["look_at"] is None:
        row["look_at"] = now
    return entries


def _row(registration: Registration, now: datetime) -> dict[str, Any]:
    usual = now - registration.age if registration.age else now + registration.typical
    expected_at = registration.expected_by or usual
    return {
        "id": task_key(registration.source, registration.task_id),
        "source": registration.source,
        "task_id": registration.task_id,
        "state": TaskState.OPEN,
        "external_id": registration.external_id,
        "metadata": dump(registration.metadata) if registration.metadata is not None else None,
        "created_at": now,
        "expected_at": expected_at,
        "must_by": first_must_by(now=now, expected_at=expected_at, link_life=registration.link_life),
        "look_at": expected_at if registration.askable else None,
        "vouched": True,
    }


def plan_looks(db: Database, askable: Sequence[str]) -> int:
    """
    Plan a look at every open task that has none although its source can be asked (a key was added); return how many.
    """
    with db.write() as conn:
        unplanned = (tasks.c.source.in_(askable), tasks.c.state == TaskState.OPEN, tasks.c.look_at.is_(None))
        ids = conn.scalars(select(tasks.c.id).where(*unplanned).limit(1000)).all()
        if ids:
            conn.execute(
                update(tasks).where(tasks.c.id.in_(ids), tasks.c.look_at.is_(None)).values(look_at=db.now(conn))
            )
        return len(ids)
