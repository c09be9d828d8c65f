"""
What the documentation shows is run as it stands. See `tests.doc_examples`.

A marked block without a scene of its own must end well in an empty folder, against the running service; `SCENES` has
those that need something prepared, or whose result can be looked at.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doc_examples import MOST_LINES, RUNNABLE, Example, all_examples, examples
from tests.system.doc_scenes import SCENES, ends_well
from tests.system.stage import Stage, staged

# Every surface of the user's side has a page, and each shows an example that is run.
PAGES = (
    "generate.md", "proxy.md", "import.md", "client.md", "notifications.md", "verify-notifications.md", "operations.md"
)  # fmt: skip
EXAMPLES = all_examples()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for all examples, as for a reader who tries one after the other."""
    with staged(tmp_path_factory.mktemp("stage")) as on:
        yield on


# --- the tests --------------------------------------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example(example: Example, shared: Stage, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """An example of the documentation does what its page says, as it stands."""
    javascript = request.getfixturevalue("javascript") if example.language == "js" else None
    scene = SCENES.get((example.page, example.language, example.name), ends_well)
    listener = request.getfixturevalue("listener")
    scene(example, folder=tmp_path, env=shared.environment, stage=shared, listener=listener, javascript=javascript)


def test_examples__are_short_and_can_be_run() -> None:
    """Each has at most ten lines, blank ones not counted, a language we run, and a name of its own on its page."""
    assert not [str(each) for each in EXAMPLES if len(each.lines) > MOST_LINES]
    assert not [str(each) for each in EXAMPLES if each.language not in RUNNABLE]
    names = Counter((each.page, each.language, each.name) for each in EXAMPLES)
    assert not [name for name, number in names.items() if number > 1]


def test_scenes__are_of_examples() -> None:
    """No scene is left of an example that is gone or was renamed."""
    assert set(SCENES) <= {(each.page, each.language, each.name) for each in EXAMPLES}


@pytest.mark.parametrize("page", PAGES)
def test_pages__show_what_is_run(page: str) -> None:
    """A page of the user's side shows an example that is run."""
    assert [each for each in EXAMPLES if each.page == page]


@pytest.mark.parametrize("text", ["<!-- run: a -->\n\nText.\n\n```sh\ntrue\n```\n", "<!-- run: a -->\n```sh\ntrue\n"])
def test_examples__a_marker_marks_something(text: str) -> None:
    """A marker without a block under it is a mistake and not passed over."""
    with pytest.raises(ValueError, match="marker"):
        examples(text, "page.md")


def test_examples__a_failing_one_fails(tmp_path: Path) -> None:
    """An example whose first command fails is not saved by its last."""
    [example] = examples("<!-- run: a -->\n```sh\nfalse\ntrue\n```\n", "page.md")
    with pytest.raises(AssertionError, match=r"page\.md-sh-a"):
        example.run(tmp_path, {})
