"""GET /api/orders: what was ordered and is not known to exist; a person looks, and says so."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from archive.ledger import orders
from archive.ledger.database import Database
from archive.settings import Settings
from receiver import views
from receiver.answers import Answer
from receiver.auth import OPERATOR, Role, require
from receiver.paging import key_of, unknown


class Doubts:
    """The endpoints."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db

    async def list_orders(self, request: Request) -> Response:
        """Orders of an hour ago and older whose task is not known, the oldest first, 200 at most."""
        require(request, self._settings.server, Role.VIEWER)
        found = await run_sync(orders.unknown, self._db)
        return Answer({"items": [views.row(each) for each in found], "next_cursor": None})

    async def dismiss_order(self, request: Request) -> Response:
        """Say that somebody has looked: there is no task, or it is registered."""
        require(request, self._settings.server, Role.OPERATOR)
        key = key_of(request)
        if not await run_sync(orders.dismiss, self._db, key, OPERATOR):
            raise unknown()
        return Answer({"id": key, "dismissed": True})
