"""Which states follow which. Pure: the ledger asks here before it writes, and audits every transition it gets."""

from archive.model import Progress, TaskState
from archive.trust import Decision

_TASK: dict[tuple[TaskState, Progress], TaskState] = {
    (TaskState.OPEN, Progress.SUCCEEDED): TaskState.SUCCEEDED,
    (TaskState.OPEN, Progress.FAILED): TaskState.FAILED,
    # A later success reopens what was given up; nothing undoes a success.
    (TaskState.FAILED, Progress.SUCCEEDED): TaskState.SUCCEEDED,
    (TaskState.GONE, Progress.SUCCEEDED): TaskState.SUCCEEDED,
}


def task_after(current: TaskState, progress: Progress, decision: Decision) -> TaskState:
    """The task's state after a statement; the same state where it changes nothing."""
    if decision is not Decision.BELIEVE:
        return current
    return _TASK.get((current, progress), current)
