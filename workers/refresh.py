"""A fresh link for an asset whose link is dead: from the provider's own call for that, else from its status answer."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from archive.errors import NotUnderstoodError, ProviderRefusedError, TaskUnknownError
from archive.identity import asset_id
from archive.ledger.claims import Claim
from archive.model import Link
from archive.providers import PROVIDERS, Provider
from archive.settings import Source
from workers.provider_api import ProviderApi

_NO = (NotUnderstoodError, ProviderRefusedError, TaskUnknownError)
_log = logging.getLogger(__name__)


class Refresher:
    """Callable: claim in, fresh link or None out. Raises ProviderBusyError where asking later may help."""

    def __init__(self, sources: Mapping[str, Source], api: ProviderApi, clock: Callable[[], datetime]) -> None:
        self._sources = sources
        self._api = api
        self._clock = clock

    def __call__(self, claim: Claim) -> Link | None:
        source = self._sources[claim.source]
        if source.api_key is None:
            return None
        provider = PROVIDERS[source.provider]
        return self._by_call(provider, claim) or self._by_status(provider, claim)

    def _by_call(self, provider: Provider, claim: Claim) -> Link | None:
        request = provider.fresh_link_request(claim.link.url)
        if request is None:
            return None
        try:
            return provider.read_fresh_link(self._api.ask(claim.source, request), at=self._clock())
        except _NO as exc:
            _log.warning("refresh.refused", extra={"asset": claim.asset_id, "reason": exc.reason})
            return None

    def _by_status(self, provider: Provider, claim: Claim) -> Link | None:
        for route in provider.ROUTES:
            try:
                answer = self._api.ask(claim.source, provider.status_request(route, claim.task_id))
                event = provider.read_status(route, answer, at=self._clock())
            except _NO:
                continue
            for output in event.outputs:
                same = asset_id(claim.source, claim.task_id, output) == claim.asset_id
                if same and output.link.url != claim.link.url:
                    return output.link
        return None
