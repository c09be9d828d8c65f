"""The web process: `python -m receiver`."""

import sys

import uvicorn

from archive import logs
from archive.ledger import claims, migrate
from archive.ledger.database import Database
from archive.settings import SettingsError, load
from archive.wakeups import Bell
from receiver.app import create_app

_LEDGER_PATIENCE = 1.5  # seconds; a sender that waits longer is asked to come again


def main() -> int:
    """Serve until told to stop; 78 (EX_CONFIG) where the settings cannot be used."""
    logs.configure("web")
    try:
        settings = load()
    except SettingsError as exc:
        print("reelkeep: the settings cannot be used:", *exc.problems, sep="\n  ", file=sys.stderr)  # noqa: T201
        return 78
    db = Database(settings.ledger.url)
    migrate.upgrade(db)
    claims.register_sources(db, settings.caps)
    db.close()
    app = create_app(
        settings,
        Database(settings.ledger.url, patience=_LEDGER_PATIENCE),
        Bell(settings.queue.url.get_secret_value()),
    )
    uvicorn.run(
        app,
        host=settings.server.host,
        port=settings.server.port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=65536,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
