"""Turn what somebody says about a task into what the ledger registers, by its source's configuration. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from archive.ledger.tasks import Registration
from archive.providers import PROVIDERS
from archive.sources import Source


def registration(
    name: str,
    source: Source,
    task_id: str,
    *,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    expected_by: datetime | None = None,
    callback: str | None = None,
    is_past: bool = False,
) -> Registration:
    """
    *task_id* at the source called *name*; *callback* is the reference of a minted URL that was given for it.

    With *is_past* a task that nobody says when to expect was expected so long ago that, were it unknown, it is gone.
    """
    provider = PROVIDERS[source.provider]
    return Registration(
        name, task_id, external_id, metadata, expected_by, provider.PACE.typical, provider.LINK_LIFE,
        source.api_key is not None, callback, provider.GONE_AFTER if is_past else None,
    )  # fmt: skip
