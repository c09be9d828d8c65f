"""The API people and programs use: tasks, assets and deliveries, and the few things an operator may do."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from archive.alerts import alerts, link_lives
from archive.errors import NotUnderstoodError
from archive.grammar import check_name
from archive.hidden import secrets_of
from archive.identity import can_be_ours
from archive.ledger import (
    callback_urls,
    gauges,
    leases,
    notification_queries,
    operator,
    orders,
    outages,
    queries,
    targets,
    tasks,
)
from archive.ledger.database import Database
from archive.model import AssetState, Outcome, TaskState
from archive.providers import PROVIDERS
from archive.registrations import registration
from archive.settings import Settings
from archive.sources import Source
from receiver import views
from receiver.answers import Answer
from receiver.auth import OPERATOR, Role, require
from receiver.bodies import read_model
from receiver.paging import ListQuery, key_of, page, read_filter, unknown
from receiver.problems import ProblemError
from receiver.targets import show_targets
from receiver.task_in import TaskIn

Linker = Callable[[Mapping[str, Any], timedelta], str]


class Api:
    """Endpoints over the ledger. *link* makes a presigned URL; *on_due* rings the workers."""

    def __init__(self, settings: Settings, db: Database, link: Linker, on_due: Callable[[], None]) -> None:
        self._settings = settings
        self._db = db
        self._link = link
        self._on_due = on_due

    async def list_tasks(self, request: Request) -> Response:
        """Tasks, newest first."""
        return await self._list(request, queries.list_tasks, "created_at", TaskState)

    async def list_assets(self, request: Request) -> Response:
        """Assets, newest first."""
        return await self._list(request, queries.list_assets, "created_at", AssetState)

    async def list_deliveries(self, request: Request) -> Response:
        """Deliveries, newest first; `state` is the outcome."""
        return await self._list(request, queries.list_deliveries, "received_at", Outcome)

    async def get_task(self, request: Request) -> Response:
        return await self._told(request, "task", queries.task)

    async def get_asset(self, request: Request) -> Response:
        return await self._told(request, "asset", queries.asset)

    async def get_delivery(self, request: Request) -> Response:
        """A delivery with its body, in which links are cut short and our own secrets taken out."""
        found = await self._one(request, queries.delivery)
        shown = views.row(found)
        if require(request, self._settings.server, Role.VIEWER) is Role.OPERATOR:
            shown["body"] = await run_sync(views.body_text, found["body"], secrets_of(self._settings))
        return Answer(shown)

    async def add_task(self, request: Request) -> Response:
        """Register a task; saying it again changes nothing but what is said anew."""
        require(request, self._settings.server, Role.OPERATOR)
        wanted = await self._read_task(request)
        source = self._settings.sources[wanted.source]
        told = registration(
            wanted.source,
            source,
            wanted.task_id,
            external_id=wanted.external_id,
            metadata=wanted.metadata,
            expected_by=wanted.expected_at,
            callback=wanted.callback_id,
        )
        [key] = await run_sync(tasks.register, self._db, [told], OPERATOR)
        found = await run_sync(queries.task, self._db, key)
        return Answer(views.row(found or {}))

    async def content(self, request: Request) -> Response:
        """
        Send the caller to a presigned URL of the archived object.

        Who asks for JSON gets the URL in a document: a page's script cannot read where a redirect leads.
        """
        found = await self._one(request, queries.asset)
        if found["state"] != AssetState.ARCHIVED:
            raise ProblemError(409, "not_archived", "The asset is not archived.")
        life = self._settings.server.content_life
        url = await run_sync(self._link, found, life)
        expires_at = (datetime.now(UTC) + life).isoformat(timespec="seconds").replace("+00:00", "Z")
        headers = {"Cache-Control": "no-store", "Reelkeep-Link-Expires-At": expires_at, "Vary": "Accept"}
        if "application/json" in request.headers.get("accept", ""):
            return Answer({"url": url, "expires_at": expires_at}, headers=headers)
        return RedirectResponse(url, 302, headers=headers)

    async def retry_asset(self, request: Request) -> Response:
        """Make the asset due now."""
        require(request, self._settings.server, Role.OPERATOR)
        key = key_of(request)
        was = await run_sync(operator.retry, self._db, key, OPERATOR)
        if was is None:
            raise unknown()
        if was in {AssetState.ARCHIVED, AssetState.DISPOSED}:
            raise ProblemError(409, "already_archived", "The asset is archived; there is nothing to try again.")
        self._on_due()
        return Answer({"id": key, "was": was, "state": AssetState.WAITING})

    async def pause_source(self, request: Request) -> Response:
        return await self._pause(request, paused=True)

    async def resume_source(self, request: Request) -> Response:
        return await self._pause(request, paused=False)

    async def status(self, request: Request) -> Response:
        """What waits, what is done, by source; how the targets take what they are sent."""
        role = require(request, self._settings.server, Role.VIEWER)
        counted = await run_sync(queries.states, self._db)
        work = await run_sync(queries.work, self._db)
        paused = await run_sync(queries.paused, self._db)
        away = await run_sync(outages.outages, self._db)
        askable = self._settings.askable
        polling = await run_sync(queries.polling, self._db, link_lives(askable))
        sources = {
            name: {
                "provider": source.provider,
                "callbacks": PROVIDERS[source.provider].CALLBACKS,
                "paused": name in paused,
                "can_ask": source.api_key is not None,
            }
            | ({"polling": _polling(polling[name], source)} if name in polling else {})
            | ({"outage": views.row(vars(away[name]))} if name in away else {})
            for name, source in self._settings.sources.items()
        }
        unwatched = await run_sync(queries.unwatched, self._db, askable)
        health = await run_sync(targets.health, self._db)
        doubtful = await run_sync(orders.in_doubt, self._db)
        found = alerts(work, polling, askable, paused, unwatched, health, doubtful, away)
        alarms = [alert.text for alert in found]
        told = await run_sync(show_targets, self._settings, self._db)
        said = {"role": role.name.lower(), "alerts": alarms, "sources": sources, "targets": told, "work": vars(work)}
        return Answer({**said, **counted, "urgency": await run_sync(self._urgency)})

    def _urgency(self) -> dict[str, int | None]:
        """In seconds: how long the most urgent asset can be had, how long one is due, how long the clock is silent."""
        found = gauges.waiting(self._db, sorted(self._settings.sources)).values()
        lefts = [one.left for one in found if one.left is not None]
        life = leases.clock_life(self._settings.workers.sweep)
        return {
            "earliest_deadline": _rounded(min(lefts, default=None)),
            "oldest_due": _rounded(max((one.oldest_due for one in found), default=timedelta(0))),
            "clock_tick_age": _rounded(leases.renewed_ago(self._db, leases.CLOCK, life)),
        }

    async def _pause(self, request: Request, *, paused: bool) -> Response:
        require(request, self._settings.server, Role.OPERATOR)
        name = request.path_params["source"]
        if name not in self._settings.sources:
            raise ProblemError(404, "unknown_source", "No such source is configured.")
        await run_sync(lambda: operator.pause(self._db, name, paused=paused, actor=OPERATOR))
        if not paused:
            self._on_due()
        return Answer({"source": name, "paused": paused})

    async def _list(
        self, request: Request, ask: Callable[..., list[Mapping[str, Any]]], instant: str, states: type[StrEnum]
    ) -> Response:
        require(request, self._settings.server, Role.VIEWER)
        wanted = read_filter(request, ListQuery, queries.Filter)
        if wanted.state and wanted.state not in list(states):
            raise ProblemError(400, "bad_query", f"state is one of: {', '.join(states)}.")
        return Answer(page(await run_sync(ask, self._db, wanted), wanted.limit, instant))

    async def _told(
        self, request: Request, subject: str, ask: Callable[[Database, str], Mapping[str, Any] | None]
    ) -> Response:
        """One row, and who was told of it."""
        found = await self._one(request, ask)
        told = await run_sync(notification_queries.about, self._db, subject, found["id"])
        return Answer(views.row({**found, "notifications": told}))

    async def _one(
        self, request: Request, ask: Callable[[Database, str], Mapping[str, Any] | None]
    ) -> Mapping[str, Any]:
        require(request, self._settings.server, Role.VIEWER)
        found = await run_sync(ask, self._db, key_of(request))
        if found is None:
            raise unknown()
        return found

    async def _read_task(self, request: Request) -> TaskIn:
        wanted = await read_model(request, self._settings.server.max_body, TaskIn, "bad_task")
        try:
            check_name(wanted.task_id, "task_id")
            check_name(wanted.external_id or "-", "external_id")
        except NotUnderstoodError as exc:
            raise ProblemError(422, exc.reason, "Ids are 1 to 512 printable characters.") from None
        if wanted.source not in self._settings.sources:
            raise ProblemError(422, "unknown_source", "No such source is configured.")
        if wanted.callback_id is not None:
            known = can_be_ours(wanted.callback_id)
            if not known or await run_sync(callback_urls.source_of, self._db, wanted.callback_id) != wanted.source:
                raise ProblemError(422, "callback_unknown", "The source has no callback URL of that id.")
        return wanted


def _rounded(span: timedelta | None) -> int | None:
    return None if span is None else round(span.total_seconds())


def _polling(polling: queries.Polling, source: Source) -> dict[str, Any]:
    per_minute = round(source.budget.per_minute, 1)
    return {**vars(polling), "lag": round(polling.lag.total_seconds()), "requests_per_minute": per_minute}
