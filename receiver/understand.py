"""What does this delivery say? Turn an authentic delivery into what the ledger keeps. Pure."""

from dataclasses import dataclass
from typing import Any

from archive.documents import dump, parse
from archive.errors import MalformedDeliveryError, NotUnderstoodError
from archive.identity import delivery_id
from archive.ledger.batch import Statement
from archive.ledger.deliveries import Received
from archive.model import Delivery, Outcome, Progress, Verdict
from archive.providers import PROVIDERS
from archive.sources import Source
from archive.statements import state
from archive.trust import Decision

# Kept beside the body so that a delivery can be replayed and explained; nothing that could hold a secret.
_KEPT_HEADERS = ("content-type", "user-agent", "x-webhook-timestamp")
# Beside them stands which minted URL it came by: the reference, not the token. No sender can say this.
CALLBACK = "reelkeep-callback-id"
_UNNAMED = "task_id_missing"  # archive.grammar.check_name's word


@dataclass(frozen=True)
class Unread:
    """A body that is no document; *reason* says why."""

    reason: str


def read(body: bytes) -> Any:
    """The document that *body* is, or `Unread`: whether that is a refusal depends on who sent it."""
    try:
        return parse(body)
    except MalformedDeliveryError as exc:
        return Unread(exc.reason)


def understand(
    delivery: Delivery,
    document: Any,
    source: Source,
    verdict: Verdict,
    callback: str | None = None,
    task_id: str | None = None,
) -> Received:
    """
    Normalise *delivery*. What follows no known shape, or is no document, is kept raw and quarantined: after a fix it
    can be replayed.

    *document* is what `read` made of the body, *callback* the reference of the minted URL it came by, *task_id* the
    task that is bound to it.
    """
    provider = PROVIDERS[source.provider]
    key = delivery_id(delivery.source, delivery.body, provider.sender_id(delivery), callback)
    kept = {name: delivery.headers[name][:200] for name in _KEPT_HEADERS if name in delivery.headers}
    headers = dump(kept | ({CALLBACK: callback} if callback else {}))
    statement, told = None, None
    outcome: Outcome
    reason: str | None
    try:
        if isinstance(document, Unread):
            raise NotUnderstoodError(document.reason)
        event = provider.normalise(document, at=delivery.received_at, task_id=task_id)
    except NotUnderstoodError as exc:
        outcome, reason = Outcome.QUARANTINED, exc.reason
    else:
        statement = state(delivery.source, source, event, verdict, f"delivery:{key}")
        told = event.task_id
        outcome, reason = _outcome(statement)
    return Received(
        key, delivery.source, delivery.received_at, delivery.body, headers, verdict, outcome, reason, told, statement,
        callback,
    )  # fmt: skip


def names_no_task(received: Received) -> bool:
    """Whether all that is missing is whose it is, which the minted URL it came by may tell."""
    return received.callback is not None and received.reason == _UNNAMED


def _outcome(statement: Statement) -> tuple[Outcome, str | None]:
    if statement.event.progress is Progress.RUNNING:
        # A word of state that nobody documented may be final all the same: the provider is asked, or else a person.
        new_word = statement.event.reason is not None and statement.decision is not Decision.CONFIRM
        return Outcome.QUARANTINED if new_word else Outcome.IGNORED, statement.event.reason or "not_final"
    if statement.decision is Decision.DOUBT:
        succeeded = statement.event.progress is Progress.SUCCEEDED
        return (Outcome.QUARANTINED, "not_trusted") if succeeded else (Outcome.IGNORED, "failure_not_proved")
    return Outcome.ACCEPTED, None
