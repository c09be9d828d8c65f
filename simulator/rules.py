"""Hold a JSON object to rules, one a field. Pure; knows nothing of what the fields mean."""

import math
from collections.abc import Callable, Mapping, Set
from typing import Any, Final, cast, get_args

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


def one_of(literal: object) -> Rule:
    """A word of a `Literal`."""
    return lambda value: value in get_args(literal), f"one of {', '.join(map(str, get_args(literal)))}"


def whole(least: int, most: int) -> Rule:
    """A whole number between two others, which a bool is not."""
    return lambda value: type(value) is int and least <= value <= most, f"a whole number, {least} to {most}"


def or_none(rule: Rule) -> Rule:
    """What *rule* takes, or null."""
    return lambda value: value is None or rule[0](value), f"null or {rule[1]}"


def _is_seconds(value: object) -> bool:
    return type(value) in {int, float} and 0 <= cast(float, value) < math.inf


SECONDS: Final[Rule] = (_is_seconds, "seconds, not negative")
FLAG: Final[Rule] = (lambda value: type(value) is bool, "true or false")
WORD: Final[Rule] = (lambda value: isinstance(value, str), "a word")
STEPS: Final[Rule] = (lambda value: isinstance(value, list), "a list of steps")
