"""Tasks the user registers, so that they are looked at and their metadata is kept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, select, update

from archive.documents import dump
from archive.identity import task_key
from archive.ledger import audit, callback_urls
from archive.ledger.callback_urls import Call
from archive.ledger.database import Database
from archive.ledger.schema import tasks
from archive.ledger.upsert import insert_new
from archive.model import TaskState


@dataclass(frozen=True)
class Registration:
    """What the user knows of a task. `expected_by` plans the first look; absent, the provider's usual time does."""

    source: str
    task_id: str
    external_id: str | None
    metadata: Mapping[str, Any] | None
    expected_by: datetime | None
    typical: timedelta
    link_life: timedelta
    askable: bool  # the source has an API key
    callback: str | None = None  # a minted callback URL that was given for this task


def register(db: Database, registrations: Sequence[Registration], actor: str) -> list[str]:
    """
    Register tasks; idempotent. Return their ids, in order.

    A task already known keeps its state; what the user says now about it replaces what was said before. What he does
    not say is inherited from the callback URL, where one is named.
    """
    with db.write() as conn:
        now = db.now(conn)
        rows = {task_key(r.source, r.task_id): _row(r, now) for r in registrations}
        new = insert_new(conn, tasks, list(rows.values()))
        audit.write(conn, now, [audit.Entry("task", key, None, TaskState.OPEN, actor) for key in sorted(new)])
        # By id, as every writer of many tasks: nobody waits in a circle.
        for key, registration in sorted(((task_key(r.source, r.task_id), r) for r in registrations), key=itemgetter(0)):
            if key in new:
                continue
            known = {
                "external_id": registration.external_id,
                "metadata": dump(registration.metadata) if registration.metadata is not None else None,
            }
            said = {name: value for name, value in known.items() if value is not None}
            conn.execute(update(tasks).where(tasks.c.id == key).values(**said, vouched=True))
            if registration.askable:
                _ask_again(conn, key, registration, now, actor)
        calls = [Call(r.callback, task_key(r.source, r.task_id)) for r in registrations if r.callback]
        callback_urls.follow(conn, calls, rebind=True)
        return [task_key(r.source, r.task_id) for r in registrations]


def known(db: Database, keys: Collection[str]) -> set[str]:
    """Which of *keys*, ids of ours, the ledger has."""
    with db.read() as conn:
        return set(conn.scalars(select(tasks.c.id).where(tasks.c.id.in_(keys))))


def _ask_again(conn: Connection, key: str, registration: Registration, now: datetime, actor: str) -> None:
    """A known task that the user names again: given up, it is open again; a new expectation replaces the old one."""
    given_up = (tasks.c.id == key, tasks.c.state == TaskState.GONE)
    reopened = {"state": TaskState.OPEN, "reason": None, "look_at": now, "must_by": now + registration.link_life}
    if conn.execute(update(tasks).where(*given_up).values(**reopened, expected_at=now)).rowcount:
        audit.write(conn, now, [audit.Entry("task", key, TaskState.GONE, TaskState.OPEN, actor, "registered_again")])
    still_open = (tasks.c.id == key, tasks.c.state == TaskState.OPEN)
    if registration.expected_by is not None:
        planned = {name: _row(registration, now)[name] for name in ("expected_at", "must_by", "look_at")}
        conn.execute(update(tasks).where(*still_open).values(**planned))
    conn.execute(update(tasks).where(*still_open, tasks.c.look_at.is_(None)).values(look_at=now))


def _row(registration: Registration, now: datetime) -> dict[str, Any]:
    expected_at = registration.expected_by or now + registration.typical
    return {
        "id": task_key(registration.source, registration.task_id),
        "source": registration.source,
        "task_id": registration.task_id,
        "state": TaskState.OPEN,
        "external_id": registration.external_id,
        "metadata": dump(registration.metadata) if registration.metadata is not None else None,
        "created_at": now,
        "expected_at": expected_at,
        "must_by": max(expected_at, now) + registration.link_life,
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
