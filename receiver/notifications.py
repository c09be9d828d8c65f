"""/api/notifications and /api/targets: what the user's applications were told, and what an operator may do about it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

from anyio.to_thread import run_sync
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from archive.advice import advice
from archive.ledger import notification_operator, notification_queries
from archive.ledger.database import Database
from archive.ledger.notification_queries import Filter, Listing
from archive.model import NotificationState
from archive.settings import Settings
from receiver.answers import Answer
from receiver.auth import OPERATOR, Role, require
from receiver.bodies import read_model
from receiver.paging import PageQuery, aware, key_of, page, read_filter, unknown
from receiver.problems import ProblemError
from receiver.targets import show_targets
from receiver.views import row

_TARGET = "only this target; empty: those to the URLs that callers of the proxy gave"
_TYPE = "only this type, such as asset.archived"


class NotificationQuery(PageQuery):
    """What the list of notifications understands."""

    target: Annotated[str | None, Field(description=_TARGET)] = None
    type: Annotated[str | None, Field(description=_TYPE)] = None
    q: Annotated[str | None, Field(max_length=200, description="the start of an id or of the subject's id")] = None


class RedriveIn(BaseModel):
    """Which dead notifications to send again; all of them where nothing is said."""

    model_config = ConfigDict(extra="forbid")

    target: Annotated[str | None, Field(description=_TARGET)] = None
    type: Annotated[str | None, Field(description=_TYPE)] = None
    source: Annotated[str | None, Field(description="only this source")] = None
    since: Annotated[datetime | None, Field(description="of things that happened not before this instant")] = None
    until: Annotated[datetime | None, Field(description="of things that happened before this instant")] = None


class Notifications:
    """The endpoints. *on_due* rings the workers."""

    def __init__(self, settings: Settings, db: Database, on_due: Callable[[], None]) -> None:
        self._settings = settings
        self._db = db
        self._on_due = on_due
        self._names = {target.name for target in settings.notify}

    async def list_notifications(self, request: Request) -> Response:
        """Notifications, newest first."""
        require(request, self._settings.server, Role.VIEWER)
        wanted = read_filter(request, NotificationQuery, Listing)
        if wanted.state and wanted.state not in list(NotificationState):
            raise ProblemError(400, "bad_query", f"state is one of: {', '.join(NotificationState)}.")
        found = await run_sync(notification_queries.list_notifications, self._db, wanted)
        return Answer(page(found, wanted.limit, "created_at"))

    async def get_notification(self, request: Request) -> Response:
        """One notification, and what to do where it could not be delivered."""
        require(request, self._settings.server, Role.VIEWER)
        found = await run_sync(notification_queries.notification, self._db, key_of(request))
        if found is None:
            raise unknown()
        return Answer(_shown(found))

    async def redrive_notification(self, request: Request) -> Response:
        """Send a dead or a delivered notification again, now and as if for the first time."""
        require(request, self._settings.server, Role.OPERATOR)
        key = key_of(request)
        found = await run_sync(notification_queries.notification, self._db, key)
        if found is None:
            raise unknown()
        if found["target"] and found["target"] not in self._names:
            raise ProblemError(409, "unknown_target", "The notification's target is not configured any more.")
        was = await run_sync(notification_operator.redrive, self._db, key, OPERATOR)
        if was is None:
            raise unknown()
        if was is NotificationState.PENDING:
            raise ProblemError(409, "already_pending", "The notification is on its way; it is tried again by itself.")
        self._on_due()
        return Answer({"id": key, "was": was, "state": NotificationState.PENDING})

    async def redrive_notifications(self, request: Request) -> Response:
        """Send all dead notifications again that fit the filter; `{}` fits all."""
        require(request, self._settings.server, Role.OPERATOR)
        said = await read_model(request, self._settings.server.max_body, RedriveIn, "bad_redrive")
        if not all(text.isprintable() for text in (said.target, said.type, said.source) if text):
            raise ProblemError(422, "bad_redrive", "Names are printable: what is not, no database can be asked for.")
        wanted = Filter(said.target, said.type, said.source, aware(said.since), aware(said.until))
        number = await run_sync(notification_operator.redrive_dead, self._db, wanted, OPERATOR)
        if number:
            self._on_due()
        return Answer({"redriven": number})

    async def list_targets(self, request: Request) -> Response:
        """The configured targets and how they take what they are sent."""
        require(request, self._settings.server, Role.VIEWER)
        return Answer({"items": await run_sync(show_targets, self._settings, self._db)})

    async def test_target(self, request: Request) -> Response:
        """Send the target a notification that only says that it is a test; its row tells what becomes of it."""
        require(request, self._settings.server, Role.OPERATOR)
        name = request.path_params["name"]
        if name not in self._names:
            raise ProblemError(404, "unknown_target", "No such target is configured.")
        made = await run_sync(notification_operator.add_test, self._db, name)
        self._on_due()
        return Answer(_shown(made))


def _shown(found: Mapping[str, Any]) -> dict[str, Any]:
    return row(found) | {"advice": advice(found["reason"])}
