"""Alive, and ready: a receiver is ready while it can commit. Redis and S3 are reported, but do not stop it."""

from collections.abc import Callable, Mapping

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from archive.errors import LedgerError
from archive.ledger import migrate
from archive.ledger.database import Database
from receiver.answers import Answer
from receiver.asking import ask

Check = Callable[[], bool]


class Health:
    """*others* are named checks whose failure is reported without making the receiver unready."""

    def __init__(self, db: Database, others: Mapping[str, tuple[Check, str]]) -> None:
        self._db = db
        self._others = others

    async def live(self, _request: Request) -> Response:
        return Answer({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """503 with reasons while the ledger cannot take a delivery."""
        checks = {"ledger": await self._ledger()}
        for name, (check, consequence) in self._others.items():
            checks[name] = "ok" if await run_sync(check) else consequence
        is_ready = checks["ledger"] == "ok"
        return Answer({"status": "ready" if is_ready else "not_ready", "checks": checks}, 200 if is_ready else 503)

    async def _ledger(self) -> str:
        try:
            return "ok" if await ask(migrate.is_current, self._db) else "schema_outdated: run `reelkeep migrate`"
        except LedgerError as exc:
            return exc.reason
