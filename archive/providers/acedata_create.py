"""
AceData Cloud, its Seedance service: what can be ordered and what it answers. Pure.

Sources: seed 004, the page "ByteDance Seedance Videos API"; en/concepts/responses.mdx and openapi/seedance.json of
github.com/AceDataCloud/Docs for the answers (read 2026-11).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from archive.creation import Created, CreatePath
from archive.errors import ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import ordering, reading


def answers_at_once(body: Mapping[str, Any]) -> bool:
    """Without `async` and `callback_url` the answer comes when the film is done, and is the whole document."""
    return body.get("async") is True or bool(body.get("callback_url"))


VIDEOS = "/seedance/videos"
CREATE_PATHS: Mapping[str, CreatePath] = {
    VIDEOS: CreatePath(VIDEOS, "callback_url", answers_at_once=answers_at_once),
}
_REFUSED = {
    "bad_request": "invalid_parameters",
    **dict.fromkeys(
        ("no_token", "invalid_token", "token_expired", "token_mismatched", "disabled", "forbidden"), "key_refused"
    ),
    "used_up": "insufficient_credits",
    **dict.fromkeys(("no_api", "api_not_implemented"), "not_offered"),
}
_BUSY = frozenset({"too_many_requests", "rate_limited", "api_error", "timeout"})


def read_created(path: str, answer: ApiAnswer, *, at: datetime) -> Created:  # noqa: ARG001 (there is one)
    """
    Read `{task_id}`, at once or with the whole document of a film that was waited for.

    Under HTTP 2xx an error beside a task's id is that task's end and not the call's: the task was taken.
    """
    root = ordering.opened(answer)
    task_id = reading.optional(root.text, "task_id")
    if not task_id or answer.status >= 300:
        code = ordering.error_code(root)
        ordering.check(code, answer, at=at, refused=_REFUSED, busy=_BUSY)
        if root.raw("error") is not None:
            raise ProviderRefusedError(ordering.unknown(code))
    return ordering.created([task_id])
