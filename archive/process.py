"""What the service's processes have in common at their start and end."""

import signal
import sys
import threading

from archive import logs
from archive.settings import Settings, SettingsError, load

EX_CONFIG = 78  # sysexits.h; supervisors need not try again


def begin(name: str) -> Settings:
    """Set up logging for the process called *name* and read the settings; exit with 78 where they cannot be used."""
    logs.configure(name)
    try:
        return load()
    except SettingsError as exc:
        print("reelkeep: the settings cannot be used:", *exc.problems, sep="\n  ", file=sys.stderr)  # noqa: T201
        sys.exit(EX_CONFIG)


def stop_requested() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
