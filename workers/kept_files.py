"""
Files that a store which is away could not take, kept in the spool until it can.

They are called by asset and digest, both of our own making, and read again before they are used: a file is put only if
it is, byte for byte, what the intent in the ledger says. The ledger decides which are still waited for; whatever else
lies here is reaped and never uploaded.
"""

import errno
import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import IO
from uuid import uuid4

from archive.ledger.claims import Intent
from workers.spool import check_room

ABANDONED = 3600.0  # seconds without a byte, after which nobody writes a part any more
_PIECE = 1 << 20
_NAME = re.compile(r"([0-9a-z]{1,32})\.([0-9a-f]{64})")
_log = logging.getLogger(__name__)


class KeptFiles:
    """
    Those of one *spool*, which the processes of one machine share. *reserve* bytes of its disk stay free.

    The spool's id is made when the first file is kept: a disk that is full keeps no worker from starting.
    """

    def __init__(self, spool: Path, reserve: int) -> None:
        self._spool = spool
        self._folder = spool / "kept"
        self._reserve = reserve

    @property
    def spool_id(self) -> str | None:
        """What the ledger calls this spool; None where it never kept a file."""
        try:
            return (self._spool / "id").read_text().strip() or None
        except OSError:
            return None

    def has_room(self) -> bool:
        try:
            check_room(self._spool, self._reserve)
        except OSError:
            return False
        return True

    def has(self, asset_id: str, intent: Intent) -> bool:
        return self._path(asset_id, intent).is_file()

    def keep(self, asset_id: str, intent: Intent, file: IO[bytes]) -> str | None:
        """Copy *file* in, to the disk and then under its name; return the spool's id, None where it could not be."""
        path = self._path(asset_id, intent)
        part = self._folder / f"{uuid4().hex}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            name = _name_once(self._spool / "id")
            if path.is_file():
                return name
            check_room(self._spool, self._reserve, intent.size)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
                file.seek(0)
                shutil.copyfileobj(file, copy, _PIECE)
                copy.flush()
                os.fsync(copy.fileno())
            part.rename(path)
            _sync(self._folder)
        except OSError as exc:
            part.unlink(missing_ok=True)
            _log.warning("asset.not_kept", extra={"asset": asset_id, "reason": errno.errorcode.get(exc.errno or 0)})
            return None
        _log.info("asset.kept", extra={"asset": asset_id, "size": intent.size})
        return name

    def open(self, asset_id: str, intent: Intent) -> IO[bytes] | None:
        """The file that *intent* speaks of, read through and found to be it; None where it is not here."""
        try:
            file = os.fdopen(os.open(self._path(asset_id, intent), os.O_RDONLY | os.O_NOFOLLOW), "rb")
        except OSError:
            return None
        try:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if (found, os.fstat(file.fileno()).st_size) == (intent.sha256, intent.size):
                file.seek(0)
                return file
        except OSError:
            file.close()
            return None
        file.close()
        _log.error("asset.kept_damaged", extra={"asset": asset_id})
        self.drop(asset_id, intent)
        return None

    def drop(self, asset_id: str, intent: Intent) -> None:
        """It is not needed any more. A file that cannot be removed now is reaped later."""
        try:
            self._path(asset_id, intent).unlink(missing_ok=True)
        except OSError as exc:
            _log.warning("asset.kept_not_removed", extra={"asset": asset_id, "reason": type(exc).__name__})

    def reap(self, intents_of: Callable[[Collection[str]], Mapping[str, str]]) -> int:
        """
        Remove what no waiting asset's intent names; return how many. *intents_of* says for ids of assets which of them
        wait with an intent, and the digest in it.

        The intent is in the ledger before its file is kept, so that none is reaped too early.
        """
        entries = list(self._folder.iterdir()) if self._folder.is_dir() else []
        named = [found.groups() for entry in entries if (found := _NAME.fullmatch(entry.name))]
        waiting = intents_of([asset for asset, _ in named]) if named else {}
        wanted = {f"{asset}.{digest}" for asset, digest in waiting.items()}
        reaped = 0
        for entry in entries:
            if entry.name in wanted or entry.is_dir() or (entry.suffix == ".part" and not _is_abandoned(entry)):
                continue
            entry.unlink(missing_ok=True)
            reaped += 1
        if reaped:
            _log.info("spool.reaped", extra={"files": reaped})
        return reaped

    def _path(self, asset_id: str, intent: Intent) -> Path:
        name = f"{asset_id}.{intent.sha256}"
        if not _NAME.fullmatch(name):
            raise ValueError("a kept file is called by an asset's id and a digest")
        return self._folder / name


def _is_abandoned(part: Path) -> bool:
    try:
        return part.stat().st_mtime < time.time() - ABANDONED
    except OSError:
        return False


def _name_once(path: Path) -> str:
    """What *path* says; if it is not there, a new name, the same for all who come at once."""
    if not path.exists():
        fresh = path.with_name(f"{uuid4().hex}.id")
        fresh.write_text(uuid4().hex)
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


def _sync(folder: Path) -> None:
    """Make a rename in *folder* last."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
