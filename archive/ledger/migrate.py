"""
Bring the ledger's schema up to this version (Alembic). Safe to call from several processes at once.

Two versions share a ledger while one is rolled out, so within a major version migrations only add: a table, an index on
a table that is new, a column that may be null or has a constant default. What stands is not dropped, renamed, altered
or rewritten, and holds what it held: the version before goes on reading and writing it. Hence a ledger of a newer
version can be used, too, and nothing is done to it. `tests/conformance/test_migrations.py` judges each from 0004 on.

An index on a table that stands would have to be made CONCURRENTLY on PostgreSQL, outside of the one transaction here;
whoever needs the first one adds that, and a fill of old rows runs in small batches after the start, never in here.
"""

import logging
import random
import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from archive.errors import LedgerError
from archive.ledger.database import Database

REVISION = "0004"  # of the last migration; they are numbered in four digits, so that two can be compared
_ADVISORY = 7_305_412  # any number of ours: PostgreSQL's lock while migrating
_LOCK_TIMEOUT = "500ms"  # everybody else queues behind us that long; a callback waits for 1.5 s
_PATIENCE = 600.0  # seconds to come back for: a dump of the database locks tables out of a migration's reach
_LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL, appendix A
_log = logging.getLogger(__name__)


class Standing(Enum):
    """How the ledger's tables stand to this version."""

    OLDER = auto()  # or not there at all: to be migrated
    CURRENT = auto()
    NEWER = auto()  # another version has been here; since it only added, all that this one needs is there


def standing(db: Database) -> Standing:
    """Raises LedgerError."""
    with db.read() as conn:
        return _standing(conn)


def upgrade(
    db: Database,
    *,
    patience: float = _PATIENCE,
    sleep: Callable[[float], None] = time.sleep,
    spread: Callable[[], float] = random.random,
) -> None:
    """
    Create or migrate the tables, in one transaction; leave those of a newer version as they are.

    On PostgreSQL it never waits in the way of others: what it cannot lock at once it tries again, for *patience*
    seconds.

    Raises:
        LedgerError: `migration_blocked`; somebody held a table for all that time.
    """
    end = time.monotonic() + patience
    while (found := standing(db)) is Standing.OLDER:
        try:
            _migrate(db)
        except LedgerError as exc:
            if not _is_locked_out(exc):
                raise
            if time.monotonic() > end:
                raise LedgerError("migration_blocked") from exc
            _log.warning("ledger.migration_waits")
            sleep(1 + spread())
    if found is Standing.NEWER:
        _log.warning("ledger.schema_newer")


def _standing(conn: Connection) -> Standing:
    if not inspect(conn).has_table("alembic_version"):
        return Standing.OLDER
    found = conn.scalar(text("SELECT version_num FROM alembic_version")) or ""
    if found == REVISION:
        return Standing.CURRENT
    is_ours = found.isdecimal() and len(found) == len(REVISION)
    return Standing.NEWER if is_ours and found > REVISION else Standing.OLDER


def _migrate(db: Database) -> None:
    with db.write() as conn:
        if not db.is_sqlite:
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY})
            conn.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
        if _standing(conn) is Standing.OLDER:  # else somebody was faster, and may be of a version we know nothing of
            _apply(conn, REVISION)


def _apply(conn: Connection, revision: str) -> None:
    # Alembic costs a fifth of a second that no start but the first of a version needs.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


def _is_locked_out(exc: LedgerError) -> bool:
    return getattr(getattr(exc.__cause__, "orig", None), "sqlstate", None) == _LOCK_NOT_AVAILABLE
