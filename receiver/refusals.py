"""What an order came to when it came to nothing: our errors as problem documents for whoever asked. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from archive.errors import ProviderBusyError, ReelkeepError
from receiver.problems import ProblemError

_WAIT = timedelta(seconds=10)  # where the provider does not say
# Said by whoever did not begin with the order. Any other 5xx may come from a gateway behind which it was taken.
_NOT_BEGUN = frozenset({"code_455", "code_503", "http_425", "http_503", "service_busy"})
_STATUS = {"insufficient_credits": 402, "key_refused": 502, "idempotency_conflict": 409}
_DETAIL = {
    "insufficient_credits": "The account at the provider has too few credits. Nothing was made.",
    "key_refused": "The provider refuses the source's api_key. Nothing was made.",
    "idempotency_conflict": "The provider knows this Idempotency-Key with another request. Nothing was made.",
}


def refused(exc: ReelkeepError) -> ProblemError:
    """The problem for an answer that says no; *exc* is what reading it raised."""
    if isinstance(exc, ProviderBusyError):
        wait = exc.retry_after if exc.retry_after is not None else _WAIT
        headers = {"Retry-After": str(max(1, round(wait.total_seconds())))}
        if exc.is_too_many:
            return ProblemError(429, "rate_limited", "The account asks its provider too much at a time.", headers)
        detail = f"The provider does not take orders now ({exc.reason})."
        return ProblemError(503, "provider_busy", detail, headers)
    if exc.reason.startswith("http_3"):
        return ProblemError(502, exc.reason, "The provider redirects, which is not followed: correct api_base.")
    detail = _DETAIL.get(exc.reason, "The provider refuses these parameters. Nothing was made.")
    return ProblemError(_STATUS.get(exc.reason, 422), exc.reason, detail)


def is_final(exc: ReelkeepError) -> bool:
    """Whether the answer leaves no doubt that nothing was ordered. A gateway's 5xx does."""
    return not isinstance(exc, ProviderBusyError) or exc.is_too_many


def is_doubtful(exc: ReelkeepError) -> bool:
    """Whether the order may have been taken all the same, so that to repeat it could be to pay twice."""
    return isinstance(exc, ProviderBusyError) and not exc.is_too_many and exc.reason not in _NOT_BEGUN


def unreachable() -> ProblemError:
    return ProblemError(502, "provider_unreachable", "The provider's API cannot be reached. Nothing was sent.")


def lost(callback: str | None, key: str | None = None) -> ProblemError:
    """For an order whose answer is not known; *key* is the Idempotency-Key that it was sent with."""
    if key:
        how = "Ask again with this Idempotency-Key: it stays one order."
    elif callback:
        how = "The callback URL made for it stays good: a callback brings the task with its metadata."
    else:
        how = "The provider never calls back: look for it in the account, then register it (POST /api/tasks)."
    detail = f"The order may have arrived, and the task may exist. {how}"
    more = {**_named(callback), **({"idempotency_key": key} if key else {})}
    return ProblemError(504, "answer_lost", detail, more=more)


def not_understood(callback: str | None) -> ProblemError:
    detail = "The provider took the order with an answer that names no task. A callback brings it, where there is one."
    return ProblemError(502, "answer_not_understood", detail, more=_named(callback))


def _named(callback: str | None) -> Mapping[str, Any]:
    return {"callback_id": callback} if callback else {}
