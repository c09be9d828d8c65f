"""Read and write JSON that strangers send: bytes in, plain values out, and every oddity a clear error."""

import json
import math
from typing import Any, NoReturn

from archive.errors import MalformedDeliveryError, NotUnderstoodError


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


_decode = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).decode


def parse(body: bytes) -> Any:
    """
    Decode one JSON document (RFC 8259, UTF-8).

    NaN and Infinity are no JSON, 1e9999 would become one of them, nesting deeper than the interpreter's stack is not
    read, and integers of more than 4,300 digits are refused by the interpreter itself.

    Raises:
        MalformedDeliveryError: `not_json`.
    """
    try:
        return _decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise MalformedDeliveryError("not_json") from exc


def dump(value: Any) -> str:
    """
    Encode as compact ASCII, so that lone surrogates and NUL are escapes that every database stores.

    Raises:
        ValueError: NaN or Infinity, which no reader of JSON has to understand.
    """
    return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)


class Reader:
    """Typed access to one JSON object: each getter returns the value, None where absent or null, or refuses."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise NotUnderstoodError("not_an_object")
        self._value: dict[str, Any] = value

    def __contains__(self, key: str) -> bool:
        return key in self._value

    def raw(self, key: str) -> Any:
        """The value as it stands, for what is documented in several forms or is not worth a refusal."""
        return self._value.get(key)

    def __len__(self) -> int:
        """How many members it has: an empty object is false."""
        return len(self._value)

    def object(self, key: str) -> "Reader":
        return Reader(self._value.get(key))

    def text(self, key: str) -> str | None:
        value = self._value.get(key)
        if value is None or isinstance(value, str):
            return value
        raise NotUnderstoodError(f"{_slug(key)}_not_text")

    def boolean(self, key: str) -> bool | None:
        value = self._value.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise NotUnderstoodError(f"{_slug(key)}_not_boolean")

    def integer(self, key: str) -> int | None:
        value = self._value.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise NotUnderstoodError(f"{_slug(key)}_not_integer")

    def number(self, key: str) -> float | None:
        value = self._value.get(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise NotUnderstoodError(f"{_slug(key)}_not_a_number")

    def objects(self, key: str) -> "list[Reader]":
        value = self._value.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return [Reader(item) for item in value]
        raise NotUnderstoodError(f"{_slug(key)}_not_a_list")

    def texts(self, key: str) -> list[str]:
        value = self._value.get(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        raise NotUnderstoodError(f"{_slug(key)}_not_a_list_of_text")

    def embedded(self, key: str) -> "Reader | None":
        """Read a string that holds JSON again, as some providers nest their results."""
        text = self.text(key)
        if not text:
            return None
        try:
            return Reader(_decode(text))
        except (ValueError, RecursionError) as exc:
            raise NotUnderstoodError(f"{_slug(key)}_not_json") from exc


def _slug(key: str) -> str:
    """Turn a provider's camelCase field name into our slug form."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in key).lstrip("_")
