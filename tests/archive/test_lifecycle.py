"""Which states follow which."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from archive.lifecycle import task_after
from archive.model import Progress, TaskState
from archive.trust import Decision

statements = st.tuples(st.sampled_from(Progress), st.sampled_from(Decision))
RANK = {TaskState.OPEN: 0, TaskState.FAILED: 1, TaskState.GONE: 1, TaskState.SUCCEEDED: 2}


@given(st.sampled_from(TaskState), st.lists(statements))
def test_task_after__never_goes_back(state: TaskState, told: list[tuple[Progress, Decision]]) -> None:
    """Whatever is said in whatever order, a task never falls back, and given up is only undone by a success."""
    for progress, decision in told:
        after = task_after(state, progress, decision)
        assert RANK[after] >= RANK[state]
        assert after is state or RANK[after] > RANK[state]
        state = after


@given(st.lists(statements))
def test_task_after__a_success_that_counts_wins(told: list[tuple[Progress, Decision]]) -> None:
    """A task has succeeded exactly if a success was believed at any time."""
    state = TaskState.OPEN
    for progress, decision in told:
        state = task_after(state, progress, decision)
    counted = any(p is Progress.SUCCEEDED and d is Decision.BELIEVE for p, d in told)
    assert counted is (state is TaskState.SUCCEEDED)


def test_task_after__order_does_not_matter() -> None:
    """Success, failure and progress end in success in all six orders."""
    ends = set()
    for order in permutations(Progress):
        state = TaskState.OPEN
        for progress in order:
            state = task_after(state, progress, Decision.BELIEVE)
        ends.add(state)
    assert {TaskState.SUCCEEDED} == ends


def test_task_after__hints_and_doubted_failures_change_nothing() -> None:
    """What must be confirmed moves no state; a failure nobody can confirm is not believed."""
    for state in TaskState:
        assert {state} == {task_after(state, progress, Decision.CONFIRM) for progress in Progress}
        assert state is task_after(state, Progress.FAILED, Decision.DOUBT)
        assert state is task_after(state, Progress.RUNNING, Decision.BELIEVE)
