"""
GET /metrics: Prometheus text, read from the ledger at each scrape.

Nothing is counted in this process: several of them would each tell a part, and a restart would forget it. So whichever
answers says the same, counters included, and rules take the maximum over processes, never the sum.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta

from anyio.to_thread import run_sync
from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from archive.alerts import link_lives
from archive.ledger import gauges, leases, notification_queries, outages, queries
from archive.ledger.database import Database
from archive.settings import Settings
from receiver import figures
from receiver.auth import Role, require

CALLERS = "(callers)"  # no target's name: the URLs that callers of the proxy gave


class Metrics:
    """The endpoint."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db

    async def metrics(self, request: Request) -> Response:
        """What waits, what is done and what is late, by source, as Prometheus text."""
        require(request, self._settings.server, Role.VIEWER)
        text = await run_sync(self._text)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    def _text(self) -> bytes:
        return generate_latest(_Once([*self._counts(), *self._work(), *self._looks(), *self._told(), *self._tallied()]))

    def _counts(self) -> Iterable[Metric]:
        sources, limit = sorted(self._settings.sources), f"{gauges.AT_MOST} at most"
        found = gauges.assets_by_state(self._db, sources)
        yield _family("assets", f"Assets by state, {limit}.", ("source", "state"), found.items())
        found = gauges.tasks_by_state(self._db, sources)
        yield _family("tasks", f"Tasks by state, {limit}.", ("source", "state"), found.items())
        found = gauges.deliveries_by_outcome(self._db, sources)
        text = f"Deliveries of the last day by outcome, {limit} in all."
        yield _family("deliveries_last_day", text, ("source", "outcome"), found.items())
        stopped = queries.paused(self._db)
        paused = [((source,), source in stopped) for source in sources]
        yield _family("source_paused", "1 while an operator has paused the source.", ("source",), paused)
        away = outages.outages(self._db)
        failures = [((source,), away[source].failures if source in away else 0) for source in self._settings.askable]
        text = "Requests in a row that the provider's API gave no answer to; 0 unless it is left alone for that."
        yield _family("api_failures", text, ("source",), failures)

    def _work(self) -> Iterable[Metric]:
        work = queries.work(self._db)
        for name, text, number in (
            ("assets_due", "Assets that could be claimed now, 1000 at most.", work.due),
            ("assets_held", "Assets that wait for the store, among the 1000 most urgent of each source.", work.held),
            ("assets_kept", "Of these, those whose file is in a spool.", work.kept),
            ("assets_running", "Assets a worker holds, 1000 at most.", work.running),
            ("assets_overdue", "Assets past their must_by that still wait, 1000 at most.", work.overdue),
            ("looks_due", "Tasks that could be asked about now, 1000 at most.", work.looks_due),
        ):
            yield _family(name, text, (), [((), number)])
        life = leases.clock_life(self._settings.workers.sweep)
        ticked = leases.renewed_ago(self._db, leases.CLOCK, life)
        text = "How long ago the active clock last ticked; +Inf where it never did."
        yield _family("clock_tick_age_seconds", text, (), [((), _seconds(ticked))])
        sources = sorted(self._settings.sources)
        waiting = gauges.waiting(self._db, sources)
        text = f"How long the asset that is due for longest has been, of the {gauges.URGENT} most urgent."
        found = [((source,), one.oldest_due.total_seconds()) for source, one in waiting.items()]
        yield _family("oldest_due_seconds", text, ("source",), found)
        text = "How long the most urgent waiting asset can still be had; +Inf where nothing waits."
        yield _family(
            "earliest_deadline_seconds", text, ("source",), [((s,), _seconds(w.left)) for s, w in waiting.items()]
        )
        lives = link_lives(self._settings.sources)
        text = "How long a link of the source's provider lives at least."
        yield _family(
            "link_life_seconds", text, ("source",), [((s,), life.total_seconds()) for s, life in lives.items()]
        )

    def _looks(self) -> Iterable[Metric]:
        found = queries.polling(self._db, link_lives(self._settings.askable))
        lags = [((source,), polling.lag.total_seconds()) for source, polling in found.items()]
        late = [((source,), polling.late) for source, polling in found.items()]
        text = "How long nothing was heard of the open task that waits longest."
        yield _family("poll_lag_seconds", text, ("source",), lags)
        text = "Open tasks that were not heard of for longer than a link lives, 10000 at most."
        yield _family("poll_late_tasks", text, ("source",), late)
        failing = [((source,), polling.failing) for source, polling in found.items()]
        text = "Open tasks whose last look got no answer, 10000 at most."
        yield _family("poll_failing_tasks", text, ("source",), failing)

    def _tallied(self) -> Iterable[Metric]:
        targets = [*(target.name for target in self._settings.notify), ""]
        rows = gauges.tallied(self._db, {*self._settings.sources, *targets})
        return figures.families(rows, sorted(self._settings.sources), {name: name or CALLERS for name in targets})

    def _told(self) -> Iterable[Metric]:
        names = sorted(target.name for target in self._settings.notify)
        found = gauges.notifications_by_state(self._db, [*names, ""])
        text = f"Notifications by state, {gauges.AT_MOST} at most."
        counted = [((target or CALLERS, state), number) for (target, state), number in found.items()]
        yield _family("notifications", text, ("target", "state"), counted)
        health = notification_queries.health(self._db, names)
        failures = [((name,), one.failures) for name, one in health.items()]
        text = "Failures in a row that are the target's own: it could not be reached, or had trouble."
        yield _family("target_failures", text, ("target",), failures)
        with self._db.read() as conn:
            now = self._db.now(conn)
        failing = [((name,), (now - (one.failing_since or now)).total_seconds()) for name, one in health.items()]
        text = "How long the target has taken nothing of what it was sent; 0 where it took the last."
        yield _family("target_failing_seconds", text, ("target",), failing)


def _seconds(span: timedelta | None) -> float:
    return math.inf if span is None else span.total_seconds()


class _Once(Collector):
    """What one scrape says."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _family(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"reelkeep_{name}", text, labels=labels)
    for key, value in sorted(values):
        family.add_metric(key, value)
    return family
