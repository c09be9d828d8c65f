"""What became of many tasks, for whoever waits for them: two statements for a thousand, instead of a question each."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from archive.ledger.database import Database
from archive.ledger.schema import assets, tasks


def tasks_of(db: Database, keys: Sequence[str]) -> list[Mapping[str, Any]]:
    """
    The tasks of those ids (the ledger's), each with its assets counted.

    `assets` maps states to numbers, `asset_reasons` lists why some of them are not archived (lost, quarantined, or
    what the last attempt at a waiting one came to). Unknown ids are left out.
    """
    with db.read() as conn:
        columns = (tasks.c.id, tasks.c.source, tasks.c.task_id, tasks.c.external_id, tasks.c.state, tasks.c.reason)
        found = {row["id"]: {**row} for row in conn.execute(select(*columns).where(tasks.c.id.in_(keys))).mappings()}
        counted = select(assets.c.task, assets.c.state, assets.c.reason, func.count())
        for row in found.values():
            row.update(assets={}, asset_reasons=[])
        for key, state, reason, number in conn.execute(
            counted.where(assets.c.task.in_(list(found))).group_by(assets.c.task, assets.c.state, assets.c.reason)
        ):
            task = found[key]
            task["assets"][state] = task["assets"].get(state, 0) + number
            if reason and reason not in task["asset_reasons"]:
                task["asset_reasons"].append(reason)
    return [found[key] for key in dict.fromkeys(keys) if key in found]
