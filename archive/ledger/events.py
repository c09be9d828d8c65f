"""
The one door through which statements about tasks enter, whether a provider called or was asked.

Callback and poll may race, repeat and contradict each other: rows are locked, states come from `archive.lifecycle`,
identities from `archive.identity`, and whoever is second changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from archive.documents import dump
from archive.ledger import audit, losses
from archive.ledger.batch import Batch, Statement, write
from archive.ledger.outputs import apply_output
from archive.ledger.schema import assets, tasks
from archive.ledger.upsert import insert_new
from archive.lifecycle import task_after
from archive.model import Progress, TaskState, Verdict
from archive.schedule import LOOK_CEILING
from archive.trust import Decision

HINT_REST = timedelta(seconds=20)  # a look takes no longer; hints that come faster bring nothing new


def apply(conn: Connection, statements: Sequence[Statement], at: datetime) -> int:
    """Apply *statements* in order, in the caller's transaction. Return the number of assets that became due."""
    if not statements:
        return 0
    fresh = insert_new(conn, tasks, list({s.task_key: _new_task(s, at) for s in reversed(statements)}.values()))
    keys = sorted({statement.task_key for statement in statements})
    known = conn.execute(select(tasks).where(tasks.c.id.in_(keys)).order_by(tasks.c.id).with_for_update()).mappings()
    batch = Batch(at, {row["id"]: dict(row) for row in known}, {})
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
    write(conn, batch)
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


def _apply_one(batch: Batch, statement: Statement) -> None:
    task, event = batch.tasks[statement.task_key], statement.event
    batch.touched_tasks.add(task["id"])
    task["route"] = event.route
    task["vouched"] = task["vouched"] or statement.verdict >= Verdict.SIGNED_ID
    if statement.decision is Decision.CONFIRM:
        _note_hint(batch, task, statement)
        return
    if event.credits is not None and (task["credits"] is None or statement.verdict >= Verdict.SIGNED_BODY):
        task["credits"] = event.credits
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
        if after is TaskState.FAILED:
            batch.tallies += losses.of_task(statement.source, event.reason, task["credits"])
    if event.progress is Progress.RUNNING and event.reason is None and after is TaskState.OPEN:
        # Still running now, so its link cannot die before one link life from now.
        task["must_by"] = batch.at + statement.link_life
    if event.progress is Progress.SUCCEEDED:
        task["storage_expires_at"] = event.storage_expires_at
        _note_difference(batch, task, statement)
        for output in event.outputs:
            apply_output(batch, task, statement, output)
    if after is TaskState.SUCCEEDED or (after is not TaskState.OPEN and not _is_hinted(batch, task)):
        task["look_at"] = None
    elif not statement.settles:
        task["look_at"] = task["look_at"] or batch.at


def _is_hinted(batch: Batch, task: dict[str, Any]) -> bool:
    """Somebody has just claimed otherwise, and was promised that the provider is asked: a failure undoes no promise."""
    return task["hinted_at"] is not None and batch.at - task["hinted_at"] < LOOK_CEILING


def _note_hint(batch: Batch, task: dict[str, Any], statement: Statement) -> None:
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


def _note_difference(batch: Batch, task: dict[str, Any], statement: Statement) -> None:
    """Record where a callback named other files than the provider does: a re-sign of another path, or a forgery."""
    if not task["claimed"] or statement.verdict is not Verdict.POLLED:
        return
    if task["claimed"] != dump([f"{output.link.host}{output.link.path}" for output in statement.event.outputs]):
        state = task["state"]
        batch.entries.append(
            audit.Entry("task", task["id"], state, state, statement.actor, "callback_claimed_other_files")
        )
    task["claimed"] = None
