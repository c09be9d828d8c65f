"""The web process: `python -m receiver`."""

import sys
from contextlib import suppress

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from archive.ledger import claims, migrate
from archive.ledger.database import Database
from archive.ledger.targets import register_targets
from archive.process import begin, keeps_commits
from archive.wakeups import Bell
from receiver.app import create_app
from receiver.connections import Limits, room
from receiver.serving import config

_LEDGER_PATIENCE = 1.5  # seconds; a sender that waits longer is asked to come again
_LEDGER_ANSWER = 10.0  # seconds for one statement; the largest ledger is listed in less


def main() -> None:
    """Serve until told to stop; exits with 78 (EX_CONFIG) where the settings cannot be used."""
    settings = begin("web")
    db = Database(settings.ledger.url)
    keeps_commits(db, settings)
    migrate.upgrade(db)
    claims.register_sources(db, settings.caps)
    register_targets(db, settings.notify)
    db.close()
    app = create_app(
        settings,
        Database(settings.ledger.url, patience=_LEDGER_PATIENCE, answer=_LEDGER_ANSWER),
        Bell(settings.queue.url.get_secret_value()),
    )
    server = settings.server
    limits = Limits(connections=room(server.connections))
    running = uvicorn.Server(config(app, limits, host=server.host, port=server.port))
    with suppress(KeyboardInterrupt):  # uvicorn has stopped by then, and tells it on
        running.run()
    if not running.started:
        sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
