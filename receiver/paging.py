"""Filters and keyset pages from a query string, and the id of one row from a path."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from archive.identity import can_be_ours
from receiver.problems import ProblemError
from receiver.views import row

MAX_PAGE = 200


class PageQuery(BaseModel):
    """What every list understands."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str | None, Field(description="only this source")] = None
    state: Annotated[str | None, Field(description="only this state (deliveries: outcome)")] = None
    since: Annotated[datetime | None, Field(description="not older than this instant")] = None
    until: Annotated[datetime | None, Field(description="older than this instant")] = None
    q: Annotated[str | None, Field(max_length=200, description="the start of an id or digest")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="rows on a page")] = 50
    cursor: Annotated[str | None, Field(max_length=400, description="`next_cursor` of the page before")] = None


class ListQuery(PageQuery):
    """What the lists of tasks, assets and deliveries understand."""

    reason: Annotated[str | None, Field(description="only what shows this reason")] = None
    task_id: Annotated[str | None, Field(description="the provider's id of the task")] = None
    external_id: Annotated[str | None, Field(description="your own id, given when the task was registered")] = None


Wanted = TypeVar("Wanted")


def read_filter(request: Request, query: type[PageQuery], wanted: Callable[..., Wanted]) -> Wanted:
    """
    Read the query string as *query*, and make of it what the ledger is asked with: *wanted* and where to go on.

    Raises:
        ProblemError: 400 `bad_query` naming the parameters, or `bad_cursor`.
    """
    try:
        read = query.model_validate(dict(request.query_params))
    except ValidationError as exc:
        named = ", ".join(sorted({str(error["loc"][0]) for error in exc.errors(include_input=False)}))
        raise ProblemError(400, "bad_query", f"These parameters cannot be read: {named}.") from None
    values = read.model_dump(exclude={"cursor"})
    if any("\x00" in value for value in values.values() if isinstance(value, str)):
        raise ProblemError(400, "bad_query", "NUL cannot be searched for.")
    for name in ("since", "until"):
        values[name] = aware(values[name])
    return wanted(**values, after=read_cursor(read.cursor) if read.cursor else None)


def key_of(request: Request) -> str:
    """The id in the path. Raises ProblemError 404 where it cannot be one of ours."""
    key: str = request.path_params["id"]
    if not can_be_ours(key):
        raise unknown()
    return key


def unknown() -> ProblemError:
    return ProblemError(404, "not_found", "There is nothing under that id.")


def page(rows: Sequence[Mapping[str, Any]], limit: int, instant: str) -> dict[str, Any]:
    """The first *limit* rows, and a cursor where there are more."""
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    cursor = cursor_of(last, instant) if last else None
    return {"items": [row(item) for item in shown], "next_cursor": cursor}


def aware(instant: datetime | None) -> datetime | None:
    """*instant*, by UTC where it names no zone."""
    return instant if instant is None or instant.tzinfo else instant.replace(tzinfo=UTC)


def cursor_of(row: Mapping[str, Any], instant: str) -> str:
    """Where to go on behind *row*."""
    at: datetime = row[instant]
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), row["id"]]).encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """The instant and id in it. Raises ProblemError 400 `bad_cursor`."""
    try:
        match json.loads(base64.urlsafe_b64decode(cursor)):
            case [str(instant), str(key)] if can_be_ours(key) and (read := datetime.fromisoformat(instant)).tzinfo:
                return read, key
    except ValueError:
        pass
    raise ProblemError(400, "bad_cursor", "The cursor is not one of ours.")
