"""From the API's JSON to frozen values. What a newer server adds is in `raw`; what an older one lacks is None."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Self, get_type_hints

from reelkeep.errors import UnreachableError


@dataclass(frozen=True, kw_only=True)
class Row:
    """One JSON object; `raw` is all of it, as it came."""

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, found: Any) -> Self:
        """
        Read *found*.

        Raises:
            UnreachableError: it is no such object, so whatever answered is no Reelkeep that we know.
        """
        kind: Any = cls
        try:
            read = {
                name: convert(found[name]) for name, convert in _readers(kind).items() if found.get(name) is not None
            }
            return cls(**read, raw=found)
        except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError):
            needed = ", ".join(sorted(f.name for f in fields(cls) if f.default is f.default_factory is MISSING))
            raise UnreachableError(f"the answer is no {cls.__name__} (needs {needed})") from None


def instant(text: str) -> datetime:
    """An aware instant; one without an offset is UTC, as everything of ours is."""
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _number(value: float | str) -> Decimal:
    return Decimal(str(value))


_CONVERTS: dict[Any, Callable[[Any], Any]] = {
    datetime: instant,
    datetime | None: instant,
    Decimal: _number,
    Decimal | None: _number,
    tuple[str, ...]: tuple,
}


def _as_it_is(value: Any) -> Any:
    return value


@cache
def _readers(cls: type[Row]) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(cls)
    own = [f for f in fields(cls) if f.name != "raw"]
    return {f.name: f.metadata.get("read") or _CONVERTS.get(hints[f.name], _as_it_is) for f in own}
