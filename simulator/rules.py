"""Hold a JSON object to rules, one a field. Pure; knows nothing of what the fields mean."""

import math
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Final, cast, get_args
from urllib.parse import urlsplit

Rule = tuple[Callable[[object], bool], str]  # whether a value will do, and what would


class PlanError(ValueError):
    """The plan cannot be played; the message says which field and why."""


def checked(where: str, given: object, rules: Mapping[str, Rule], required: Set[str] = frozenset()) -> dict[str, Any]:
    """Return *given* if it is an object of fields that *rules* accept, or raise `PlanError`."""
    if not isinstance(given, dict):
        raise PlanError(f"{where}: not a JSON object")
    if unknown := sorted(given.keys() - rules.keys()):
        raise PlanError(f"{where}: unknown field {', '.join(unknown)}; known are {', '.join(rules)}")
    if missing := sorted(required - given.keys()):
        raise PlanError(f"{where}: {', '.join(missing)} is missing")
    for name, value in given.items():
        accepts, wanted = rules[name]
        if not accepts(value):
            raise PlanError(f"{where}.{name}: must be {wanted}")
    return given


def offending(given: Mapping[str, Any], rules: Mapping[str, Rule], required: Set[str] = frozenset()) -> Sequence[str]:
    """Name the fields of *given* that *rules* do not accept, then the *required* ones that are not there."""
    wrong = [name for name, (accepts, _) in rules.items() if name in given and not accepts(given[name])]
    return [*wrong, *sorted(required - given.keys())]


def one_of(literal: object) -> Rule:
    """A word of a `Literal`."""
    return lambda value: value in get_args(literal), f"one of {', '.join(map(str, get_args(literal)))}"


def whole(least: int, most: int) -> Rule:
    """A whole number between two others, which a bool is not."""
    return lambda value: type(value) is int and least <= value <= most, f"a whole number, {least} to {most}"


def among(*values: object) -> Rule:
    """One of *values*, and of its type: neither `true` for 1 nor "5" for 5."""
    listed = ", ".join(map(str, values))
    return lambda value: any(type(value) is type(each) and value == each for each in values), f"one of {listed}"


def text(least: int, most: int) -> Rule:
    """A text of so many characters that is not blank."""
    return lambda value: isinstance(value, str) and least <= len(value) <= most and bool(value.strip()), "a text"


def some(rule: Rule, least: int, most: int) -> Rule:
    """A list of so many values that *rule* takes."""
    accepts, wanted = rule

    def is_some(value: object) -> bool:
        return isinstance(value, list) and least <= len(value) <= most and all(map(accepts, value))

    return is_some, f"a list of {least} to {most}, each {wanted}"


def or_none(rule: Rule) -> Rule:
    """What *rule* takes, or null."""
    return lambda value: value is None or rule[0](value), f"null or {rule[1]}"


def _is_seconds(value: object) -> bool:
    return type(value) in {int, float} and 0 <= cast(float, value) < math.inf


def _is_url(value: object, *schemes: str) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        return False


SECONDS: Final[Rule] = (_is_seconds, "seconds, not negative")
FLAG: Final[Rule] = (lambda value: type(value) is bool, "true or false")
WORD: Final[Rule] = (lambda value: isinstance(value, str), "a word")
OBJECT: Final[Rule] = (lambda value: isinstance(value, dict), "a JSON object")
STEPS: Final[Rule] = (lambda value: isinstance(value, list), "a list of steps")
NUMBER: Final[Rule] = (lambda value: type(value) in {int, float}, "a number")
URL: Final[Rule] = (lambda value: _is_url(value, "http", "https"), "a URL")
HTTPS: Final[Rule] = (lambda value: _is_url(value, "https"), "an https URL")
