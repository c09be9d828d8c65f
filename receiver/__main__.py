"""The web process: `python -m receiver`."""

import uvicorn

from archive.ledger import claims, migrate
from archive.ledger.database import Database
from archive.ledger.targets import register_targets
from archive.process import begin
from archive.wakeups import Bell
from receiver.app import create_app

_LEDGER_PATIENCE = 1.5  # seconds; a sender that waits longer is asked to come again


def main() -> None:
    """Serve until told to stop; exits with 78 (EX_CONFIG) where the settings cannot be used."""
    settings = begin("web")
    db = Database(settings.ledger.url)
    migrate.upgrade(db)
    claims.register_sources(db, settings.caps)
    register_targets(db, settings.notify)
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
        proxy_headers=False,  # the application does it, by server.trusted_proxies
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=65536,
    )


if __name__ == "__main__":
    main()
