"""
Download truth: a link's bytes into a spool, hashed while they arrive, or a named reason why not.

Nothing the file host says about its file is believed except its length, and that only to notice a body that ends early.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from archive.errors import FetchInterruptedError, WireError
from workers.download import Download, StoppedError
from workers.egress import Egress, Policy, time_limit
from workers.file_hosts import FileHosts
from workers.hops import BusyError, Hops
from workers.spool import check_room

__all__ = ["SPOOL_UNAVAILABLE", "Fetched", "Limits", "StoppedError", "fetch"]
SPOOL_UNAVAILABLE = "spool_unavailable"


@dataclass(frozen=True)
class Limits:
    """What one download may take."""

    max_size: int  # bytes
    max_time: timedelta
    spool: Path
    spool_memory: int  # bytes kept in memory before the spool goes to disk
    min_rate: int = 0  # bytes a second, averaged over half a minute
    spool_reserve: int = 0  # bytes that stay free on the disk of the spool

    def check_room(self) -> None:
        """Raise OSError where the spool's disk is to take no more."""
        check_room(self.spool, self.spool_reserve)


@dataclass(frozen=True)
class Fetched:
    """A spooled download. `length_known`: the transfer itself showed where the body ends."""

    file: IO[bytes]
    size: int
    sha256: str
    length_known: bool


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def fetch(
    egress: Egress,
    url: str,
    policy: Policy,
    limits: Limits,
    stopping: threading.Event,
    *,
    hosts: FileHosts | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    clock: Callable[[], datetime] = _utc_now,
) -> Iterator[Fetched]:
    """
    Yield the body of *url*; the spool is gone afterwards, and with the process if that dies (it has no name).

    *hosts* knows which file hosts are at rest, and learns it; without it none is.

    Raises:
        LinkExpiredError: the host refuses the link (4xx).
        LinkRefusedError: we refuse it, or a hop of it.
        FetchInterruptedError: network, 5xx, a body that ends early or takes too long; our own spool is full.
        HostRestsError: the host is left alone for now; nothing was asked of it.
        TooLargeError, StoppedError.
    """
    deadline = monotonic() + limits.max_time.total_seconds()
    hops = Hops(egress, policy, FileHosts() if hosts is None else hosts, clock)
    with ExitStack() as stack:
        try:
            limits.spool.mkdir(parents=True, exist_ok=True)
            spool = stack.enter_context(SpooledTemporaryFile(limits.spool_memory, dir=str(limits.spool)))
            download = Download(
                hops, url, spool, stopping, max_size=limits.max_size, min_rate=limits.min_rate, deadline=deadline,
                monotonic=monotonic, check_room=limits.check_room,
            )  # fmt: skip
            with time_limit(download.remaining):
                length_known = download.run()
            spool.seek(0)
        except (WireError, BusyError) as exc:
            raise FetchInterruptedError(exc.reason, exc.retry_after) from exc
        except OSError as exc:
            raise FetchInterruptedError(SPOOL_UNAVAILABLE) from exc
        yield Fetched(spool, download.size, download.sha256, length_known)
