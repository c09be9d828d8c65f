"""What the service's processes have in common at their start and end."""

import errno
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from sqlalchemy import make_url

from archive import failpoints, logs
from archive.hidden import secrets_of
from archive.ledger.database import Database
from archive.ledger.durability import shortcomings
from archive.settings import Settings, SettingsError, load

EX_CONFIG = 78  # sysexits.h; supervisors need not try again


# The same tomorrow; a full disk, say, is not.
_LASTING = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ELOOP}


def begin(name: str) -> Settings:
    """
    Set up logging for the process called *name* and read the settings; exit with 78 where they cannot be used.

    What the process makes from now on, such as the ledger with its links, is its user's alone to read.
    """
    logs.configure(name)
    os.umask(0o077)
    try:
        settings = load()
        logs.hide(secrets_of(settings, os.environ))
        if problems := list(_unusable(settings, spools=name == "worker")):
            raise SettingsError(problems)
    except SettingsError as exc:
        _refuse(exc.problems)
    failpoints.arm()
    return settings


def keeps_commits(db: Database, settings: Settings) -> None:
    """Exit with 78 where what *db* has committed may be gone after a crash. Raises LedgerError."""
    if problems := shortcomings(db, storage_is_durable=settings.ledger.storage_is_durable):
        _refuse(problems)


def _refuse(problems: Sequence[str]) -> NoReturn:
    print("reelkeep: the settings cannot be used:", *problems, sep="\n  ", file=sys.stderr)  # noqa: T201
    sys.exit(EX_CONFIG)


def _unusable(settings: Settings, *, spools: bool) -> Iterator[str]:
    """Folders that nothing can be written to, one line each."""
    folders = {"workers.spool": settings.workers.spool} if spools else {}
    ledger = make_url(settings.ledger.url)
    if ledger.get_backend_name() == "sqlite" and ledger.database:
        folders["ledger.url"] = Path(ledger.database).parent
    for setting, folder in folders.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as exc:
            if exc.errno in _LASTING:
                yield f"{setting}: {folder} cannot be written to ({exc.strerror})"


def stop_requested() -> threading.Event:
    """
    An event that SIGTERM and SIGINT set.

    Not by a handler: of two signals close together the second one's would wait for a lock that the first one's holds,
    in the same thread, for ever.
    """
    stopping = threading.Event()
    heard, said = os.pipe()
    os.set_blocking(said, False)
    signal.set_wakeup_fd(said, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def listen() -> None:
        os.read(heard, 1)
        stopping.set()

    threading.Thread(target=listen, name="signals", daemon=True).start()
    return stopping


def end_within(stopping: threading.Event, seconds: float) -> None:
    """
    End the process *seconds* after *stopping* was set at the latest, whatever it then still waits for.

    What it holds is a lease, and runs out: nobody who stops a process waits for a ledger that is away.
    """

    def watch() -> None:
        stopping.wait()
        time.sleep(seconds)
        logging.getLogger("process").warning("process.cut_short", extra={"seconds": seconds})
        leave()

    threading.Thread(target=watch, name="last-resort", daemon=True).start()


def leave() -> NoReturn:
    """End at once. Threads may still sit in a socket or a lock; everything they hold was given back, or runs out."""
    logging.shutdown()
    os._exit(0)
