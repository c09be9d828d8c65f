"""Read and write JSON that strangers send: bytes in, plain values out, and every oddity a clear error."""

import json
import math
from typing import Any, NoReturn

from archive.errors import MalformedDeliveryError, NotUnderstoodError

MAX_DEPTH = 64  # levels; the deepest that a provider documents has 6
MAX_VALUES = 50_000  # brackets and commas: a megabyte of `[],` would take a third of a second of everybody's time
_BOM = "\ufeff"
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class _TooMuchError(ValueError):
    """It may be JSON, and is not read; its text is the reason."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def parse(body: bytes) -> Any:
    """
    Decode one JSON document (RFC 8259, UTF-8). Of names that stand twice in an object the last counts.

    NaN and Infinity are no JSON, 1e9999 would become one of them, and integers of more than 4,300 digits are refused by
    the interpreter itself. A byte order mark in front is passed over, as the RFC allows: it costs no callback.

    Raises:
        MalformedDeliveryError: `not_json`; `too_deep` beyond MAX_DEPTH levels, `too_many_values` beyond MAX_VALUES.
    """
    try:
        return _decode(body.decode("utf-8").removeprefix(_BOM))
    except _TooMuchError as exc:
        raise MalformedDeliveryError(str(exc)) from exc
    except ValueError as exc:
        raise MalformedDeliveryError("not_json") from exc


def _decode(text: str) -> Any:
    """
    Decode *text*, unless it is nested so deep that somebody who reads it again could run out of stack, or in so many
    parts that it would keep others waiting.

    Raises:
        ValueError: it is no JSON, or too much of it.
    """
    opened = text.count("[") + text.count("{")
    if opened > MAX_DEPTH or opened + text.count(",") > MAX_VALUES:
        _measure(text.encode("utf-8", "surrogatepass"))
    return _decoder.decode(text)


def _measure(raw: bytes) -> None:
    """
    Raise where *raw* is too much, or its brackets do not come in pairs.

    What is left without its texts are brackets; each round takes the innermost pairs away. All of it is done by a few
    calls over the whole, since to walk a megabyte token by token would take longer than to decode it. Where a backslash
    or a quote stands as no JSON has it, the decoder stops there, having gone no deeper than was counted up to it.
    """
    outside = b"".join(raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    pairs = outside.translate(_BRACKETS, _ALL_BUT_BRACKETS)
    if pairs.count(b"[") + outside.count(b",") > MAX_VALUES:
        raise _TooMuchError("too_many_values")
    for _ in range(MAX_DEPTH):
        fewer = pairs.replace(b"[]", b"")
        if len(fewer) == len(pairs):
            break
        pairs = fewer
    if b"[]" in pairs:
        raise _TooMuchError("too_deep")
    if pairs:
        raise ValueError


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
        except ValueError as exc:
            raise NotUnderstoodError(f"{_slug(key)}_not_json") from exc


def _slug(key: str) -> str:
    """Turn a provider's camelCase field name into our slug form."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in key).lstrip("_")
