"""What is said about tasks, gathered for one transaction, and written each table once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, update

from archive.identity import task_key
from archive.ledger import audit, tallies
from archive.ledger.schema import assets, tasks
from archive.ledger.tallies import Tally
from archive.ledger.upsert import insert_new
from archive.model import Event, Verdict
from archive.trust import Decision


@dataclass(frozen=True)
class Statement:
    """One event with what we decided about it. `actor` names the delivery or poll it came from, for the audit log."""

    source: str
    event: Event
    verdict: Verdict
    decision: Decision
    actor: str
    can_refresh: bool  # a dead link can be had anew: storage, not the link, is the deadline
    link_life: timedelta  # the provider's shortest, for an open task's earliest deadline
    typical: timedelta  # how long its generations usually take
    settles: bool = True  # False: it tells of further files, while the task itself has to be asked about

    @property
    def task_key(self) -> str:
        return task_key(self.source, self.event.task_id)


@dataclass
class Batch:
    """What one pass over the statements wants written: each table once."""

    at: datetime
    tasks: dict[str, dict[str, Any]]
    assets: dict[str, dict[str, Any]]
    born: dict[str, dict[str, Any]] = field(default_factory=dict)
    touched_tasks: set[str] = field(default_factory=set)
    touched_assets: set[str] = field(default_factory=set)
    entries: list[audit.Entry] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    due: set[str] = field(default_factory=set)  # assets that can be claimed now


_TASK_FIELDS = (
    "state",
    "reason",
    "route",
    "claimed",
    "hinted_at",
    "completed_at",
    "storage_expires_at",
    "credits",
    "must_by",
    "look_at",
    "vouched",
)
_LINK_FIELDS = (
    "state",
    "reason",
    "link",
    "second_link",
    "link_expires_at",
    "link_origin",
    "verdict",
    "must_by",
    "due_at",
)


def write(conn: Connection, batch: Batch) -> None:
    # Sorted, so that two receivers lock rows in the same order.
    if batch.touched_tasks:
        rows = [_bound(batch.tasks[key], _TASK_FIELDS) for key in sorted(batch.touched_tasks)]
        conn.execute(
            update(tasks).where(tasks.c.id == bindparam("row_id")).values({f: bindparam(f) for f in _TASK_FIELDS}),
            rows,
        )
    insert_new(conn, assets, list(batch.born.values()))
    if batch.touched_assets:
        rows = [_bound(batch.assets[key], _LINK_FIELDS) for key in sorted(batch.touched_assets)]
        conn.execute(
            update(assets).where(assets.c.id == bindparam("row_id")).values({f: bindparam(f) for f in _LINK_FIELDS}),
            rows,
        )
    audit.write(conn, batch.at, batch.entries)
    tallies.raise_(conn, *batch.tallies)


def _bound(row: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {"row_id": row["id"], **{name: row[name] for name in fields}}
