"""Presigned links to archived files. The S3 client is loaded when the first link is asked for, not before."""

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from archive.settings import Store
from archive.store import link_to

if TYPE_CHECKING:
    from archive.s3 import S3Store


class Content:
    """Makes links; safe for threads."""

    def __init__(self, settings: Store) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._store: S3Store | None = None

    def link(self, asset: Mapping[str, Any], life: timedelta) -> str:
        """A GET link to *asset*'s object version that lives for *life*."""
        return link_to(self._get(), asset, life)

    def is_reachable(self) -> bool:
        return self._get().is_reachable(self._settings.bucket)

    def _get(self) -> "S3Store":
        with self._lock:
            if self._store is None:
                from archive.s3 import S3Store  # noqa: PLC0415 (boto3 costs 130 ms and 40 MB)

                self._store = S3Store(self._settings)
            return self._store
