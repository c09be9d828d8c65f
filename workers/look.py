"""Ask the provider about a task, and let what it says into the ledger by the same door as a callback."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError, TaskUnknownError
from archive.ledger import looks
from archive.ledger.database import Database
from archive.ledger.looks import Look
from archive.model import Event, Verdict
from archive.providers import PROVIDERS
from archive.schedule import LOOK_CEILING, next_look
from archive.settings import Source
from archive.statements import state
from workers.provider_api import ProviderApi

_log = logging.getLogger(__name__)


class Looker:
    """Looks at one task at a time. *spread* in [0, 1) keeps tasks made together from being asked together."""

    def __init__(
        self,
        db: Database,
        sources: Mapping[str, Source],
        api: ProviderApi,
        clock: Callable[[], datetime],
        spread: Callable[[], float],
    ) -> None:
        self._db = db
        self._sources = sources
        self._api = api
        self._clock = clock
        self._spread = spread

    def look(self, look: Look) -> int:
        """
        Ask every route until one knows the task. Return the number of assets that became due.

        Raises:
            ClaimLostError: somebody else looked meanwhile.
        """
        fields = {"task": look.task, "source": look.source}
        try:
            event = self._ask(look)
        except ProviderBusyError as exc:
            _log.warning("look.busy", extra={**fields, "reason": exc.reason})
            wish = exc.retry_after or timedelta(0)
            looks.postpone(self._db, look, max(self._later(look), self._clock() + wish))
        except (ProviderRefusedError, NotUnderstoodError) as exc:
            # A wrong key or an answer of a new shape: a person has to act, the task stays open meanwhile.
            _log.error("look.failed", extra={**fields, "reason": exc.reason})
            looks.postpone(self._db, look, self._clock() + LOOK_CEILING)
        except TaskUnknownError as exc:
            heard_at = max(look.created_at, look.hinted_at or look.created_at)
            if self._clock() - heard_at < PROVIDERS[self._sources[look.source].provider].GONE_AFTER:
                looks.postpone(self._db, look, self._later(look))
            else:
                looks.gone(self._db, look, exc.reason)
        else:
            statement = state(look.source, self._sources[look.source], event, Verdict.POLLED, "poll")
            return looks.record(self._db, look, statement, self._later(look))
        return 0

    def _later(self, look: Look) -> datetime:
        """The next look, counted from now: asking may have taken its time."""
        return next_look(
            now=self._clock(), expected_at=look.expected_at, hinted_at=look.hinted_at, spread=self._spread()
        )

    def _ask(self, look: Look) -> Event:
        """The first route's answer that knows the task, its own route first."""
        provider = PROVIDERS[self._sources[look.source].provider]
        for route in sorted(provider.ROUTES, key=lambda candidate: candidate != look.route):
            answer = self._api.ask(look.source, provider.status_request(route, look.task_id))
            try:
                event = provider.read_status(route, answer, at=self._clock())
            except TaskUnknownError:
                continue
            if event.task_id != look.task_id:
                raise NotUnderstoodError("other_task")
            return event
        raise TaskUnknownError("task_not_found")
