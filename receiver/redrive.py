"""Dead letters: what an operator gives another chance, one or many. Deliveries are read again, as of today."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from anyio.to_thread import run_sync
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from archive.alerts import link_lives
from archive.errors import LedgerError
from archive.ledger import callback_urls, deliveries, queries, redrive
from archive.ledger.database import Database
from archive.ledger.deliveries import Received
from archive.ledger.queries import Filter
from archive.ledger.schema import deliveries as deliveries_table
from archive.model import Delivery, Outcome, Verdict
from archive.settings import Settings
from receiver.answers import Answer
from receiver.auth import OPERATOR, Role, require
from receiver.bodies import read_model
from receiver.paging import aware, cursor_of, key_of, read_cursor, unknown
from receiver.problems import ProblemError
from receiver.understand import CALLBACK, names_no_task, read, understand

AT_ONCE = 1_000  # deliveries of one request
NO_SOURCE = "unknown_source"


class DeadIn(BaseModel):
    """Which dead letters; all of them where nothing is said."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str | None, Field(description="only this source")] = None
    reason: Annotated[str | None, Field(description="only what shows this reason")] = None
    task_id: Annotated[str | None, Field(description="the provider's id of the task")] = None
    external_id: Annotated[str | None, Field(description="your own id, given when the task was registered")] = None
    since: Annotated[datetime | None, Field(description="not older than this instant")] = None
    until: Annotated[datetime | None, Field(description="older than this instant")] = None
    q: Annotated[str | None, Field(max_length=200, description="the start of an id or digest")] = None
    dry_run: Annotated[bool, Field(description="only say how many they are")] = False

    def filter(self, state: str | None, **more: Any) -> Filter:
        """
        What the ledger is asked with.

        Raises:
            ProblemError: 422 `bad_redrive`.
        """
        said = self.model_dump(include={"source", "reason", "task_id", "external_id", "q"})
        if not all(text.isprintable() for text in said.values() if text):
            raise ProblemError(422, "bad_redrive", "Words are printable: what is not, no database can be asked for.")
        return Filter(**said, state=state, since=aware(self.since), until=aware(self.until), **more)


class RetryIn(DeadIn):
    state: Annotated[
        Literal["quarantined", "lost"] | None, Field(description="only quarantined, or only lost ones")
    ] = None


class ReopenIn(DeadIn):
    pass


class ReplayIn(DeadIn):
    outcome: Annotated[
        Literal["quarantined", "ignored", "accepted"], Field(description="what was made of it when it was last read")
    ] = "quarantined"
    cursor: Annotated[str | None, Field(max_length=400, description="`next_cursor` of the answer before")] = None


Model = TypeVar("Model", bound=DeadIn)


class Redrive:
    """The endpoints. *on_due* rings the workers."""

    def __init__(self, settings: Settings, db: Database, on_due: Callable[[], None]) -> None:
        self._settings = settings
        self._db = db
        self._on_due = on_due

    async def retry_assets(self, request: Request) -> Response:
        """Make all quarantined and lost assets due that fit the filter; `{}` fits all."""
        said = await self._read(request, RetryIn)
        wanted = said.filter(said.state)
        number = await run_sync(lambda: redrive.retry(self._db, wanted, OPERATOR, dry_run=said.dry_run))
        return self._answer(said, "retried", number)

    async def reopen_tasks(self, request: Request) -> Response:
        """Ask again about all tasks that are gone and fit the filter; `{}` fits all. Only where there is an API key."""
        said = await self._read(request, ReopenIn)
        lives = link_lives(self._settings.askable)
        wanted = said.filter(None)
        number = await run_sync(lambda: redrive.reopen(self._db, wanted, lives, OPERATOR, dry_run=said.dry_run))
        return self._answer(said, "reopened", number)

    async def replay_deliveries(self, request: Request) -> Response:
        """Read stored deliveries again that fit the filter, oldest first, 1,000 at a time; `{}`: all quarantined."""
        said = await self._read(request, ReplayIn)
        wanted = said.filter(said.outcome)
        if said.dry_run:
            number = await run_sync(redrive.count, self._db, deliveries_table, wanted)
            return self._answer(said, "replayed", number)
        after = read_cursor(said.cursor) if said.cursor else None
        outcomes: Counter[str] = Counter()
        left: list[Mapping[str, Any]] = []
        number, rows = 0, []
        while number < AT_ONCE:
            page = said.filter(said.outcome, after=after, limit=AT_ONCE - number)
            if not (rows := await run_sync(redrive.to_replay, self._db, page)):
                break
            told = await run_sync(self._replay_all, rows)
            number += len(told)
            outcomes.update(one["outcome"] for one in told)
            left += [one for one in told if one["outcome"] == Outcome.QUARANTINED]
            after = rows[-1]["received_at"], rows[-1]["id"]
        cursor = cursor_of(rows[-1], "received_at") if rows else None
        sums = {"replayed": number, "outcomes": outcomes, "not_understood": left, "next_cursor": cursor}
        return Answer({**sums, "dry_run": False})

    async def replay_delivery(self, request: Request) -> Response:
        """Read a stored delivery again, with the verdict it had when it came."""
        require(request, self._settings.server, Role.OPERATOR)
        found = await run_sync(queries.delivery, self._db, key_of(request))
        if found is None:
            raise unknown()
        if found["source"] not in self._settings.sources:
            raise ProblemError(409, NO_SOURCE, "The delivery's source is not configured any more.")
        [told] = await run_sync(self._replay_all, [found])
        return Answer(told)

    def _replay_all(self, rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Read *rows* again in one transaction; where one of them spoils it, each in its own."""
        known = [row for row in rows if row["source"] in self._settings.sources]
        items = {row["id"]: self._understand(row) for row in known}
        try:
            due = deliveries.replay(self._db, items)
        except LedgerError:
            raise
        except Exception:  # whatever a value can do to a driver
            if len(rows) == 1:
                raise
            return [one for row in rows for one in self._replay_all([row])]
        if due:
            self._on_due()
        return [_said(row["id"], items.get(row["id"])) for row in rows]

    def _understand(self, row: Mapping[str, Any]) -> Received:
        headers = json.loads(row["headers"])
        told = (
            Delivery(row["source"], headers, row["body"], None, row["received_at"]), read(row["body"]),
            self._settings.sources[row["source"]], Verdict[row["verdict"].upper()], headers.get(CALLBACK),
        )  # fmt: skip
        understood = understand(*told)
        if understood.callback and names_no_task(understood):
            return understand(*told, callback_urls.bound_task(self._db, understood.callback))
        return understood

    async def _read(self, request: Request, model: type[Model]) -> Model:
        require(request, self._settings.server, Role.OPERATOR)
        return await read_model(request, self._settings.server.max_body, model, "bad_redrive")

    def _answer(self, said: DeadIn, verb: str, number: int) -> Response:
        if number and not said.dry_run:
            self._on_due()
        return Answer({verb: number, "dry_run": said.dry_run})


def _said(key: str, item: Received | None) -> dict[str, Any]:
    """What became of one; *item* is None where its source is not configured any more, which leaves it as it is."""
    if item is None:
        return {"delivery_id": key, "outcome": Outcome.QUARANTINED, "reason": NO_SOURCE}
    return {"delivery_id": key, "outcome": item.outcome, "reason": item.reason}
