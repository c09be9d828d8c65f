"""A fresh link for an asset whose link is dead: from the provider's own call for that, else from its status answer."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from archive.errors import (
    NotUnderstoodError,
    ProviderBusyError,
    ProviderRefusedError,
    ReelkeepError,
    TaskUnknownError,
)
from archive.identity import asset_id
from archive.ledger.claims import Claim
from archive.model import ApiAnswer, ApiRequest, Event, Link
from archive.providers import PROVIDERS, Provider
from archive.sources import Source
from workers.meter import Meter
from workers.provider_api import ProviderApi

_NO = (NotUnderstoodError, ProviderRefusedError, TaskUnknownError)
_log = logging.getLogger(__name__)


class Refresher:
    """Callable: claim in, fresh link or None out. Raises ProviderBusyError where asking later may help."""

    def __init__(
        self, sources: Mapping[str, Source], api: ProviderApi, meter: Meter, clock: Callable[[], datetime]
    ) -> None:
        self._sources = sources
        self._api = api
        self._meter = meter
        self._clock = clock

    def __call__(self, claim: Claim) -> Link | None:
        source = self._sources[claim.source]
        if source.api_key is None:
            return None
        attempt = _Attempt(claim, PROVIDERS[source.provider], self._api, self._meter, self._clock)
        try:
            return attempt.by_call() or attempt.by_status()
        except ProviderBusyError as exc:
            self._meter.heed(claim.source, exc)
            raise


class _Attempt:
    """The requests for one link: the first waits for the account's budget, those after it only pay."""

    def __init__(
        self, claim: Claim, provider: Provider, api: ProviderApi, meter: Meter, clock: Callable[[], datetime]
    ) -> None:
        self._claim = claim
        self._provider = provider
        self._api = api
        self._meter = meter
        self._clock = clock
        self._has_paid = False

    def by_call(self) -> Link | None:
        request = self._provider.fresh_link_request(self._claim.link.url)
        if request is None:
            return None
        try:
            return self._provider.read_fresh_link(self._ask(request), at=self._clock())
        except _NO as exc:
            _log.warning("refresh.refused", extra={"asset": self._claim.asset_id, "reason": exc.reason})
            return None

    def by_status(self) -> Link | None:
        """
        The link in the task's status answer; None where the task is unknown, or has no other link to the file.

        Raises:
            ProviderBusyError: no route said either: that we are refused or do not understand is no word about links.
        """
        failure: ReelkeepError | None = None
        for route in self._provider.ROUTES:
            try:
                answer = self._ask(self._provider.status_request(route, self._claim.task_id))
                event = self._provider.read_status(route, answer, at=self._clock())
            except TaskUnknownError:
                continue
            except (NotUnderstoodError, ProviderRefusedError) as exc:
                failure = exc
                continue
            except ProviderBusyError as exc:
                if exc.is_too_many or exc.is_unasked:
                    raise
                failure = exc
                continue
            if event.task_id == self._claim.task_id:
                return _link_of(self._claim, event)
        if failure is not None:
            raise failure if isinstance(failure, ProviderBusyError) else ProviderBusyError(failure.reason)
        return None

    def _ask(self, request: ApiRequest) -> ApiAnswer:
        if self._has_paid:
            self._meter.charge(self._claim.source)
        else:
            self._meter.admit(self._claim.source)
            self._has_paid = True
        return self._api.ask(self._claim.source, request)


def _link_of(claim: Claim, event: Event) -> Link | None:
    """The asset's link among the *event*'s, known by its path."""
    named = {asset_id(claim.source, claim.task_id, output): output.link for output in event.outputs}
    link = named.get(claim.asset_id)
    return link if link and link.url != claim.link.url else None
