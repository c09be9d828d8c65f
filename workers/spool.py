"""The room in the spool: the ledger may stand on the same disk, and must never find it full."""

import errno
import os
import shutil
from pathlib import Path


def check_room(spool: Path, reserve: int, size: int = 0) -> None:
    """Raise OSError where *size* more bytes would leave less than *reserve* free on the spool's disk."""
    if shutil.disk_usage(spool).free - size < reserve:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
