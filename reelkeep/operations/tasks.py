"""Tasks: what is watched over."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, NotRequired, TypedDict, Unpack

from reelkeep.model import Found, Imported, Page, Task
from reelkeep.operations.asking import Filter, Pages, list_of, path_to, said
from reelkeep.steps import Request, Steps

_AT_ONCE = 1000  # the API takes no more
_IMPORT_BYTES = 3_000_000  # and no body above 4 MiB


class NewTask(TypedDict):
    """A task of an import. `task_id` is the provider's; without `expected_by` it is taken to be from the past."""

    source: str
    task_id: str
    external_id: NotRequired[str | None]
    metadata: NotRequired[Mapping[str, Any] | None]
    expected_by: NotRequired[datetime | None]


def add(
    source: str,
    task_id: str,
    *,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    expected_by: datetime | None = None,
    callback_id: str | None = None,
) -> Steps[Task]:
    """Register the provider's task *task_id*; saying it again changes nothing but what is said anew."""
    body = said(
        source=source, task_id=task_id, external_id=external_id, metadata=metadata, expected_by=expected_by,
        callback_id=callback_id,
    )  # fmt: skip
    return Task.of((yield Request("POST", "/api/tasks", body=body, is_repeatable=True)))


def import_(tasks: Iterable[NewTask]) -> Steps[list[Imported]]:
    """
    Register any number of tasks, up to 1,000 with a request, of which the service takes all or none.

    They are answered in the order they were given. After an error all of it may be said again.
    """
    found: list[Imported] = []
    for rows in _chunks(tasks):
        answer = yield Request("POST", "/api/tasks/import", body={"tasks": rows}, is_repeatable=True)
        found += map(Imported.of, list_of(answer, "tasks"))
    return found


def _chunks(tasks: Iterable[NewTask]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    size = 0
    for row in (said(**task) for task in tasks):
        added = len(json.dumps(row)) + 2
        if rows and (len(rows) == _AT_ONCE or size + added > _IMPORT_BYTES):
            yield rows
            rows, size = [], 0
        rows.append(row)
        size += added
    if rows:
        yield rows


def look_up(keys: Iterable[str]) -> Steps[list[Found]]:
    """What became of any number of tasks (Reelkeep's `id`s), 1,000 with a request; unknown ones are left out."""
    left, found = iter(keys), list[Found]()
    while ids := list(islice(left, _AT_ONCE)):
        answer = yield Request("POST", "/api/tasks/lookup", body={"ids": ids}, is_repeatable=True)
        found += map(Found.of, list_of(answer, "tasks"))
    return found


def get(key: str) -> Steps[Task]:
    """A task by Reelkeep's `id`, with the ids of its assets."""
    return Task.of((yield Request("GET", path_to("tasks", key))))


def each(**wanted: Unpack[Filter]) -> Pages[Task]:
    """Every task that fits, newest first; pages are asked for as they are needed."""
    return Pages(Task, "/api/tasks", wanted)


def list_page(cursor: str | None = None, **wanted: Unpack[Filter]) -> Steps[Page[Task]]:
    """One page of the tasks that fit, newest first."""
    return each(**wanted).at(cursor)
