"""
Going on where a download broke off (RFC 9110, 13.1.5 and 14): what may be asked for, and which answer fits. Pure.

Bytes are joined only where the host names the same version of the same file both times, by a validator that promises
equal bytes. Everything else begins anew: a file of two halves of two versions can be whole to every other check.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime

_STRONG = re.compile(r'"[!#-~]{1,256}"')
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_LENGTH = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True)
class Version:
    """What an answer that carried a file from its start said of these very bytes."""

    url: str = field(repr=False)  # where they came from, behind all redirects
    etag: str
    last_modified: str
    validator: str | None  # for If-Range; None where two halves could not be told to fit
    total: int | None  # bytes of the whole


@dataclass(frozen=True)
class Part:
    """Bytes *start* to *end*, both included, of *total*; None where the host does not know that."""

    start: int
    end: int
    total: int | None

    @property
    def size(self) -> int:
        return self.end - self.start + 1


def stated_length(headers: Mapping[str, str]) -> int | None:
    """The body's length where the answer states one."""
    stated = headers.get("content-length", "")
    return int(stated) if _LENGTH.fullmatch(stated) else None


def ends_visibly(headers: Mapping[str, str]) -> bool:
    """Whether the framing itself shows where the body ends, other than by the connection's end."""
    return "transfer-encoding" in headers or stated_length(headers) is not None


def version_of(url: str, headers: Mapping[str, str]) -> Version:
    """The version that a 200 from *url* carries."""
    total = None if "transfer-encoding" in headers else stated_length(headers)
    return Version(url, headers.get("etag", ""), headers.get("last-modified", ""), _validator(headers), total)


def _validator(headers: Mapping[str, str]) -> str | None:
    etag = headers.get("etag", "")
    if _STRONG.fullmatch(etag):
        return etag
    return headers["last-modified"] if _is_settled(headers) else None


def _is_settled(headers: Mapping[str, str]) -> bool:
    """Whether the file was last changed a second or more before the answer (RFC 9110, 8.8.2.2): once in that second."""
    try:
        changed, sent = (parsedate_to_datetime(headers[name]) for name in ("last-modified", "date"))
        return sent - changed >= timedelta(seconds=1)
    except (KeyError, ValueError, OverflowError, TypeError):  # TypeError: one with and one without a time zone
        return False


def onward(version: Version, at: int) -> dict[str, str]:
    """The headers that ask for the rest of *version* from byte *at* on. Its validator must not be None."""
    return {"Range": f"bytes={at}-", "If-Range": version.validator or ""}


def read_part(value: str) -> Part | None:
    """A Content-Range; None where it is none, or contradicts itself."""
    found = _CONTENT_RANGE.fullmatch(value)
    if found is None:
        return None
    part = Part(int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3]))
    if part.end < part.start or (part.total is not None and part.end >= part.total):
        return None
    return part


def continuation(version: Version, at: int, url: str, headers: Mapping[str, str]) -> Part | None:
    """The part by which a 206 from *url* goes on with *version* at byte *at*; None where it does not fit."""
    part = read_part(headers.get("content-range", ""))
    if part is None or part.start != at or _place(url) != _place(version.url):
        return None
    if None not in (part.total, version.total) and part.total != version.total:
        return None
    if version.total is not None and part.end >= version.total:
        return None
    length = stated_length(headers)
    if length is not None and length != part.size:
        return None
    return part if _is_same(version, headers) else None


def _place(url: str) -> str:
    """A URL without its query: what a redirect signs anew for each request is the same file's."""
    return url.partition("?")[0]


def _is_same(version: Version, headers: Mapping[str, str]) -> bool:
    """A 206 must repeat the ETag of the 200, and may leave out the date (RFC 9110, 15.3.7)."""
    etag, changed = headers.get("etag", ""), headers.get("last-modified", "")
    return etag == version.etag and changed in ("", version.last_modified)
