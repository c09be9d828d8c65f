"""The documentation names what there is."""

import re
import tomllib
from pathlib import Path

from archive.cli import _parser
from archive.settings import ENVIRONMENT, Ledger, Queue, Server, Source, Store, Workers

ROOT = Path(__file__).parents[1]


def test_settings__each_stands_in_the_docs_with_a_meaning() -> None:
    """Every setting and environment variable has a row in docs/settings.md, and no row is about nothing."""
    page = (ROOT / "docs" / "settings.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|.*\| \S.* \|$", page, re.MULTILINE))
    fields = {name for section in (Server, Ledger, Queue, Store, Workers, Source) for name in section.model_fields}
    assert fields == documented
    assert set(ENVIRONMENT) <= set(re.findall(r"`([A-Z0-9_]+)`", page))


def test_commands__each_stands_in_the_docs() -> None:
    """Every command of the command line is in docs/operations.md."""
    page = (ROOT / "docs" / "operations.md").read_text()
    [commands] = [action.choices for action in _parser()._actions if action.choices]
    assert not [name for name in commands or () if not re.search(rf"`(reelkeep )?{name}\b", page)]


def test_providers__their_tables_are_ones_that_settings_accept() -> None:
    """A source's table in a provider's page can be pasted, with every line that is commented out, and names it."""
    for page in (ROOT / "docs" / "providers").glob("*.md"):
        for table in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL):
            text = re.sub(r"env:\w+", "a secret", re.sub(r"(?m)^# (?=\w+ = )", "", table))
            [source] = tomllib.loads(text)["sources"].values()
            assert page.stem == Source.model_validate(source).provider


def test_links__lead_to_files_of_the_repository() -> None:
    """Every relative link of README and docs leads to a file that is there."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    links = [(page, link) for page in pages for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())]
    assert len(links) > 5
    assert not [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()]
