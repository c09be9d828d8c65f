"""
The one door through which statements about tasks enter, whether a provider called or was asked.

Callback and poll may race, repeat and contradict each other: rows are locked, states come from `archive.lifecycle`,
identities from `archive.identity`, and whoever is second changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from archive.documents import dump
from archive.identity import asset_id, task_key
from archive.ledger import audit
from archive.ledger.schema import assets, tasks
from archive.ledger.upsert import insert_new
from archive.lifecycle import task_after
from archive.model import AssetState, Event, Output, Progress, TaskState, Verdict
from archive.trust import Decision

_NOT_TRUSTED = "not_trusted"


HINT_REST = timedelta(seconds=20)  # a look takes no longer; hints that come faster bring nothing new


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
class _Batch:
    """What one pass over the statements wants written: each table once."""

    at: datetime
    tasks: dict[str, dict[str, Any]]
    assets: dict[str, dict[str, Any]]
    born: dict[str, dict[str, Any]] = field(default_factory=dict)
    touched_tasks: set[str] = field(default_factory=set)
    touched_assets: set[str] = field(default_factory=set)
    entries: list[audit.Entry] = field(default_factory=list)
    due: set[str] = field(default_factory=set)  # assets that can be claimed now


def apply(conn: Connection, statements: Sequence[Statement], at: datetime) -> int:
    """Apply *statements* in order, in the caller's transaction. Return the number of assets that became due."""
    if not statements:
        return 0
    fresh = insert_new(conn, tasks, list({s.task_key: _new_task(s, at) for s in reversed(statements)}.values()))
    keys = sorted({statement.task_key for statement in statements})
    known = conn.execute(select(tasks).where(tasks.c.id.in_(keys)).order_by(tasks.c.id).with_for_update()).mappings()
    batch = _Batch(at, {row["id"]: dict(row) for row in known}, {})
    told = sorted({s.task_key for s in statements if s.event.outputs and s.decision is not Decision.CONFIRM})
    if told:
        # By id, like every other writer of many assets: nobody waits in a circle.
        named = select(assets).where(assets.c.task.in_(told)).order_by(assets.c.id).with_for_update()
        rows = conn.execute(named).mappings()
        batch.assets = {row["id"]: dict(row) for row in rows}
    actors = {statement.task_key: statement.actor for statement in reversed(statements)}
    batch.entries += [audit.Entry("task", key, None, TaskState.OPEN, actors[key]) for key in sorted(fresh)]
    for statement in statements:
        _apply_one(batch, statement)
    _write(conn, batch)
    return len(batch.due)


def _new_task(statement: Statement, at: datetime) -> dict[str, Any]:
    return {
        "id": statement.task_key,
        "source": statement.source,
        "task_id": statement.event.task_id,
        "state": TaskState.OPEN,
        "route": statement.event.route,
        "created_at": at,
        "expected_at": at + statement.typical,
        "must_by": at + statement.link_life,
        "look_at": None,
        "vouched": False,
    }


def _apply_one(batch: _Batch, statement: Statement) -> None:
    task, event = batch.tasks[statement.task_key], statement.event
    batch.touched_tasks.add(task["id"])
    task["route"] = event.route
    task["vouched"] = task["vouched"] or statement.verdict >= Verdict.SIGNED_ID
    if statement.decision is Decision.CONFIRM:
        _note_hint(batch, task, statement)
        return
    before = TaskState(task["state"])
    after = task_after(before, event.progress, statement.decision) if statement.settles else before
    if after is not before:
        batch.entries.append(
            audit.Entry(
                "task",
                task["id"],
                before,
                after,
                statement.actor,
                event.reason,
                {"verdict": statement.verdict.label},
            )
        )
        task.update(state=after, reason=event.reason, completed_at=event.completed_at)
    if event.progress is Progress.RUNNING and after is TaskState.OPEN:
        # Still running now, so its link cannot die before one link life from now.
        task["must_by"] = batch.at + statement.link_life
    if event.progress is Progress.SUCCEEDED:
        task["storage_expires_at"] = event.storage_expires_at
        _note_difference(batch, task, statement)
        for output in event.outputs:
            _apply_output(batch, task, statement, output)
    if after is not TaskState.OPEN:
        task["look_at"] = None
    elif not statement.settles:
        task["look_at"] = task["look_at"] or batch.at


def _note_hint(batch: _Batch, task: dict[str, Any], statement: Statement) -> None:
    """A callback that has to be confirmed: look at the task now; keep what it claimed, to compare."""
    outputs = statement.event.outputs
    if outputs:
        task["claimed"] = dump([f"{output.link.host}{output.link.path}" for output in outputs])
    settled = task["state"] == TaskState.SUCCEEDED
    if settled or (task["state"] != TaskState.OPEN and statement.event.progress is not Progress.SUCCEEDED):
        return
    if statement.event.progress is Progress.RUNNING and statement.event.reason is None:
        task["look_at"] = task["look_at"] or task["expected_at"]
        return
    planned = task["look_at"] is not None and task["hinted_at"] is not None
    if planned and batch.at - task["hinted_at"] < HINT_REST:
        return  # the look this one asks for is planned or running; starting it anew would throw its answer away
    task["hinted_at"] = batch.at
    task["look_at"] = batch.at


