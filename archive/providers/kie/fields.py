"""
Single fields as KIE writes them: the same thing may come as text or number, as a list or as text that holds one. Pure.

Most of what is here never raises, since a field that is not needed to decide must not keep a callback from being
understood. What raises says so.
"""

import re
from datetime import datetime
from typing import Any

from archive.documents import parse
from archive.errors import MalformedDeliveryError, NotUnderstoodError
from archive.grammar import check_url
from archive.model import MAX_OUTPUTS
from archive.providers import reading

_BETWEEN_LINKS = re.compile(r",\s*(?=https?://)")


def record(value: Any) -> dict[str, Any]:
    """*value* if it is an object, else an empty one: a shape is known by the fields it has."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """*value* if it is text, else nothing."""
    return value if isinstance(value, str) else ""


def word(value: Any) -> str:
    """A state or a code, in whichever form and case it was written; nothing for what can be neither."""
    if isinstance(value, str):
        return value.strip().lower() if len(value) < 64 else ""
    return str(value) if isinstance(value, int) and abs(value) < 1 << 31 else ""


def instant(value: Any, *, at: datetime) -> datetime:
    """ISO 8601 text or Unix milliseconds; anything else, and what cannot be meant, counts as *at*."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return reading.unix(value, at=at, per_second=1000)
    return reading.iso(text(value), at=at)


def embedded(value: Any, reason: str) -> dict[str, Any]:
    """
    An object, or text that holds one; an empty object where there is neither.

    Raises:
        NotUnderstoodError: *reason*, for text that is not JSON.
    """
    if not text(value).strip():
        return record(value)
    try:
        return record(_parsed(value))
    except MalformedDeliveryError as exc:
        raise NotUnderstoodError(reason) from exc


def links(value: Any) -> list[str]:
    """
    The links that the answer is about, every one of them: a part would pass for the whole.

    Raises:
        NotUnderstoodError: `links_not_a_list`, `link_not_a_url`, `too_many_outputs`.
    """
    found = _listed(value)
    if found is None:
        raise NotUnderstoodError("links_not_a_list")
    if len(found) > MAX_OUTPUTS:
        raise NotUnderstoodError("too_many_outputs")
    return [check_url(text(link)) for link in found]


def links_beside(value: Any) -> list[str]:
    """The links that come along with the film, as far as they are links: they must not cost the film."""
    return [link for link in (_listed(value) or ())[:MAX_OUTPUTS] if _is_link(link)]


def _listed(value: Any) -> list[Any] | None:
    """
    The items of a list, or a lone link; nothing where there is nothing, and None for what is neither.

    Lists may be text: Veo's callback page has shown `"[http://example.com/video1.mp4]"`, clients meet JSON in it.
    """
    if value is None or isinstance(value, list):
        return value or []
    if not isinstance(value, str):
        return None
    if not value.startswith("["):
        return [value] if value else []
    try:
        items = _parsed(value)
    except MalformedDeliveryError:
        return _BETWEEN_LINKS.split(value[1:].removesuffix("]"))
    return items if isinstance(items, list) else None


def _parsed(value: str) -> Any:
    return parse(value.encode("utf-8", "surrogatepass"))  # a lone surrogate is no JSON either


def _is_link(value: Any) -> bool:
    try:
        check_url(text(value))
    except NotUnderstoodError:
        return False
    return True
