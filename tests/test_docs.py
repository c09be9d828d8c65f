"""The documentation names what there is."""

import json
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from archive.cli import parser
from archive.egress import Egress
from archive.providers import PROVIDERS
from archive.settings import ENVIRONMENT, Ledger, Queue, Server, Settings, Store, Workers
from archive.sources import Source
from archive.targets import Target

ROOT = Path(__file__).parents[1]


SECTIONS: dict[str, type[BaseModel]] = {
    "[server]": Server, "[ledger]": Ledger, "[queue]": Queue, "[store]": Store, "[workers]": Workers,
    "[egress]": Egress, "[sources.NAME]": Source, "[[notify]]": Target,
}  # fmt: skip


def shown(default: object) -> str:
    """A default as the page writes it."""
    if isinstance(default, timedelta):
        return f"{default.total_seconds():.0f}"
    if isinstance(default, BaseModel):
        pairs = (f"{name} = {shown(getattr(default, name))}" for name in type(default).model_fields)
        return f"{{ {', '.join(pairs)} }}".replace("none", '"none"')
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, str | Path):
        return str(default)
    if default is None:
        return ""
    return json.dumps(default)


def test_settings__each_stands_in_the_docs_with_its_default_and_a_meaning() -> None:
    """Every setting has a row in its table of docs/settings.md, in the code's order, with the default that it has."""
    page = (ROOT / "docs" / "settings.md").read_text()
    tables = {
        title: re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? *\|.*\| \S.* \|$", text, re.MULTILINE)
        for title, text in re.findall(r"^## `(.*?)`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    }
    assert SECTIONS.keys() == tables.keys()
    for title, section in SECTIONS.items():
        fields = section.model_fields.items()
        assert [name for name, _ in fields] == [name for name, _ in tables[title]], title
        defaults = [
            "(needed)"
            if field.is_required()
            else shown(field.get_default(call_default_factory=True, validated_data={}))
            for _, field in fields
        ]
        assert defaults == [default.replace('""', "") for _, default in tables[title]], title
    assert set(ENVIRONMENT) <= set(re.findall(r"`([A-Z0-9_]+)`", page))


def test_commands__each_stands_in_the_docs() -> None:
    """Every command of the command line is in docs/operations.md."""
    page = (ROOT / "docs" / "operations.md").read_text()
    [commands] = [action.choices for action in parser()._actions if action.choices]
    assert not [name for name in commands or () if not re.search(rf"`(reelkeep )?{name}\b", page)]


def test_providers__their_tables_are_ones_that_settings_accept() -> None:
    """A source's table in a provider's page can be pasted, with every line that is commented out, and names it."""
    for page in (ROOT / "docs" / "providers").glob("*.md"):
        for table in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL):
            text = re.sub(r"env:\w+", "a-secret-of-an-operator", re.sub(r"(?m)^# (?=\w+ = )", "", table))
            [source] = tomllib.loads(text)["sources"].values()
            assert page.stem == Source.model_validate(source).provider


def test_links__lead_to_files_of_the_repository() -> None:
    """Every relative link of README and docs leads to a file that is there."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    links = [(page, link) for page in pages for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())]
    assert len(links) > 5
    assert not [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_providers__each_has_a_page_that_readme_links(name: str) -> None:
    """Every provider has its page, README leads there, and the settings on the page are accepted as they stand."""
    assert f"](docs/providers/{name}.md)" in (ROOT / "README.md").read_text()
    page = (ROOT / "docs" / "providers" / f"{name}.md").read_text()
    for block in re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        environ = dict.fromkeys(re.findall(r"env:(\w+)", block), "a-secret-of-an-operator")
        settings = Settings.model_validate(tomllib.loads(block), context={"environ": environ})
        assert {name} == {source.provider for source in settings.sources.values()}
