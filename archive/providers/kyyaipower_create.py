"""
GlobalAiOpc, zcbservice.aizfw.cn ("kyyAiPower"): what can be ordered and what it answers. Pure.

Source: seed 003, its page "Seedance Create Video Task" (read 2026-11), which documents no error.
"""

from collections.abc import Mapping
from datetime import datetime

from archive.creation import Created, CreatePath
from archive.errors import ProviderRefusedError
from archive.model import ApiAnswer
from archive.providers import ordering, reading

VIDEOS = "/kyyAiPower/v1/seedance/videos"
CREATE_PATHS: Mapping[str, CreatePath] = {VIDEOS: CreatePath(VIDEOS, None)}


def read_created(path: str, answer: ApiAnswer, *, at: datetime) -> Created:  # noqa: ARG001 (there is one)
    """Read `{id, status}`. `error`, elsewhere free text, is not read: HTTP's status says what an error means."""
    root = ordering.opened(answer)
    ordering.check("", answer, at=at, refused={}, busy=frozenset())
    if root.raw("error") is not None and not root.raw("id"):
        raise ProviderRefusedError("refused")
    return ordering.created([reading.optional(root.text, "id")])
