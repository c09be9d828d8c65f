"""Many tasks at once: POST /api/tasks/import registers them, POST /api/tasks/lookup says what became of them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from anyio.to_thread import run_sync
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from archive.errors import NotUnderstoodError
from archive.grammar import check_name
from archive.ledger import lookup, tasks
from archive.ledger.database import Database
from archive.registrations import registration
from archive.settings import Settings
from archive.sources import Source
from receiver import views
from receiver.answers import Answer
from receiver.auth import OPERATOR, Role, require
from receiver.bodies import read_model
from receiver.problems import ProblemError
from receiver.task_in import TaskRow

MAX_TASKS = 1000
MAX_BODY = 4 << 20  # bytes; of what an operator sends, not of what strangers may


class ImportIn(BaseModel):
    """Tasks to watch over. One without `expected_by` is taken to be from the past."""

    model_config = ConfigDict(extra="forbid")

    tasks: Annotated[list[TaskRow], Field(max_length=MAX_TASKS)]


class LookupIn(BaseModel):
    """Tasks to ask about."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[
        list[Annotated[str, Field(pattern="^[0-9a-f]{32}$")]],
        Field(max_length=MAX_TASKS, description="the `id`s that registering them answered"),
    ]


class Imports:
    """Both endpoints. *on_due* rings the workers."""

    def __init__(self, settings: Settings, db: Database, on_due: Callable[[], None]) -> None:
        self._settings = settings
        self._db = db
        self._on_due = on_due

    async def import_tasks(self, request: Request) -> Response:
        """Register up to 1,000 tasks, or none where one of them is not as it must be; idempotent."""
        require(request, self._settings.server, Role.OPERATOR)
        limit = max(MAX_BODY, self._settings.server.max_body)
        wanted = (await read_model(request, limit, ImportIn, "bad_tasks")).tasks
        if mistakes := _mistakes(wanted, self._settings.sources):
            raise ProblemError(422, "bad_tasks", "; ".join(mistakes))
        told = [
            registration(
                row.source,
                self._settings.sources[row.source],
                row.task_id,
                external_id=row.external_id,
                metadata=row.metadata,
                expected_by=row.expected_at,
                is_past=True,
            )
            for row in wanted
        ]
        found = await run_sync(tasks.register_all, self._db, told, OPERATOR)
        self._on_due()
        shown = [
            {"id": one.id, "source": row.source, "task_id": row.task_id, "state": one.state, "is_new": one.is_new}
            for row, one in zip(wanted, found, strict=True)
        ]
        return Answer({"tasks": shown})

    async def look_up_tasks(self, request: Request) -> Response:
        """What became of up to 1,000 tasks and their assets; unknown ids are left out."""
        require(request, self._settings.server, Role.VIEWER)
        wanted = await read_model(request, MAX_BODY, LookupIn, "bad_lookup")
        return Answer({"tasks": [views.row(row) for row in await run_sync(lookup.tasks_of, self._db, wanted.ids)]})


def _mistakes(rows: list[TaskRow], sources: Mapping[str, Source]) -> list[str]:
    """What is wrong with which field of which row; never its value."""
    found = []
    first: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
    for index, row in enumerate(rows):
        if row.source not in sources:
            found.append(f"tasks.{index}.source: no such source is configured")
        for name, value in (("task_id", row.task_id), ("external_id", row.external_id or "-")):
            try:
                check_name(value, name)
            except NotUnderstoodError:
                found.append(f"tasks.{index}.{name}: ids are 1 to 512 printable characters")
        said = row.model_dump()
        before, same = first.setdefault((row.source, row.task_id), (index, said))
        if said != same:
            found.append(f"tasks.{index}.task_id: it is told otherwise in tasks.{before}")
    return found
