"""Turn an event into a statement the ledger can apply, by the source's configuration and the rules of trust. Pure."""

from archive.ledger.batch import Statement
from archive.model import Event, Verdict
from archive.providers import PROVIDERS
from archive.sources import Source
from archive.trust import decide


def state(name: str, source: Source, event: Event, verdict: Verdict, actor: str) -> Statement:
    """Decide about *event* as told by *actor* with *verdict* about the source called *name*."""
    provider = PROVIDERS[source.provider]
    # Some callbacks speak of files that no status route knows: nobody can be asked about those, only about their task.
    told_of = event.route in provider.ROUTES
    can_ask = source.api_key is not None and told_of
    decision = decide(event, verdict, can_ask=can_ask, confirm_always=source.confirm == "always", hosts=source.hosts)
    can_refresh = source.api_key is not None and provider.fresh_link_request("") is not None
    settles = told_of or source.api_key is None or verdict is Verdict.POLLED
    life, typical = provider.LINK_LIFE, provider.PACE.typical
    return Statement(name, event, verdict, decision, actor, can_refresh, life, typical, settles)
