"""
The kinds of value that documented parameters are made of, tolerant of how a command line writes them. Pure.

`--param duration=10` may arrive as text: a whole number, a switch or a single link in text is read as what it can only
mean. What is sent has always the documented type.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from archive.errors import NotUnderstoodError
from archive.grammar import check_url

_SWITCHES = {"true": True, "false": False}
_MAX_DIGITS = 12


def whole(value: Any) -> int:
    """A whole number, or the text of one."""
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and value.isascii() and value.removeprefix("-").isdecimal():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("must be a whole number")


def _switch(value: Any) -> bool:
    found = _SWITCHES.get(value.lower()) if isinstance(value, str) else value
    if isinstance(found, bool):
        return found
    raise ValueError("must be true or false")


def _link(value: str) -> str:
    try:
        return check_url(value)
    except NotUnderstoodError:
        raise ValueError("must be an http or https URL") from None


def _https(value: str) -> str:
    if not _link(value).startswith("https://"):
        raise ValueError("must be an https URL")
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Whole = Annotated[int, BeforeValidator(whole)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Url = Annotated[str, AfterValidator(_link)]
HttpsUrl = Annotated[str, AfterValidator(_https)]
AsList = BeforeValidator(_listed)  # a single link counts as a list of one
AsWhole = BeforeValidator(whole)  # for a Literal of numbers
Seed = Annotated[Whole, Field(ge=-1, le=2**32 - 1)]


def require(holds: bool, field: str, rule: str) -> None:
    """Raise ValueError, naming *field*, unless the rule *holds*."""
    if not holds:
        raise ValueError(f"{field}: {rule}")
