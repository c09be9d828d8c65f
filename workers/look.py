"""Ask the provider about tasks, and let what it says into the ledger by the same door as a callback."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from archive.errors import (
    ClaimLostError,
    NotUnderstoodError,
    ProviderBusyError,
    ProviderRefusedError,
    ReelkeepError,
    TaskUnknownError,
)
from archive.ledger import accounts, looks
from archive.ledger.database import Database
from archive.ledger.looks import Look
from archive.model import Event, Progress, Verdict
from archive.providers import PROVIDERS, Provider
from archive.schedule import LOOK_CEILING, is_hopeless, next_look
from archive.sources import Source
from archive.statements import state
from workers.meter import Meter
from workers.provider_api import TOO_LARGE, ProviderApi

_log = logging.getLogger(__name__)


class Looker:
    """Looks at the tasks of one take. *spread* in [0, 1) keeps tasks made together from being asked together."""

    def __init__(
        self,
        db: Database,
        sources: Mapping[str, Source],
        api: ProviderApi,
        meter: Meter,
        clock: Callable[[], datetime],
        spread: Callable[[], float],
    ) -> None:
        self._db = db
        self._sources = sources
        self._api = api
        self._meter = meter
        self._clock = clock
        self._spread = spread

    def look(self, taken: Sequence[Look]) -> int:
        """
        Ask about what was *taken*, tasks of one source; return the number of assets that became due.

        A look that somebody else has taken over meanwhile is left to him.
        """
        answers = self._ask_together(taken) if len(taken) > 1 else {taken[0].task: self._ask(taken[0])}
        due = 0
        for look in taken:
            try:
                due += self._take_in(look, answers[look.task])
            except ClaimLostError as exc:
                _log.info("look.abandoned", extra={"task": look.task, "reason": exc.reason})
        return due

    def _take_in(self, look: Look, answer: Event | ReelkeepError) -> int:
        fields = {"task": look.task, "source": look.source}
        provider = PROVIDERS[self._sources[look.source].provider]
        later = self._later(look, provider)
        hopeless = is_hopeless(now=self._clock(), expected_at=look.expected_at, hinted_at=look.hinted_at)
        match answer:
            case Event(progress=Progress.RUNNING) | NotUnderstoodError() if hopeless:
                looks.gone(self._db, look, "never_finished")
            case Event():
                if answer.progress is Progress.RUNNING and answer.reason:
                    _log.warning("look.%s", answer.reason, extra=fields)
                statement = state(look.source, self._sources[look.source], answer, Verdict.POLLED, "poll")
                return looks.record(self._db, look, statement, later)
            case TaskUnknownError():
                heard_at = max(look.created_at, look.hinted_at or look.created_at)
                if self._clock() - heard_at < provider.GONE_AFTER:
                    looks.postpone(self._db, look, later, answer.reason, lives=provider.LINK_LIFE)
                else:
                    looks.gone(self._db, look, answer.reason)
            case ProviderBusyError():
                _log.warning("look.busy", extra={**fields, "reason": answer.reason})
                wish = min(answer.retry_after or timedelta(0), accounts.MAX_REST)
                looks.postpone(self._db, look, max(later, self._clock() + wish), answer.reason)
            case _:
                # A wrong key or an answer of a new shape: a person has to act, the task stays open meanwhile.
                _log.error("look.failed", extra={**fields, "reason": answer.reason})
                looks.postpone(self._db, look, self._clock() + LOOK_CEILING, answer.reason)
        return 0

    def _later(self, look: Look, provider: Provider) -> datetime:
        """The next look, counted from now: asking may have taken its time."""
        return next_look(
            now=self._clock(),
            expected_at=look.expected_at,
            hinted_at=look.hinted_at,
            floor=provider.PACE.floor,
            spread=self._spread(),
        )

    def _ask_together(self, taken: Sequence[Look]) -> dict[str, Event | ReelkeepError]:
        """
        One request about all; a task that its answer does not mention is sought on the other routes by itself.

        Where their answers together are too much, each is asked about by itself: a record may repeat whole pictures.
        """
        source = taken[0].source
        provider = PROVIDERS[self._sources[source].provider]
        route, *others = provider.ROUTES
        try:
            request = provider.batch_request(route, [look.task_id for look in taken])
            if request is None:
                raise NotUnderstoodError("no_batches")
            told = provider.read_batch(route, self._api.ask(source, request), at=self._clock())
        except ReelkeepError as exc:
            if exc.reason == TOO_LARGE:
                return {look.task: self._ask(look, paid=False) for look in taken}
            self._heed(source, exc)
            return {look.task: exc for look in taken}
        return {look.task: told.get(look.task_id) or self._ask(look, others, paid=False) for look in taken}

    def _ask(self, look: Look, routes: Sequence[str] | None = None, *, paid: bool = True) -> Event | ReelkeepError:
        """
        The answer of the first route that knows the task, its own route first, or why there is none.

        A route that refuses or cannot be understood hides no other, but keeps the task from counting as unknown. The
        first request is *paid* for by whoever took the look; each further one is paid for here.
        """
        provider = PROVIDERS[self._sources[look.source].provider]
        routes = provider.ROUTES if routes is None else routes
        failure: ReelkeepError = TaskUnknownError("task_not_found")
        for route in sorted(routes, key=lambda candidate: candidate != look.route):
            if not paid:
                self._meter.charge(look.source)
            paid = False
            try:
                answer = self._api.ask(look.source, provider.status_request(route, look.task_id))
                event = provider.read_status(route, answer, at=self._clock())
                if event.task_id == look.task_id:
                    return event
                failure = NotUnderstoodError("other_task")
            except TaskUnknownError:
                continue
            except (ProviderRefusedError, NotUnderstoodError) as exc:
                failure = exc
            except ProviderBusyError as exc:
                self._meter.heed(look.source, exc)
                return exc
        return failure

    def _heed(self, source: str, exc: ReelkeepError) -> None:
        if isinstance(exc, ProviderBusyError):
            self._meter.heed(source, exc)
