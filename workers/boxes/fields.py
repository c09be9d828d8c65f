"""
Read the numbers in a box's body.

Decides that a field or a table lies inside its body, and refuses as `malformed_box` where it does not, before memory is
taken for it. Never knows a box's meaning or place in the file.
"""

import sys
from array import array
from struct import error, unpack_from
from typing import Any, Literal

from archive.errors import NotMediaError

MALFORMED = "malformed_box"


def unpack(code: str, body: bytes | memoryview, at: int = 0) -> tuple[Any, ...]:
    """Read the fields that *code* describes, in the language of `struct`, at offset *at*."""
    try:
        return unpack_from(code, body, at)
    except error:
        raise NotMediaError(MALFORMED) from None


def version(body: memoryview) -> int:
    """Return the version of a full box (4.2.2): its times are wide from version 1 on."""
    return int(unpack(">B", body)[0])


def table(body: memoryview, at: int, count: int, width: int) -> memoryview:
    """Return *count* rows of *width* bytes each, from offset *at*."""
    if at + count * width > len(body):
        raise NotMediaError(MALFORMED)
    return body[at : at + count * width]


def counted(body: memoryview, width: int) -> memoryview:
    """Return the rows of a full box that is a count and so many rows of *width* bytes each."""
    return table(body, 8, unpack(">I", body, 4)[0], width)


def numbers(rows: memoryview, code: Literal["B", "H", "I", "Q"]) -> "array[int]":
    """Read big-endian numbers of one width at once; as small in memory as in the file."""
    found = array(code)
    found.frombytes(rows)
    if sys.byteorder == "little":
        found.byteswap()
    return found
