"""Ask the provider about tasks, and let what it says into the ledger by the same door as a callback."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from archive.errors import (
    ClaimLostError,
    NotUnderstoodError,
    ProviderBusyError,
    ProviderRefusedError,
    ReelkeepError,
    TaskUnknownError,
)
from archive.failpoints import reached
from archive.ledger import accounts, looks
from archive.ledger.database import Database
from archive.ledger.looks import Look
from archive.model import Event, Progress, Verdict
from archive.providers import PROVIDERS, Provider
from archive.schedule import LOOK_CEILING, SURE_GAP, is_hopeless, next_look
from archive.sources import Source
from archive.statements import state
from workers.meter import Meter
from workers.provider_api import TOO_LARGE, ProviderApi

SINGLY = 3  # tasks that one look at a batch asks about by themselves: with the batch within the look's lease
STUCK_CEILING = timedelta(hours=1)  # between looks that fail for days: others shall have their turn
_log = logging.getLogger(__name__)


class Looker:
    """
    Looks at the tasks of one take.

    *spread* in [0, 1) keeps tasks made together from being asked together; *steady* is the time without the clock's
    leaps (`workers.steady`), by which alone a task is given up.
    """

    def __init__(
        self,
        db: Database,
        sources: Mapping[str, Source],
        api: ProviderApi,
        meter: Meter,
        clock: Callable[[], datetime],
        spread: Callable[[], float],
        steady: Callable[[], datetime] | None = None,
    ) -> None:
        self._db = db
        self._sources = sources
        self._api = api
        self._meter = meter
        self._clock = clock
        self._spread = spread
        self._steady = steady or clock

    def look(self, taken: Sequence[Look]) -> int:
        """
        Ask about what was *taken*, tasks of one source; return the number of assets that became due.

        Each answer is taken in as it comes. A look that somebody else has taken over meanwhile is left to him.
        """
        if len(taken) > 1:
            return sum(self._take_in(look, answer) for look, answer in self._ask_together(taken))
        return self._take_in(taken[0], self._ask(taken[0]))

    def _take_in(self, look: Look, answer: Event | ReelkeepError) -> int:
        reached("poll.answered", look.task)
        try:
            due = self._record(look, answer)
        except ClaimLostError as exc:
            _log.info("look.abandoned", extra={"task": look.task, "reason": exc.reason})
            return 0
        reached("poll.recorded", look.task)
        return due

    def _record(self, look: Look, answer: Event | ReelkeepError) -> int:
        fields = {"task": look.task, "source": look.source}
        provider = PROVIDERS[self._sources[look.source].provider]
        later = self._later(look, provider)
        hopeless = is_hopeless(now=self._steady(), expected_at=look.expected_at, hinted_at=look.hinted_at)
        match answer:
            case Event(progress=Progress.RUNNING) if hopeless:
                looks.gone(self._db, look, "never_finished")
            case NotUnderstoodError() if hopeless and self._steady() - look.created_at >= provider.GONE_AFTER:
                looks.gone(self._db, look, "never_finished")
            case Event():
                if answer.progress is Progress.RUNNING and answer.reason:
                    _log.warning("look.%s", answer.reason, extra=fields)
                statement = state(look.source, self._sources[look.source], answer, Verdict.POLLED, "poll")
                return looks.record(self._db, look, statement, later)
            case TaskUnknownError():
                self._record_unknown(look, later, answer.reason)
            case ProviderBusyError(reason="batch_incomplete"):
                # Nobody has asked about it: what it was last told stands, and it is soon asked about by itself.
                looks.postpone(self._db, look, min(later, self._clock() + SURE_GAP), look.reason)
            case ProviderBusyError():
                _log.warning("look.busy", extra={**fields, "reason": answer.reason})
                wish = min(answer.retry_after or timedelta(0), accounts.MAX_REST)
                looks.postpone(self._db, look, max(later, self._clock() + wish), answer.reason)
            case _:
                # A wrong key or an answer of a new shape: a person has to act, the task stays open meanwhile.
                _log.error("look.failed", extra={**fields, "reason": answer.reason})
                overdue = self._clock() - look.expected_at
                gap = max(LOOK_CEILING, min(overdue / 5, STUCK_CEILING))
                looks.postpone(self._db, look, self._clock() + gap, answer.reason)
        return 0

    def _record_unknown(self, look: Look, later: datetime, reason: str) -> None:
        """
        No route knows the task: gone once it is old enough in our ledger, or from the past and unknown twice.

        What is from the past keeps its place behind fresh tasks; of a fresh one the link may be born any moment.
        """
        provider = PROVIDERS[self._sources[look.source].provider]
        now, passed = self._clock(), self._steady()
        heard_at = max(look.created_at, look.hinted_at or look.created_at)
        is_past = passed - max(look.expected_at, look.hinted_at or look.expected_at) >= provider.GONE_AFTER
        if passed - heard_at >= provider.GONE_AFTER or (is_past and look.reason == reason):
            looks.gone(self._db, look, reason)
        elif is_past:
            looks.postpone(self._db, look, now + SURE_GAP * (1 + self._spread() / 5), reason)
        else:
            looks.postpone(self._db, look, later, reason, lives=provider.LINK_LIFE)

    def _later(self, look: Look, provider: Provider) -> datetime:
        """The next look, counted from now: asking may have taken its time."""
        return next_look(
            now=self._clock(),
            expected_at=look.expected_at,
            hinted_at=look.hinted_at,
            floor=provider.PACE.floor,
            spread=self._spread(),
        )

    def _ask_together(self, taken: Sequence[Look]) -> Iterator[tuple[Look, Event | ReelkeepError]]:
        """
        One request about all, then a few about those that its answer does not tell of, each by itself.

        Only a task's own answer says that it is unknown, or that we may not ask: a batch can be too large for the
        provider, or one odd id spoil it. Those that are left over are tried again soon.
        """
        source = taken[0].source
        provider = PROVIDERS[self._sources[source].provider]
        route = provider.ROUTES[0]
        told: Mapping[str, Event | NotUnderstoodError] = {}
        busy: ProviderBusyError | None = None
        try:
            request = provider.batch_request(route, [look.task_id for look in taken])
            if request is not None:
                told = provider.read_batch(route, self._api.ask(source, request), at=self._clock())
        except ProviderBusyError as exc:
            self._meter.heed(source, exc)
            busy = None if exc.reason == TOO_LARGE else exc
        except (ProviderRefusedError, NotUnderstoodError, TaskUnknownError) as exc:
            _log.warning("look.batch_failed", extra={"source": source, "reason": exc.reason})
        singly = SINGLY
        for look in taken:
            answer: Event | ReelkeepError | None = told.get(look.task_id)
            if answer is None and busy is None and singly:
                singly -= 1
                answer = self._ask(look, paid=False)
                busy = answer if isinstance(answer, ProviderBusyError) else None
            yield look, answer or busy or ProviderBusyError("batch_incomplete")

    def _ask(self, look: Look, *, paid: bool = True) -> Event | ReelkeepError:
        """
        The answer of the first route that knows the task, its own route first, or why there is none.

        A route that is busy, refuses or cannot be understood hides no other, but keeps the task from counting as
        unknown; an account that asks too much, is paused or gets no answer asks no more. The first request is *paid*
        for by whoever took the look; each further one is paid for here.
        """
        provider = PROVIDERS[self._sources[look.source].provider]
        failure: ReelkeepError = TaskUnknownError("task_not_found")
        for route in sorted(provider.ROUTES, key=lambda candidate: candidate != look.route):
            try:
                if not paid:
                    self._meter.charge(look.source, vouched=look.vouched)
                paid = False
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
                if exc.is_unasked:
                    return failure if isinstance(failure, ProviderBusyError) else exc
                if exc.is_too_many:
                    return exc
                failure = exc
        return failure
