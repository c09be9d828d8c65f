"""`up` and `migrate`: what works on this machine, with its settings."""

import argparse

from archive.cli.verbs import Verbs
from archive.settings import load


def add(verbs: Verbs) -> None:
    up = verbs.add("up", _up, "run the whole service on this machine", local=True)
    up.add_argument("--port", type=int, help="of the receiver (8080); 0: any free one")
    up.add_argument("--data", default="data", metavar="DIR", help="where everything is kept (data)")
    up.add_argument("--workers", type=int, default=1, help="worker processes (1)")
    verbs.add("migrate", _migrate, "bring the ledger's tables up to date", local=True)


def _up(options: argparse.Namespace) -> int:
    from archive.up import up  # noqa: PLC0415 (brings the ledger along)

    return up(options)


def _migrate(_options: argparse.Namespace) -> int:
    from archive.ledger import migrate  # noqa: PLC0415
    from archive.ledger.database import Database  # noqa: PLC0415

    db = Database(load().ledger.url)
    migrate.upgrade(db)
    newer = migrate.standing(db) is migrate.Standing.NEWER
    print(
        "The ledger's tables are of a newer version, and stay so." if newer else "The ledger's tables are up to date."
    )
    return 0
