"""Plans are taken exactly or refused."""

import pytest

from simulator.plan import Plan, Step, read_plan
from simulator.rules import PlanError


def test_read_plan__empty() -> None:
    """An empty plan is the default one: success, called back once."""
    plan = read_plan("{}")
    assert Plan() == plan
    assert (Step("success"),) == plan.steps


def test_read_plan__fail_says_so() -> None:
    """A task planned to fail says so once by default."""
    assert (Step("fail"),) == read_plan('{"outcome": "fail"}').steps


def test_read_plan__never_called_back() -> None:
    """An empty list of callbacks means none, not the default."""
    assert read_plan('{"callbacks": []}').steps == ()


def test_read_plan__steps() -> None:
    """Steps keep their order and fill in what they leave out."""
    plan = read_plan('{"callbacks": [{"say": "success", "after": 0.5, "times": 3}, {"say": "progress"}]}')
    assert (Step("success", after=0.5, times=3), Step("progress", after=0.0, times=1)) == plan.steps


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("{", "not JSON", id="not_json"),
        pytest.param("[]", "not a JSON object", id="not_object"),
        pytest.param('{"colour": "red"}', "unknown field colour", id="unknown_field"),
        pytest.param('{"layout": "sideways"}', "layout", id="layout"),
        pytest.param('{"size": 10}', "size", id="size"),
        pytest.param('{"outputs": true}', "outputs", id="bool_for_int"),
        pytest.param('{"ready_after": -1}', "ready_after", id="negative"),
        pytest.param('{"ready_after": Infinity}', "ready_after", id="infinite"),
        pytest.param('{"corrupt": []}', "corrupt", id="list_for_word"),
        pytest.param('{"callbacks": {}}', "callbacks", id="steps_not_list"),
        pytest.param('{"callbacks": [{}]}', "say is missing", id="step_says_nothing"),
        pytest.param('{"callbacks": [{"say": "success", "x": 1}]}', "unknown field x", id="step_unknown"),
        pytest.param('{"callbacks": [{"say": "hello"}]}', "callbacks.say", id="step_word"),
        pytest.param('{"outcome": "fail", "callbacks": [{"say": "success"}]}', "fails", id="contradiction"),
    ],
)
def test_read_plan__refused(text: str, names: str) -> None:
    """A plan that cannot be played is refused with the field's name."""
    with pytest.raises(PlanError, match=names):
        read_plan(text)
