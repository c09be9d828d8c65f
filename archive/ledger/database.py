"""
One door to the database: short transactions, the database's clock, and its failures as ours.

SQLite runs in WAL with synchronous=FULL (a commit is on disk when it returns), and every writing transaction starts
with BEGIN IMMEDIATE, so that it waits its turn instead of failing half-way. PostgreSQL runs as it is configured, and is
not used where a commit does not wait for the disk. No network call ever happens inside a transaction.
"""

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from archive.errors import LedgerError
from archive.ledger import tallies
from archive.ledger.impatience import Impatient
from archive.ledger.schema import EPOCH, MICROSECOND

Clock = Callable[[], datetime]
NOT_DURABLE = "ledger_not_durable"
# How soon a server that vanished without a word is given up, where Linux alone would take hours; the last in ms.
_NOTICE = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 15_000}
_FULL = 2  # how SQLite spells synchronous = FULL when it is asked


class Database:
    """
    An engine and its clock.

    Args:
        url: `sqlite:///path` or `postgresql+psycopg://…`.
        clock: for tests; in service the time is the database's own, so that leases of several machines compare.
        patience: seconds to wait for a lock or a connection before `ledger_unavailable`.
        answer: seconds that PostgreSQL may take for one statement; None: as long as it takes.
    """

    def __init__(
        self, url: str, *, clock: Clock | None = None, patience: float = 30.0, answer: float | None = None
    ) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = (
            {"connect_args": {"timeout": patience, "check_same_thread": False}, "pool_size": 32}
            if self.is_sqlite
            else {
                "connect_args": {"connect_timeout": int(patience) or 1, **_NOTICE},
                "pool_size": 16,
                "pool_pre_ping": True,
            }
        )
        self.engine: Engine = create_engine(
            parsed,
            pool_timeout=patience,
            max_overflow=32,
            hide_parameters=True,  # an error's message would hold them, links included, and tracebacks are logged
            **options,
        )
        self._writing = self.engine.execution_options(reelkeep_writes=True)
        self._clock = clock
        self._patience = patience
        self._answer = answer
        self._turn = threading.Lock()
        if self.is_sqlite:
            event.listen(self.engine, "connect", self._prepare_sqlite)
            event.listen(self.engine, "begin", self._begin_sqlite)
        else:
            event.listen(self.engine, "do_connect", self._connect_postgresql)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block. Raises LedgerError where the database cannot be had."""
        with self._my_turn(), _translated(), self._writing.connect() as conn, conn.begin(), tallies.gathered(conn):
            yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only view of one moment."""
        with _translated(), self.engine.connect() as conn, conn.begin():
            yield conn

    def now(self, conn: Connection) -> datetime:
        """The database's clock; SQLite has none but the machine's."""
        if self._clock:
            return self._clock()
        if self.is_sqlite:
            return datetime.now(UTC)
        microseconds = conn.execute(
            text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        ).scalar_one()
        return EPOCH + int(microseconds) * MICROSECOND

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        """Writing threads of one process queue here for SQLite's one write lock; PostgreSQL has its own queues."""
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=self._patience):
            raise LedgerError("ledger_unavailable")
        try:
            yield
        finally:
            self._turn.release()

    def _prepare_sqlite(self, connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        _ask_until(connection, "PRAGMA journal_mode = WAL", self._patience)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        # SQLite says nothing where it cannot do as it was told, as with a log on a network's folder.
        kept = [connection.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in ("journal_mode", "synchronous")]
        if kept != ["wal", _FULL]:
            raise LedgerError(NOT_DURABLE)

    def _connect_postgresql(self, _dialect: Any, _record: Any, args: Any, options: Any) -> Impatient:
        connection = Impatient.connect(*args, **options)
        connection.patience = self._answer
        try:
            with connection.cursor() as cursor:
                is_off = cursor.execute("SHOW synchronous_commit").fetchone() == ("off",)
            connection.rollback()
            if is_off:
                raise LedgerError(NOT_DURABLE)
        except BaseException:
            connection.close()
            raise
        return connection

    def _begin_sqlite(self, conn: Connection) -> None:
        connection: Any = conn.connection.driver_connection
        if "reelkeep_writes" not in conn.get_execution_options():
            connection.execute("BEGIN")
            return
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            _ask_until(connection, "BEGIN IMMEDIATE", self._patience)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(self._patience * 1000)}")


@contextmanager
def _translated() -> Iterator[None]:
    """A database that cannot be reached, is locked or is full is ours to report; a value it refuses is the caller's."""
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, PoolTimeoutError) as exc:
        raise LedgerError("ledger_unavailable") from exc
    except DBAPIError as exc:
        if exc.connection_invalidated:
            raise LedgerError("ledger_unavailable") from exc
        raise


def _ask_until(connection: Any, statement: str, patience: float) -> None:
    """
    Run *statement* as soon as SQLite lets it, asking every few milliseconds.

    SQLite's own way of waiting sleeps up to a tenth of a second at a time, and under load sleeps through every chance:
    with six processes on one file some waited for seconds.

    Raises:
        LedgerError: not within *patience* seconds.
    """
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise LedgerError("ledger_unavailable") from exc
            time.sleep(random.uniform(0.001, 0.004))  # noqa: S311
        else:
            return
