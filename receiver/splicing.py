"""
Set one member of a JSON object in its own text. Pure.

Nothing but that member changes: numbers keep their digits, text its escapes, members their order and their repeats,
since a parser and a printer between a customer and the provider would be one more opinion on all of these.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any

from archive.documents import parse
from archive.errors import MalformedDeliveryError

_BLANK = re.compile(r"[ \t\n\r]*")
_decoder = json.JSONDecoder()


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object that *body* is; None for anything else, a byte order mark in front included."""
    if body.startswith(BOM_UTF8):
        return None
    try:
        document = parse(body)
    except MalformedDeliveryError:
        return None
    return document if isinstance(document, dict) else None


def splice(body: bytes, name: str, value: str) -> bytes:
    """*body*, which `read_object` took, with *name* set to *value*: in every place where it stands, else in front."""
    text = body.decode()
    written = json.dumps(value)
    places = [(start, end) for key, start, end in _members(text) if key == name]
    for start, end in reversed(places):
        text = text[:start] + written + text[end:]
    if not places:
        inside = text.index("{") + 1
        comma = "" if text[_blank(text, inside)] == "}" else ","
        text = f"{text[:inside]}{json.dumps(name)}:{written}{comma}{text[inside:]}"
    return text.encode()


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """Name of each member of the outermost object, and where its value begins and ends."""
    at = _blank(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = _decoder.raw_decode(text, at)
        start = _blank(text, _blank(text, at) + 1)
        _, end = _decoder.raw_decode(text, start)
        yield key, start, end
        at = _blank(text, end)
        if text[at] == ",":
            at = _blank(text, at + 1)


def _blank(text: str, at: int) -> int:
    """Where the white space that begins at *at* ends."""
    found = _BLANK.match(text, at)
    return found.end() if found else at
