"""A fresh link for an asset whose link is dead: from the provider's own call for that, else from its status answer."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError, TaskUnknownError
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
        provider = PROVIDERS[source.provider]
        try:
            return self._by_call(provider, claim) or self._by_status(provider, claim)
        except ProviderBusyError as exc:
            self._meter.heed(claim.source, exc)
            raise

    def _by_call(self, provider: Provider, claim: Claim) -> Link | None:
        request = provider.fresh_link_request(claim.link.url)
        if request is None:
            return None
        try:
            return provider.read_fresh_link(self._ask(claim, request), at=self._clock())
        except _NO as exc:
            _log.warning("refresh.refused", extra={"asset": claim.asset_id, "reason": exc.reason})
            return None

    def _by_status(self, provider: Provider, claim: Claim) -> Link | None:
        for route in provider.ROUTES:
            try:
                answer = self._ask(claim, provider.status_request(route, claim.task_id))
                event = provider.read_status(route, answer, at=self._clock())
            except _NO:
                continue
            return _link_of(claim, event)
        return None

    def _ask(self, claim: Claim, request: ApiRequest) -> ApiAnswer:
        """One request, paid for first."""
        self._meter.admit(claim.source)
        return self._api.ask(claim.source, request)


def _link_of(claim: Claim, event: Event) -> Link | None:
    """The asset's link among the *event*'s; where none is known by its path, the one that stands at its place."""
    named = {asset_id(claim.source, claim.task_id, output): output.link for output in event.outputs}
    placed = {(output.role, output.ordinal): output.link for output in event.outputs}
    link = named.get(claim.asset_id) or placed.get((claim.role, claim.ordinal))
    return link if link and link.url != claim.link.url else None
