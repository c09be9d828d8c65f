"""The real ledger under a virtual machine room: commits that fail on either side, and a look at the rows after each."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, event

from archive.ledger import migrate
from archive.ledger.database import Database
from archive.ledger.schema import metadata
from tests.doubles import FakeClock

Rows = Callable[[str], Sequence[tuple[Any, ...]]]


class SimulatedLedger(Database):
    """
    A database on *clock*, used by one seed after the other.

    `before`, `committing` and `committed` are called around each writing transaction; what they raise comes out of it.
    """

    def __init__(self, url: str, clock: FakeClock) -> None:
        super().__init__(url, clock=lambda: clock.now, patience=5)
        self.clock = clock
        self.before: Callable[[], None] = lambda: None
        self.committing: Callable[[], None] = lambda: None
        self.committed: Callable[[], None] = lambda: None
        self.opened: list[sqlite3.Connection] = []
        if self.is_sqlite:
            event.listen(self.engine, "connect", self._in_a_hurry)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.before()
        with super().write() as conn:
            yield conn
            self.committing()
        self.committed()

    def _in_a_hurry(self, connection: Any, _record: Any) -> None:
        """What a loss of power does to a commit is not simulated, so no commit waits for a disk; nobody else writes."""
        for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            connection.execute(f"PRAGMA {pragma}")
        self.opened.append(connection)


class Bench:
    """A ledger that can be emptied between two seeds, and a look at it that passes by all code of ours."""

    def __init__(self, url: str, folder: Path) -> None:
        self.clock = FakeClock()
        self.folder = folder / "spools"
        self.ledger = SimulatedLedger(url, self.clock)
        migrate.upgrade(self.ledger)
        self._raw: sqlite3.Connection | psycopg.Connection
        if self.ledger.is_sqlite:
            [self._raw] = self.ledger.opened
            self._empty = sqlite3.connect(":memory:")
            self._raw.backup(self._empty)
        else:
            self._raw = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        if isinstance(self._raw, sqlite3.Connection):
            return self._raw.execute(query).fetchall()
        return self._raw.execute(query.encode()).fetchall()

    def empty(self) -> None:
        """Today's tables with nothing in them, and a ledger that does nothing but work."""
        self.ledger.before = self.ledger.committing = self.ledger.committed = lambda: None
        shutil.rmtree(self.folder, ignore_errors=True)
        if isinstance(self._raw, sqlite3.Connection):
            self._empty.backup(self._raw)
        else:
            names = ", ".join(table.name for table in metadata.sorted_tables)
            self._raw.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE".encode())

    def close(self) -> None:
        if isinstance(self._raw, psycopg.Connection):
            self._raw.close()
        self.ledger.close()


@contextmanager
def sqlite_bench(folder: Path) -> Iterator[Bench]:
    bench = Bench(f"sqlite:///{folder / 'simulated.db'}", folder)
    try:
        yield bench
    finally:
        bench.close()
