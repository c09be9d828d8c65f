"""
What may have killed its process: when it is tried again, in whose company, and when it is set aside. Pure.

A file that crashes whoever works on it would do so for ever, and take its neighbours along each time. So a claim that
nobody ended counts as a crash. One may be anybody's fault: all that died together go on at once. From the second in a
row on an asset is a suspect and is worked on alone, so that no bystander is blamed or dies. Any outcome that a process
lives to write down ends the row.
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

REASON: Final = "crashes_worker"
LEASE_OVER: Final = "lease_over"  # the cause where nobody saw how its process ended
SUSPECT: Final = 2  # crashes in a row from which an asset works alone
MAX_CRASHES: Final = 4  # in a row, then a person has to look
# With a lease of 12 s and a sweep of 5 s a killed worker's asset is taken up within 30 s even so.
_PAUSES: Final = (timedelta(0), timedelta(seconds=2), timedelta(seconds=5))
# How long a suspect keeps its whole process for itself, or others keep it waiting: a slow download shall not idle a
# machine for an hour. Who joins it later is blamed with it once at most, since then it works alone too.
ALONE: Final = timedelta(minutes=2)
_ASKED_TO_END: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def pause_after(crashes: int) -> timedelta | None:
    """How long an asset waits after so many crashes in a row, this one included; None: it is set aside."""
    return _PAUSES[crashes - 1] if crashes < MAX_CRASHES else None


def pause_of_looks(crashes: int) -> timedelta:
    """
    How long a task is not asked about after so many looks in a row that nobody ended: from an hour to a day.

    It is not given up for that: many are asked about at a time, and all of them died together.
    """
    if crashes < MAX_CRASHES:
        return timedelta(0)
    return timedelta(hours=min(1 << min(crashes - MAX_CRASHES, 5), 24))


def cause_of(status: int) -> str | None:
    """
    How a child with this exit status died, as a slug; None where it ended as it should, or was told to.

    Negative is the number of a signal, as `subprocess` has it.
    """
    if status == 0 or -status in _ASKED_TO_END:
        return None
    if status > 0:
        return f"exited_with_{status}"
    try:
        return f"killed_by_{signal.Signals(-status).name.lower()}"
    except ValueError:  # a real-time signal
        return f"killed_by_signal_{-status}"


@dataclass(frozen=True)
class Held:
    """An asset that a process works on, since when, and how often in a row nobody ended a claim of it before."""

    crashes: int
    since: datetime


class Admission(Enum):
    """What a process may do about the most urgent asset."""

    TAKE = "take"
    WAIT = "wait"  # it is a suspect: some process has to end what it does first, the others may go on with others
    NOTHING = "nothing"  # it has a suspect in hand


def admit(crashes: int, due_at: datetime, held: Sequence[Held], now: datetime) -> Admission:
    """Whether a process that holds *held* may take an asset with so many *crashes*, due since *due_at*."""
    if any(other.crashes >= SUSPECT and now - other.since < ALONE for other in held):
        return Admission.NOTHING
    if crashes < SUSPECT or not held or now - due_at >= ALONE:
        return Admission.TAKE
    return Admission.WAIT
