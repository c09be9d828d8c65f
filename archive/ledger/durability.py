"""
Does the database keep what it says that it has committed? A 200 to a provider is worth no more than that.

SQLite is set up by `archive.ledger.database`, which reads back what became of it at each connection. How PostgreSQL
runs is its administrator's choice, so it is asked at start; what a role or a database may set for itself is asked at
each connection besides.
"""

from archive.errors import LedgerError
from archive.ledger.database import NOT_DURABLE, Database

# https://www.postgresql.org/docs/17/runtime-config-wal.html (read 2026-11)
_SERVER = {
    "fsync": "an operating system that crashes takes committed deliveries along, or the whole ledger",
    "full_page_writes": "a crash in the middle of a page can break the ledger",
}
_COMMIT = "ledger.url: synchronous_commit is off for us: a commit returns before it is on disk"


def shortcomings(db: Database, *, storage_is_durable: bool = False) -> list[str]:
    """
    Why a commit may not survive a crash of its machine, one line each; none where it does.

    With *storage_is_durable* the server may leave to its storage what storage can do: page writes that are atomic (as
    ZFS has them), or a log that is kept elsewhere. That a commit waits for it is never left out.

    Raises:
        LedgerError: the database cannot be had.
    """
    try:
        with db.read() as conn:
            if db.is_sqlite:
                return []
            settings = {
                name: conn.exec_driver_sql(f"SHOW {name}").scalar_one() for name in ("synchronous_commit", *_SERVER)
            }
    except LedgerError as exc:
        if exc.reason != NOT_DURABLE:
            raise
        return (
            ["ledger.url: SQLite cannot keep its write-ahead log there (a network's folder?)"]
            if db.is_sqlite
            else [_COMMIT]
        )
    lacking = [] if storage_is_durable else [name for name in _SERVER if settings[name] == "off"]
    return [f"ledger.url: PostgreSQL runs with {name} = off: {_SERVER[name]}" for name in lacking]
