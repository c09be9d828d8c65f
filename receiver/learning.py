"""What the answers that pass through the proxy tell of tasks: what is not known yet, or given up, is registered."""

import logging
from collections.abc import Sequence
from datetime import datetime

from anyio.to_thread import run_sync

from archive.errors import LedgerError, NotUnderstoodError, ReelkeepError
from archive.identity import task_key
from archive.ledger import tasks
from archive.ledger.database import Database
from archive.model import ApiAnswer, Event, Progress
from archive.providers import PROVIDERS
from archive.settings import Settings
from receiver.orders import Orders

_log = logging.getLogger("receiver.proxy")


class Learning:
    """Reads status answers."""

    def __init__(self, settings: Settings, db: Database, orders: Orders) -> None:
        self._settings = settings
        self._db = db
        self._orders = orders

    async def status(self, name: str, route: str, answer: ApiAnswer, *, at: datetime) -> None:
        """
        Register the tasks that *answer* of a status route tells of and that we did not know.

        One that we had given up is asked about anew: the provider speaks of it, so it is not gone.
        """
        events = {task_key(name, event.task_id): event for event in self._read(name, route, answer, at)}
        if not events:
            return
        new = set(events)
        try:
            new -= await run_sync(tasks.known, self._db, set(events))
            for ended in (True, False):
                ids = [events[key].task_id for key in new if (events[key].progress is not Progress.RUNNING) is ended]
                if ids:
                    await self._orders.register(name, ids, "proxy", expected_by=at if ended else None)
        except LedgerError as exc:
            not_registered(name, [events[key].task_id for key in new], exc.reason)

    def _read(self, name: str, route: str, answer: ApiAnswer, at: datetime) -> Sequence[Event]:
        """The tasks in an answer about one, or about several where the provider has such an answer."""
        provider = PROVIDERS[self._settings.sources[name].provider]
        try:
            try:
                return [provider.read_status(route, answer, at=at)]
            except NotUnderstoodError:
                batch = provider.read_batch(route, answer, at=at)
        except ReelkeepError:
            return []  # about no task, or one that the provider does not know
        return [event for event in batch.values() if isinstance(event, Event)]


def not_registered(name: str, task_ids: Sequence[str], reason: str) -> None:
    _log.warning("proxy.not_registered", extra={"source": name, "task_ids": ",".join(task_ids), "reason": reason})