def _note_difference(batch: _Batch, task: dict[str, Any], statement: Statement) -> None:
    """Record where a callback named other files than the provider does: a re-sign of another path, or a forgery."""
    if not task["claimed"] or statement.verdict is not Verdict.POLLED:
        return
    if task["claimed"] != dump([f"{output.link.host}{output.link.path}" for output in statement.event.outputs]):
        state = task["state"]
        batch.entries.append(
            audit.Entry("task", task["id"], state, state, statement.actor, "callback_claimed_other_files")
        )
    task["claimed"] = None


def _apply_output(batch: _Batch, task: dict[str, Any], statement: Statement, output: Output) -> None:
    identity = asset_id(statement.source, task["task_id"], output)
    link = {
        "link": output.link.url,
        "second_link": output.second.url if output.second else None,
        "link_expires_at": output.link.expires_at,
        "link_origin": output.link.origin,
        "verdict": statement.verdict.label,
        "must_by": _must_by(statement, output, batch.at),
    }
    known = batch.assets.get(identity) or _same_place(batch, task, statement, output)
    if known is None:
        believed = statement.decision is Decision.BELIEVE
        row = {
            "id": identity,
            "task": task["id"],
            "source": statement.source,
            "task_id": task["task_id"],
            "role": output.role,
            "ordinal": output.ordinal,
            "state": AssetState.WAITING if believed else AssetState.QUARANTINED,
            "reason": None if believed else _NOT_TRUSTED,
            "created_at": batch.at,
            "due_at": batch.at if believed else None,
            **link,
        }
        batch.born[identity] = batch.assets[identity] = row
        if believed:
            batch.due.add(identity)
        batch.entries.append(
            audit.Entry(
                "asset",
                identity,
                None,
                row["state"],
                statement.actor,
                row["reason"],
                {"host": output.link.host},
            )
        )
    elif statement.decision is Decision.BELIEVE and _wants_link(known):
        if known["id"] != identity and statement.verdict < Verdict.SIGNED_BODY:
            batch.entries.append(
                audit.Entry(
                    "asset",
                    known["id"],
                    known["state"],
                    known["state"],
                    statement.actor,
                    "link_conflict",
                    {"host": output.link.host},
                )
            )
            return
        if statement.verdict < Verdict.SIGNED_BODY and _still_serves(known, batch.at):
            return  # what proves little replaces no link that may still work
        if known["state"] == AssetState.QUARANTINED:
            batch.entries.append(
                audit.Entry("asset", known["id"], known["state"], AssetState.WAITING, statement.actor, "now_trusted")
            )
        # A claim that runs keeps its lease; one that waits for a better link need not wait any more.
        if not known.get("owner"):
            known["due_at"] = batch.at
            batch.due.add(known["id"])
        known.update(link, state=AssetState.WAITING, reason=None)
        batch.touched_assets.add(known["id"])


def _wants_link(asset: dict[str, Any]) -> bool:
    """It waits for its transfer, or only for a link that is trusted; whatever else quarantined it needs a person."""
    return asset["state"] == AssetState.WAITING or (asset["state"], asset["reason"]) == (
        AssetState.QUARANTINED,
        _NOT_TRUSTED,
    )


def _still_serves(asset: dict[str, Any], at: datetime) -> bool:
    return bool(asset["state"] == AssetState.WAITING and asset["link_expires_at"] > at)


def _same_place(batch: _Batch, task: dict[str, Any], statement: Statement, output: Output) -> dict[str, Any] | None:
    """The asset that stands at this output's place under another path, unless another output of the event claims it."""
    claimed = {asset_id(statement.source, task["task_id"], other) for other in statement.event.outputs}
    place = (task["id"], output.role, output.ordinal)
    for row in batch.assets.values():
        # A row that nobody vouched for must not stand in the way of one that somebody does.
        doubted = row["reason"] == _NOT_TRUSTED and statement.decision is Decision.BELIEVE
        if (row["task"], row["role"], row["ordinal"]) == place and row["id"] not in claimed and not doubted:
            return row
    return None


def _must_by(statement: Statement, output: Output, at: datetime) -> datetime:
    """When the output can no longer be had. What proves little cannot bring that nearer than one link life from now."""
    storage = statement.event.storage_expires_at
    found = storage if storage and statement.can_refresh else output.link.expires_at
    return found if statement.verdict >= Verdict.SIGNED_BODY else max(found, at + statement.link_life)


_TASK_FIELDS = (
    "state",
    "reason",
    "route",
    "claimed",
    "hinted_at",
    "completed_at",
    "storage_expires_at",
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


def _write(conn: Connection, batch: _Batch) -> None:
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


def _bound(row: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {"row_id": row["id"], **{name: row[name] for name in fields}}
