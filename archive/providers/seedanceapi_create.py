"""seedanceapi.org, API v2: what can be ordered and what it answers. Pure. Source: seed 001, its page (read 2026-11)."""

from collections.abc import Mapping
from datetime import datetime

from archive.creation import Created, CreatePath
from archive.errors import ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import ordering, reading

GENERATE = "/v2/generate"
# The page shows the webhook's description without its name; the v1 page and public client code have this one.
CREATE_PATHS: Mapping[str, CreatePath] = {GENERATE: CreatePath(GENERATE, "callback_url")}
_REFUSED = {
    "INVALID_PROMPT": "invalid_prompt",
    "INVALID_ASPECT_RATIO": "invalid_aspect_ratio",
    "INVALID_DURATION": "invalid_duration",
    "TOO_MANY_IMAGES": "too_many_images",
    "INVALID_API_KEY": "key_refused",
    "INSUFFICIENT_CREDITS": "insufficient_credits",
    # The page lists HTTP statuses beside its codes without showing the JSON, so `code` may hold either.
    "400": "invalid_parameters",
    "401": "key_refused",
    "402": "insufficient_credits",
}
_BUSY = frozenset({"INTERNAL_ERROR", "429", "500"})


def read_created(path: str, answer: ApiAnswer, *, at: datetime) -> Created:  # noqa: ARG001 (there is one)
    """Read `{code, data: {task_id, consumed_credits}}`."""
    root = ordering.opened(answer)
    code = ordering.code(root.raw("code"))
    ordering.check(code, answer, at=at, refused=_REFUSED, busy=_BUSY)
    if code not in {"", "200"}:
        raise ProviderRefusedError(ordering.unknown(code))
    data = root.object("data")
    return ordering.created([reading.optional(data.text, "task_id")], data.raw("consumed_credits"))
