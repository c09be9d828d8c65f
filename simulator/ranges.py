"""Read the Range and If-Range headers of a GET (RFC 9110, 13.1.5 and 14.2). Pure."""

import re
from collections.abc import Mapping
from typing import Final

_ONE_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


def requested_range(headers: Mapping[str, str], size: int, etag: str) -> range | None:
    """
    Return the bytes asked for, an empty range if there are none such (416), or None to send the whole.

    Whole is also the answer to what we do not serve, several ranges at once, and to an If-Range that is not
    our ETag.
    """
    match = _ONE_RANGE.fullmatch(headers.get("Range", ""))
    if match is None or headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if first:
        if last and int(last) < int(first):
            return None
        return range(int(first), min(int(last) + 1, size) if last else size)
    return range(max(0, size - int(last)), size) if last else None
