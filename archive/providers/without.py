"""What a provider module imports for the things its provider does not offer. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from archive.errors import NotUnderstoodError, VerificationError
from archive.model import ApiAnswer, ApiRequest, Delivery, Event, Link, Verdict

# ruff: noqa: ARG001 (the protocol's forms)


def verify(delivery: Delivery, document: Any, keys: Sequence[str], *, now: datetime) -> Verdict:
    """No signature: whoever demands one here is refused."""
    raise VerificationError("not_signed")


def sender_id(delivery: Delivery) -> str | None:
    """No id of its own for a delivery."""
    return None


def reply() -> dict[str, Any]:
    """Nothing to be read in a 200 but ours."""
    return {}


def normalise(document: Any, *, at: datetime, task_id: str | None = None) -> Event:
    """No callbacks."""
    raise NotUnderstoodError("no_callbacks")


def sample(task_id: str, url: str, *, key: str | None, now: datetime) -> tuple[dict[str, str], bytes]:
    """No callbacks, so none to try by hand."""
    raise NotUnderstoodError("no_callbacks")


def batch_request(route: str, task_ids: Sequence[str]) -> ApiRequest | None:
    """One task a request."""
    return None


def read_batch(route: str, answer: ApiAnswer, *, at: datetime) -> dict[str, Event | NotUnderstoodError]:
    """One task a request."""
    raise NotUnderstoodError("no_batches")


def fresh_link_request(url: str) -> ApiRequest | None:
    """No call for fresh links; the status answer may hold one."""
    return None


def read_fresh_link(answer: ApiAnswer, *, at: datetime) -> Link:
    """No call for fresh links."""
    raise NotUnderstoodError("no_fresh_links")


def resign(document: Any, *, key: str, now: datetime) -> dict[str, str]:
    """Callbacks are not signed, so there is nothing to sign anew."""
    return {}
