"""What names and links from outside may look like before they enter the ledger. Pure."""

import re
from urllib.parse import urlsplit

from archive.errors import NotUnderstoodError
from archive.urls import MAX_URL

# Visible characters only: no control character, no lone surrogate, no NUL ever reaches a column or a log line.
_NAME = re.compile(r"[^\W_]|[!-~]")
MAX_NAME = 512
_URL = re.compile(r"https?://[!-~]+", re.IGNORECASE)


def check_name(value: str | None, what: str) -> str:
    """
    Return *value* if it can be a task or output id: 1 to 512 printable characters.

    Raises:
        NotUnderstoodError: `<what>_missing` or `<what>_not_printable`.
    """
    if not value:
        raise NotUnderstoodError(f"{what}_missing")
    if len(value) > MAX_NAME or not all(_NAME.fullmatch(character) for character in value):
        raise NotUnderstoodError(f"{what}_not_printable")
    return value


def check_url(value: str, what: str = "link") -> str:
    """
    Return *value* if it has the form of an absolute http(s) URL in ASCII with a host.

    Whatever `archive.urls.read_url` reads has it. What has it and cannot be read is kept all the same, for a person:
    whether a link may be followed is the egress guard's decision, at the moment of following it.

    Raises:
        NotUnderstoodError: `<what>_not_a_url`.
    """
    if len(value) > MAX_URL or not _URL.fullmatch(value):
        raise NotUnderstoodError(f"{what}_not_a_url")
    try:
        parts = urlsplit(value)
        if not parts.hostname or parts.port == 0:
            raise NotUnderstoodError(f"{what}_not_a_url")
    except ValueError as exc:
        raise NotUnderstoodError(f"{what}_not_a_url") from exc
    return value
