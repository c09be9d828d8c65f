"""Alive, and ready: a receiver is ready while it can commit. Redis and S3 are reported, but do not stop it."""

from collections.abc import Callable, Mapping

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from archive.errors import LedgerError
from archive.ledger import queries
from archive.ledger.database import Database
from archive.ledger.migrate import Standing, standing
from receiver.answers import Answer
from receiver.asking import ask

Check = Callable[[], bool]
_NEWER = "schema_newer: a newer version has migrated the ledger, which this one goes on using"


class Health:
    """*others* are named checks whose failure is reported without making the receiver unready."""

    def __init__(self, db: Database, others: Mapping[str, tuple[Check, str]]) -> None:
        self._db = db
        self._others = others

    async def live(self, _request: Request) -> Response:
        return Answer({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """503 with reasons while the ledger cannot take a delivery."""
        ledger, notes = await self._ledger()
        checks = {"ledger": ledger}
        for name, (check, consequence) in self._others.items():
            checks[name] = "ok" if await run_sync(check) else consequence
        checks["transfers"] = await self._transfers()
        is_ready = ledger == "ok"
        body = {"status": "ready" if is_ready else "not_ready", "checks": checks, **({"notes": notes} if notes else {})}
        return Answer(body, 200 if is_ready else 503)

    async def _ledger(self) -> tuple[str, list[str]]:
        """What is to be said of the ledger, and what else is worth knowing though nothing is wrong."""
        try:
            found = await ask(standing, self._db)
        except LedgerError as exc:
            return exc.reason, []
        if found is Standing.OLDER:
            return "schema_outdated: run `reelkeep migrate`", []
        return "ok", [_NEWER] if found is Standing.NEWER else []

    async def _transfers(self) -> str:
        """What the workers hear of the store; web itself may be allowed more, or less."""
        try:
            work = await ask(queries.work, self._db)
        except LedgerError as exc:
            return exc.reason
        return f"wait for the store: {work.store_reason}" if work.held else "ok"
