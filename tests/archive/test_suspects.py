"""What may have killed its process: pauses, company and causes, as tables."""

from datetime import timedelta

import pytest

from archive.suspects import ALONE, MAX_CRASHES, Admission, Held, admit, cause_of, pause_after
from tests.doubles import START

LEASE, SWEEP, PROMISE = timedelta(seconds=12), timedelta(seconds=5), timedelta(seconds=30)
SOON, LATE = timedelta(seconds=1), ALONE


@pytest.mark.parametrize(
    ("crashes", "pause"),
    [(1, timedelta(0)), (2, timedelta(seconds=2)), (3, timedelta(seconds=5)), (4, None), (5, None)],
)
def test_pause_after(crashes: int, pause: timedelta | None) -> None:
    """F02, F08: the first crash costs no time, the next keep the promise of 30 s, the fourth in a row is the last."""
    assert pause == pause_after(crashes)
    if pause is not None:
        assert LEASE + SWEEP + pause < PROMISE


@pytest.mark.parametrize(
    ("crashes", "waited", "held", "admission"),
    [
        (0, SOON, [], Admission.TAKE),
        (0, SOON, [(0, SOON), (1, SOON)], Admission.TAKE),
        (1, SOON, [(0, SOON)] * 15, Admission.TAKE),  # one process with 16 died once: all go on side by side
        (2, SOON, [], Admission.TAKE),
        (2, SOON, [(0, SOON)], Admission.WAIT),
        (3, SOON, [(1, SOON)], Admission.WAIT),
        (2, SOON, [(2, SOON)], Admission.NOTHING),
        (0, SOON, [(2, SOON)], Admission.NOTHING),
        (0, LATE, [(3, SOON)], Admission.NOTHING),
        (0, SOON, [(2, LATE)], Admission.TAKE),  # a slow suspect idles nobody for ever
        (2, LATE, [(0, LATE)], Admission.TAKE),  # nor do slow neighbours keep one waiting for ever
        (2, SOON, [(2, LATE)], Admission.WAIT),
    ],
)
def test_admit(crashes: int, waited: timedelta, held: list[tuple[int, timedelta]], admission: Admission) -> None:
    """F08: a suspect and its process have nothing to do with anything else, for two minutes."""
    holding = [Held(times, START - age) for times, age in held]
    assert admission is admit(crashes, START - waited, holding, START)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (0, None), (-15, None), (-2, None), (-1, None),
        (-9, "killed_by_sigkill"), (-11, "killed_by_sigsegv"), (-6, "killed_by_sigabrt"),
        (1, "exited_with_1"), (70, "exited_with_70"), (-40, "killed_by_signal_40"),
    ],
)  # fmt: skip
def test_cause_of(status: int, cause: str | None) -> None:
    """F06: what a supervisor saw of a process's death is named; who ended as he was told is not blamed."""
    assert cause == cause_of(status)


def test_max_crashes() -> None:
    """Four in a row: two in company, whoever was to blame, and two alone."""
    assert 4 == MAX_CRASHES
