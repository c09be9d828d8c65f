"""What the driver reads in the ledger to know whom a kill would hit. The oracle is told of its audit entries alone."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

_PATIENCE = 0.2  # seconds; a stopped process may hold SQLite's write lock, and the driver is who lets it go on
_SECOND = 1_000_000  # instants are microseconds
_OWED = """
    SELECT (SELECT count(*) FROM assets WHERE state = 'waiting') AS assets,
           (SELECT count(*) FROM tasks WHERE state = 'open') AS tasks,
           (SELECT count(*) FROM outbox) AS errands,
           (SELECT count(*) FROM notifications WHERE state = 'pending') AS notifications
"""


class View:
    """A few questions, each answered at once."""

    def __init__(self, url: str) -> None:
        is_sqlite = make_url(url).get_backend_name() == "sqlite"
        options: dict[str, Any] = {"timeout": _PATIENCE, "check_same_thread": False} if is_sqlite else {}
        self._engine = create_engine(url, connect_args=options)

    def in_hand(self, owner: str) -> list[str]:
        """The assets that *owner* claimed and has neither ended nor given back."""
        rows = self._ask(
            "SELECT t.asset FROM attempts t JOIN assets a ON a.id = t.asset AND a.fence = t.fence "
            "WHERE t.owner = :owner AND t.ended_at IS NULL AND a.state = 'waiting'",
            owner=owner,
        )
        return [row["asset"] for row in rows]

    def waiting(self) -> list[str]:
        """Assets that have not ended."""
        return [row["id"] for row in self._ask("SELECT id FROM assets WHERE state = 'waiting'")]

    def blamed(self) -> list[tuple[int, str | None]]:
        """Of assets that have not ended: how many deaths in a row are counted, and who has it in hand."""
        rows = self._ask("SELECT crashes, owner FROM assets WHERE state = 'waiting'")
        return [(row["crashes"], row["owner"]) for row in rows]

    def owed(self) -> dict[str, int]:
        """How much of each kind is not done yet."""
        return {name: int(count) for name, count in self._ask(_OWED)[0].items()}

    def attempts(self) -> list[Mapping[str, Any]]:
        """Every claim: asset, owner and seconds since 1970."""
        return self._ask("SELECT asset, owner, started_at / 1000000.0 AS started FROM attempts ORDER BY started_at")

    def audit(self) -> list[Mapping[str, Any]]:
        return self._ask("SELECT subject, subject_id, was, now, reason, actor FROM audit ORDER BY id")

    def hasten(self, seconds: float) -> None:
        """
        Let what is leased or planned for later be due *seconds* from now at the latest.

        The leases of looks (90 s), errands and notifications (2 min) are no settings. Those of dead processes would
        outlast a short run, so their time passes faster, as that of claims does by the settings.
        """
        soon = int((time.time() + seconds) * _SECOND)
        with suppress(DBAPIError), self._engine.begin() as conn:
            for statement in (
                "UPDATE tasks SET look_at = :soon WHERE look_at > :soon",
                "UPDATE outbox SET due_at = :soon WHERE due_at > :soon",
                "UPDATE notifications SET due_at = :soon, leased_until = :soon WHERE leased_until > :soon",
            ):
                conn.execute(text(statement), {"soon": soon})

    def close(self) -> None:
        self._engine.dispose()

    def _ask(self, question: str, **values: Any) -> list[Mapping[str, Any]]:
        with self._engine.connect() as conn:
            return [dict(row) for row in conn.execute(text(question), values).mappings()]
