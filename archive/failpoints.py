"""
Named places between the first byte of a delivery and the end of its video, at which a test can have the process die.

Off unless `REELKEEP_FAILPOINTS` is set, which no installation does: `worker.intended=kill` has the process kill itself
when it first comes to that place, `poll.answered=stop#3` stop itself when it comes there for the third time, and
`worker.checked=kill@3f0c…` kill itself whenever it comes there with that id in hand, as a poisonous file would have it.
Several are separated by commas. What a place stands for is the moment between the line above it and the line below it.
"""

import logging
import os
import re
import signal
import threading
from collections.abc import Mapping
from typing import Final

ENVIRONMENT: Final = "REELKEEP_FAILPOINTS"
NAMES: Final = (
    # receiver: a delivery
    "receiver.received",  # its body is read, nothing is judged
    "receiver.understood",  # authentic and understood, not yet handed to the ledger
    "receiver.writing",  # written, its transaction not committed
    "receiver.committed",  # committed, not answered
    "receiver.rung",  # committed, and the wake-up is in Redis
    # receiver: an order
    "order.begun",  # written down, not sent
    "order.answered",  # the provider made the task, which is not registered
    # worker: a transfer
    "wakeup.popped",  # RQ's job is taken out of Redis, nothing is claimed
    "worker.claimed",
    "worker.fetching",  # the first bytes have come
    "worker.fetched",  # the whole file is in the spool
    "worker.checked",  # it is whole media of its kind
    "worker.probed",
    "worker.intending",  # the intent is written, its transaction not committed
    "worker.intended",
    "worker.put",  # the store says that the object stands
    "worker.proved",
    "worker.manifested",  # the manifest stands
    "worker.archiving",  # the state is written, its audit entry not, nothing is committed
    "worker.archived",
    "worker.kept",  # the store is away, the file is kept in the spool, the ledger does not know
    "worker.found",  # an earlier attempt's object was found by its intent
    "worker.relinked",  # a fresh link is kept
    "worker.retrying",  # another try is written, its transaction not committed
    "worker.ending",  # an end short of the archive is written, its audit entry not
    "worker.beating",  # claims are extended, their transaction not committed
    # worker: posters, metadata
    "errand.taken",
    "errand.written",  # the object stands, the ledger does not know
    # worker: notifications
    "notify.taken",
    "notify.sent",  # the target has it, the ledger does not know
    # worker: a look at a task
    "poll.taken",
    "poll.answered",
    "poll.recording",  # what was answered is written, its transaction not committed
    "poll.recorded",
    # clock
    "clock.held",  # it is the active one
    "clock.planned",  # looks are planned, nothing is rung
    "clock.rung",
)
_ACTIONS: Final = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "stop": signal.SIGSTOP}
_ENTRY: Final = re.compile(
    r"(?P<name>[a-z.]+)=(?P<action>[a-z]+)(?:#(?P<nth>[1-9][0-9]{0,5})|@(?P<about>[A-Za-z0-9_-]{1,64}))?"
)
_lock = threading.Lock()
_armed: dict[str, tuple[signal.Signals, int]] = {}  # what happens, and at how many more visits
_poisons: dict[tuple[str, str], signal.Signals] = {}  # what happens at each visit with that id
_log = logging.getLogger(__name__)


def arm(environ: Mapping[str, str] = os.environ) -> None:
    """
    Do from now on what the environment says.

    Raises:
        ValueError: it names a place or an action that there is none of.
    """
    _armed.clear()
    _poisons.clear()
    for entry in filter(None, environ.get(ENVIRONMENT, "").split(",")):
        found = _ENTRY.fullmatch(entry.strip())
        if found is None or found["name"] not in NAMES or found["action"] not in _ACTIONS:
            raise ValueError(f"{ENVIRONMENT}: no such failpoint: {entry!r}")
        if found["about"]:
            _poisons[found["name"], found["about"]] = _ACTIONS[found["action"]]
        else:
            _armed[found["name"]] = _ACTIONS[found["action"]], int(found["nth"] or 1)
    if _armed or _poisons:
        _log.warning("failpoints.armed", extra={"names": ",".join(sorted({*_armed, *(name for name, _ in _poisons)}))})


def reached(name: str, about: str = "") -> None:
    """This is the place called *name*, with *about* (an id of the ledger's) in hand."""
    if not _armed and not _poisons:
        return
    number = _poisons.get((name, about)) or _visit(name)
    if number is None:
        return
    _log.warning("failpoint.reached", extra={"failpoint": name, "action": number.name, "about": about})
    os.kill(os.getpid(), number)


def _visit(name: str) -> signal.Signals | None:
    """Count a visit; what happens at it."""
    with _lock:
        if name not in _armed:
            return None
        number, left = _armed.pop(name)
        if left > 1:
            _armed[name] = number, left - 1
            return None
        return number
