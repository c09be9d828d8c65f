"""
The clock process: `python -m workers.clock`. One is active under a ledger lease, others stand by.

Each tick it moves what was planned if the ledger's clock went back, looks for due work and tops up the wake-ups, plans
looks at tasks that have none, raises and clears alarms, and forgets notifications that were delivered long ago. It does
no work itself.
"""

import logging
from uuid import uuid4

from archive.alerts import alerts, link_lives
from archive.errors import LedgerError
from archive.failpoints import reached
from archive.ledger import alarms, leases, migrate, notifications, orders, outages, queries, setbacks, targets, tasks
from archive.ledger.database import Database
from archive.process import begin, end_within, keeps_commits, leave, stop_requested
from archive.settings import Settings
from archive.wakeups import Bell

GRACE = 5.0  # seconds to end the tick that runs and to give the lease up
_log = logging.getLogger(__name__)


class Clock:
    """One tick at a time; *owner* is random per process."""

    def __init__(self, settings: Settings, db: Database, bell: Bell, owner: str) -> None:
        self._db = db
        self._bell = bell
        self._owner = owner
        self._life = leases.clock_life(settings.workers.sweep)
        self._askable = settings.askable
        self._link_lives = link_lives(self._askable)

    def tick(self) -> bool:
        """
        Do what is due, if this process is the active clock; return whether it is.

        Raises:
            LedgerError.
        """
        if back := setbacks.mend(self._db):
            _log.error("clock.went_back", extra={"seconds": round(back.total_seconds())})
        if not leases.hold(self._db, leases.CLOCK, self._owner, self._life):
            return False
        reached("clock.held")
        tasks.plan_looks(self._db, list(self._link_lives))
        notifications.prune(self._db)
        reached("clock.planned")
        work = queries.work(self._db)
        polling = queries.polling(self._db, self._link_lives)
        unwatched = queries.unwatched(self._db, self._askable)
        paused, health = queries.paused(self._db), targets.health(self._db)
        doubtful = orders.in_doubt(self._db)
        away = outages.outages(self._db)
        found = alerts(work, polling, self._askable, paused, unwatched, health, doubtful, away)
        changed = alarms.compare(self._db, found)
        if changed or work.due or work.looks_due or work.notifications_due:
            self._bell.ring(everyone=True)
        reached("clock.rung")
        if work.overdue:
            _log.error("clock.assets_overdue", extra={"overdue": work.overdue, "due": work.due})
        for name, asked in polling.items():
            if asked.late:
                lag = round(asked.lag.total_seconds())
                _log.error("clock.polls_late", extra={"source": name, "late": asked.late, "lag_seconds": lag})
        return True

    def stop(self) -> None:
        leases.drop(self._db, leases.CLOCK, self._owner)


def main() -> None:
    """Tick until told to stop; exits with 78 (EX_CONFIG) where the settings cannot be used."""
    settings = begin("clock")
    db = Database(settings.ledger.url)
    keeps_commits(db, settings)
    migrate.upgrade(db)
    targets.register_targets(db, settings.notify)
    clock = Clock(settings, db, Bell(settings.queue.url.get_secret_value()), uuid4().hex)
    stopping = stop_requested()
    end_within(stopping, GRACE)
    active = False
    while not stopping.is_set():
        try:
            was, active = active, clock.tick()
            if active and not was:
                _log.info("clock.active")
        except LedgerError as exc:
            _log.warning("clock.ledger_unavailable", extra={"reason": exc.reason})
        stopping.wait(settings.workers.sweep.total_seconds())
    try:
        clock.stop()
    except LedgerError as exc:  # its lease runs out by itself
        _log.warning("clock.ledger_unavailable", extra={"reason": exc.reason})
    leave()


if __name__ == "__main__":
    main()
