"""The worker process: `python -m workers`."""

import contextlib
import logging
import os
import threading
from uuid import uuid4

from archive.errors import LedgerError
from archive.ledger import claims, migrate
from archive.ledger.database import Database
from archive.ledger.targets import register_targets
from archive.process import begin, end_within, keeps_commits, leave, stop_requested
from workers import jobs
from workers.confine import can_filter
from workers.listen import listen
from workers.memory import give_back
from workers.runtime import Runtime

LAST_WORDS = 2.0  # seconds after the grace, for the ledger to be told what is handed back


def main() -> None:
    """Work until told to stop; exits with 78 (EX_CONFIG) where the settings cannot be used."""
    give_back()
    settings = begin("worker")
    db = Database(settings.ledger.url)
    keeps_commits(db, settings)
    migrate.upgrade(db)
    claims.register_sources(db, settings.caps)
    register_targets(db, settings.notify)
    # A supervisor names the owner, so that it can free the claims of a child that died.
    runtime = Runtime(settings, db, os.environ.get("REELKEEP_OWNER") or uuid4().hex)
    jobs.serve(runtime)
    stopping = stop_requested()
    end_within(stopping, settings.workers.grace.total_seconds() + LAST_WORDS)
    runtime.start()
    url = settings.queue.url.get_secret_value()
    threading.Thread(target=listen, args=(url, stopping), name="wakeups", daemon=True).start()
    log = logging.getLogger("workers")
    if not can_filter():
        log.warning("worker.decoder_unfiltered")  # its limits stand all the same
    log.info("worker.started", extra={"slots": settings.workers.slots})
    stopping.wait()
    with contextlib.suppress(LedgerError):
        runtime.stop()
    leave()


if __name__ == "__main__":
    main()
