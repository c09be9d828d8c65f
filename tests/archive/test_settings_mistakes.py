"""Every setting with every kind of mistake: refused in one line that names it and shows no value (F82)."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from archive.settings import ENVIRONMENT, Settings, SettingsError, load

CANARY = "k4n4ry-value-that-nobody-may-see"
NAMES = {"sources": "kie"}
BARE = {"sources": {"kie": {"provider": "kie", "allow_unsigned": True}}, "notify": []}
TARGET = {"name": "app", "url": "https://h.example/", "secrets": ["whsec_" + "A" * 43 + "="]}
# None of these is right for any setting, or else it is a right one and does no harm.
WRONG: dict[str, Any] = {
    "text": CANARY,
    "text with control characters": f"\n\x1b[2J{CANARY}\x00",
    "empty": "",
    "a number": 4_711_471_147_114_711,
    "a negative number": -4_711_471_147_114_711,
    "a fraction": 0.471147114711,
    "true": True,
    "a list": [CANARY],
    "a list of lists": [[CANARY]],
    "a table": {CANARY: CANARY},
    "a list of tables": [{"name": CANARY}],
    "no variable": f"env:{CANARY}",
    "no file": "file:not-there",
    "no path": "file:\0",
    "a URL with a password": f"ftp://u:{CANARY}@h.example/",
}
NUMBERS = ("nan", "inf", "-inf", "1e308", "9" * 400, "-0.0")  # TOML that JSON cannot say

Place = tuple[str, ...]


def places(model: type[BaseModel], above: Place = ()) -> Iterator[Place]:
    """Every setting's place: sections, tables and what stands in them."""
    for name, field in model.model_fields.items():
        here = (*above, name)
        yield here
        if inner := _model(field.annotation):
            yield from places(inner, (*here, NAMES[name]) if name in NAMES else here)


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    is_open = get_origin(annotation) in {tuple, dict, Union, UnionType}
    return next((found for each in get_args(annotation) if (found := _model(each))), None) if is_open else None


PLACES = list(places(Settings))


def refused(folder: Path, text: str, **environ: str) -> list[str]:
    """The lines that complain of *text*, none where it can be used."""
    path = folder / "reelkeep.toml"
    path.write_text(text)
    try:
        load({**environ, "REELKEEP_CONFIG": str(path)})
    except SettingsError as exc:
        return exc.problems
    return []


def document(place: Place, literal: str) -> str:
    """TOML that is right but for *place*, where *literal* stands; tables are inline, so that they can be wrong."""
    tables = json.loads(json.dumps(BARE | ({"notify": [TARGET]} if place[0] == "notify" else {})))
    *way, last = place
    table: Any = tables
    for name in way:
        table = table.setdefault(name, {})
        table = table[0] if isinstance(table, list) else table
    table[last] = _Raw(literal)
    return "".join(f"{name} = {_inline(value)}\n" for name, value in tables.items())


class _Raw(str):
    """TOML as it stands."""

    __slots__ = ()


def _inline(value: Any) -> str:
    if isinstance(value, _Raw):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {_inline(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value)


def check(problems: list[str], place: Place) -> None:
    """One line for each, which begins with the place, or with the table whose parts do not go together."""
    for line in problems:
        assert line.isprintable()
        where = line.partition(":")[0].split(".")
        named = [part for part in where if not part.isdigit()]
        near = [*place[: len(named)]] == named or [*place] == named[: len(place)] or line.endswith(": Field required")
        assert near or "settings" == where[0], line
        assert "4711" not in line
        if "ca_file: the file " in line:
            continue  # a file's name is no secret, and what the line is about
        # A name within the table is what the line is about, and so is that of a source that is none.
        said = line.replace(f"{'.'.join(place)}.{CANARY}: ", "").partition("no source is called ")[0]
        assert CANARY not in said


def test_places__are_all_of_them() -> None:
    """The walk finds sections, tables of sources and targets, and settings within those."""
    assert {("server", "port"), ("sources", "kie", "rate_limit", "requests"), ("notify", "url")} <= set(PLACES)
    assert len(PLACES) > 50


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_every_setting__every_wrong_value(tmp_path: Path, place: Place) -> None:
    """A value of the wrong type or form is refused with its place, and is not shown."""
    found = {kind: refused(tmp_path, document(place, _inline(value))) for kind, value in WRONG.items()}
    for problems in found.values():
        check(problems, place)
    assert sum(bool(problems) for problems in found.values()) >= 8, found


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_every_setting__every_odd_number(tmp_path: Path, place: Place) -> None:
    """Numbers that are none, or too large for what they become, are refused like any other mistake."""
    for number in NUMBERS:
        check(refused(tmp_path, document(place, number)), place)


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_every_setting__misspelt(tmp_path: Path, place: Place) -> None:
    """A name that is no setting's is a mistake, and said to be one: what it was to set would be silently left out."""
    *above, name = place
    typo = f"{name[:-1]}{name[-1] * 2}" if name != "sources" else "source"
    problems = refused(tmp_path, document((*above, typo), _inline(CANARY)))
    assert [line for line in problems if line.endswith(f"{typo}: Extra inputs are not permitted")]
    assert not [line for line in problems if CANARY in line]


@pytest.mark.parametrize(
    ("variable", "scheme"),
    [("REDIS_URL", "redis"), ("DATABASE_URL", "postgresql+psycopg"), ("S3_ENDPOINT_URL", "https")],
)
def test_urls__whose_port_cannot_be_read(tmp_path: Path, variable: str, scheme: str) -> None:
    """A URL that its library would only refuse later, in words that hold it, is refused at the start."""
    for rest in (f"u:p@h:{CANARY}/0", f"[::1{CANARY}/0", "h:99999/0"):
        [problem] = refused(tmp_path, "", **{variable: f"{scheme}://{rest}"})
        assert problem.endswith("url: is not a URL: its host or port cannot be read")


@pytest.mark.parametrize("variable", sorted({**ENVIRONMENT, "REELKEEP_OPERATOR_TOKEN": (), "REELKEEP_SIGNING_KEY": ()}))
def test_every_variable__wrong(tmp_path: Path, variable: str) -> None:
    """What the environment gets wrong is told by the setting's name, without the value."""
    for value in (CANARY, f"ftp://u:{CANARY}@h/", f"env:{CANARY}", "file:not-there", "x" * 300, "\udc80"):
        problems = refused(tmp_path, "", **{variable: value})
        assert all(line.isprintable() for line in problems)
        assert not [line for line in problems if CANARY in line]


@pytest.mark.parametrize(
    "text",
    [
        "[server",
        "port = ",
        f'a = "{CANARY}',
        f"a = {CANARY}",
        "a" * 9999,
        "p = " + "9" * 5000,
        "a=" + "[" * 50_000,
        "\0",
    ],
    ids=["table", "value", "text", "word", "name", "digits", "deep", "NUL"],
)
def test_file__is_no_toml(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with the file itself is one line as well, with the place and not the value."""
    [problem] = refused(tmp_path, text)
    assert re.match(r".*reelkeep\.toml: is not TOML: ", problem)
    assert problem.isprintable()
    assert CANARY not in problem
    assert len(problem) < 400
