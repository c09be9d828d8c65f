"""What create calls have in common, whoever sends them: the URL to be called at, and the tasks that come of it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from anyio.to_thread import run_sync

from archive.errors import LedgerError
from archive.ledger import accounts, callback_urls, orders, queries, tasks
from archive.ledger.database import Database
from archive.registrations import registration
from archive.settings import Settings
from receiver import views
from receiver.minting import Mint, Minted
from receiver.upstream import Sleep

_PAUSES = (0.2, 0.5, 1.0)  # seconds between attempts to register what is paid for
_log = logging.getLogger("receiver.orders")


class Orders:
    """The ledger's side of create calls."""

    def __init__(self, settings: Settings, db: Database, sleep: Sleep = asyncio.sleep) -> None:
        self._settings = settings
        self._db = db
        self._sleep = sleep
        self.mint = Mint(settings, db)

    async def charge(self, name: str) -> None:
        """Count one request in the account's bucket, which refuses nobody here. Raises LedgerError."""
        budget = self._settings.sources[name].budget
        await run_sync(accounts.share, self._db, name, budget)

    async def url(
        self, name: str, metadata: Mapping[str, Any], external_id: str | None = None, forward_url: str | None = None
    ) -> Minted:
        """A callback URL whose task is *metadata*'s, should nobody else register it. Raises LedgerError."""
        return await run_sync(lambda: self.mint.make(name, external_id, metadata, forward_url=forward_url))

    async def begin(
        self,
        name: str,
        *,
        key: str | None = None,
        callback: str | None = None,
        external_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Write an order down before it is sent; returns its id, to be settled. Raises LedgerError."""
        return await run_sync(
            lambda: orders.begin(self._db, name, key=key, callback=callback, external_id=external_id, metadata=metadata)
        )

    async def settle(self, order: str) -> None:
        """It is known what became of it. Where the ledger cannot be told, an alert will ask a person."""
        try:
            await run_sync(orders.settle, self._db, order)
        except LedgerError as exc:
            _log.warning("orders.not_settled", extra={"order": order, "reason": exc.reason})

    async def register(
        self,
        name: str,
        task_ids: Sequence[str],
        actor: str,
        *,
        external_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        callback: str | None = None,
        expected_by: datetime | None = None,
    ) -> list[dict[str, Any]]:
        """
        Register the tasks of a create call, and return them as the API shows them. A ledger that is away is asked again
        a few times.

        Raises:
            LedgerError: it stays away.
        """
        source = self._settings.sources[name]
        said = [
            registration(
                name, source, task_id, external_id=external_id, metadata=metadata, expected_by=expected_by,
                callback=callback,
            )
            for task_id in task_ids
        ]  # fmt: skip

        def attempt() -> list[dict[str, Any]]:
            return [views.row(queries.task(self._db, key) or {}) for key in tasks.register(self._db, said, actor)]

        for pause in _PAUSES:
            try:
                return await run_sync(attempt)
            except LedgerError:
                await self._sleep(pause)
        return await run_sync(attempt)

    async def drop(self, callback: str | None) -> None:
        """Forget a callback URL that nobody will ever call, its order having been refused."""
        if callback is None:
            return
        try:
            await run_sync(callback_urls.drop_unused, self._db, callback)
        except LedgerError as exc:  # it ends by itself
            _log.warning("orders.url_not_dropped", extra={"callback": callback, "reason": exc.reason})
