"""
seedance2ai.io: where orders go and what it answers. Pure.

Source: the provider's page "Seedance 2 AI Public API" (seed 002_02ca32f38aa9b0f8, read 2026-11).
"""

from collections.abc import Mapping
from datetime import datetime

from archive.creation import Created, CreatePath
from archive.errors import ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import ordering, reading
from archive.providers.seedance2ai_products import PRODUCTS

CREATE_PATHS: Mapping[str, CreatePath] = {
    product.PATH: CreatePath(product.PATH, None, is_idempotent=True) for product in PRODUCTS.values()
}
_REFUSED = {
    "unauthorized": "key_refused",
    "invalid_request": "invalid_parameters",
    "insufficient_credits": "insufficient_credits",
    "idempotency_conflict": "idempotency_conflict",  # another body under the key, or the first is still being taken
}
_BUSY = frozenset({"rate_limited", "service_busy", "internal_error"})


def read_created(path: str, answer: ApiAnswer, *, at: datetime) -> Created:  # noqa: ARG001 (all answer alike)
    """
    Read `{id, credits_used}`, of a batch with `batch_task_ids` too.

    Whether `id` is one of the batch is not said: it counts, since a task too many costs less than one forgotten.
    """
    root = ordering.opened(answer)
    code = ordering.error_code(root)
    ordering.check(code, answer, at=at, refused=_REFUSED, busy=_BUSY)
    if root.raw("error") is not None and not root.raw("id"):
        raise ProviderRefusedError(ordering.unknown(code))
    first = reading.optional(root.text, "id")
    batch = reading.optional(root.texts, "batch_task_ids") or []
    return ordering.created([first, *batch] if first or not batch else batch, root.raw("credits_used"))
