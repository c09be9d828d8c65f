"""What the provider modules share: HTTP's own errors, instants, slugs, lists of files, ids in paths. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

from archive import instants
from archive.documents import Reader, parse
from archive.errors import (
    MalformedDeliveryError,
    NotUnderstoodError,
    ProviderBusyError,
    ProviderRefusedError,
    TaskUnknownError,
)
from archive.grammar import check_url
from archive.model import MAX_OUTPUTS, ApiAnswer, ExpiryOrigin, Link, Output, Progress

MAX_WAIT = timedelta(hours=1)  # believed of a Retry-After; the schedule bounds it further
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_BUSY = {408, 425, 429}
_MOST_CREDITS = 1e9
_CODE = re.compile(r"[A-Za-z0-9_.-]+")
_T = TypeVar("_T")


def check_http(answer: ApiAnswer, *, at: datetime) -> None:
    """
    Raise what the HTTP status alone says; an answer below 400 says nothing.

    Raises:
        TaskUnknownError: 404.
        ProviderBusyError: 408, 425, 429 and 5xx, with the wait it asks for.
        ProviderRefusedError: any other 4xx.
    """
    _check("http", answer.status, answer, at)


def check_code(code: int, answer: ApiAnswer, *, at: datetime) -> None:
    """Raise what one of HTTP's errors says that stands in the body of *answer*, as `check_http` does; others pass."""
    if 400 <= code <= 599:
        _check("code", code, answer, at)


def _check(kind: str, code: int, answer: ApiAnswer, at: datetime) -> None:
    if code == 404:
        raise TaskUnknownError("task_not_found")
    if code in _BUSY or code >= 500:
        raise ProviderBusyError(f"{kind}_{code}", retry_after(answer, at=at))
    if code >= 400:
        raise ProviderRefusedError(f"{kind}_{code}")


def document(answer: ApiAnswer, *, at: datetime) -> Reader:
    """
    The JSON object an answer holds, once HTTP has nothing against it.

    Raises:
        ProviderBusyError: `answer_not_json`, a proxy's page most likely; and what check_http raises.
        NotUnderstoodError: `not_an_object`.
    """
    check_http(answer, at=at)
    try:
        return Reader(parse(answer.body))
    except MalformedDeliveryError:
        raise ProviderBusyError("answer_not_json") from None


def stated(word: str | None, states: Mapping[str, Progress]) -> tuple[Progress, str | None]:
    """
    What a provider's *word* of state means, in any case, and why not for sure: one nobody documented is not final.

    Raises:
        NotUnderstoodError: `status_missing`.
    """
    if not word:
        raise NotUnderstoodError("status_missing")
    known = states.get(word.lower())
    return (Progress.RUNNING, "state_unknown") if known is None else (known, None)


def retry_after(answer: ApiAnswer, *, at: datetime) -> timedelta | None:
    """The wait that an answer asks for, up to an hour; None where it asks for none."""
    wait = instants.retry_after(answer.headers.get("retry-after", ""), at=at)
    return None if wait is None else min(wait, MAX_WAIT)


def files(role: str, urls: Sequence[str], expires_at: datetime, *, seconds: Sequence[str | None] = ()) -> list[Output]:
    """
    The outputs of one role. *seconds* are further links to the same files, in the same order.

    An output is known by its path; where several share one, only their order tells them apart.

    Raises:
        NotUnderstoodError: `link_not_a_url`, `too_many_outputs`.
    """
    if len(urls) > MAX_OUTPUTS:  # before each is compared with each; `Event` bounds all roles together
        raise NotUnderstoodError("too_many_outputs")
    links = [Link(check_url(url), expires_at, ExpiryOrigin.DEFAULT) for url in urls]
    others = [Link(check_url(url), expires_at, ExpiryOrigin.DEFAULT) if url else None for url in seconds]
    others += [None] * (len(links) - len(others))
    paths = [link.path for link in links]
    return [
        Output(role, place, link, _among_equals(paths, place), other)
        for place, (link, other) in enumerate(zip(links, others, strict=True))
    ]


def link_or_none(value: object) -> str | None:
    """*value* where it is a link; None where not, for a file whose loss must not cost the others."""
    try:
        return check_url(value) if isinstance(value, str) else None
    except NotUnderstoodError:
        return None


def optional(read: Callable[[str], _T | None], key: str) -> _T | None:
    """What a Reader's getter gives for *key*, and None where it refuses: for fields that may be missed."""
    try:
        return read(key)
    except NotUnderstoodError:
        return None


def segment(task_id: str) -> str:
    """*task_id* as one segment of a path: percent-encoded, dots included, so that no id can leave its place."""
    return quote(task_id, safe="").replace(".", "%2E")


def _among_equals(paths: Sequence[str], place: int) -> str | None:
    """An id for an output whose path others have too. Those others are counted only, so the rest may change places."""
    path = paths[place]
    return f"{paths[:place].count(path)}:{path}" if paths.count(path) > 1 else None


def fail_slug(code: object) -> str:
    """
    A provider's failure code, which may be a number in one page and a word in another, as a short slug.

    What holds blanks or slashes is a sentence or a link instead, and no part of it is kept.
    """
    text = str(code) if isinstance(code, str | int) and not isinstance(code, bool) else ""
    text = text[:40] if _CODE.fullmatch(text) else ""
    kept = "".join(c.lower() if c.isascii() and c.isalnum() else "_" for c in text).strip("_")
    return f"provider_{kept}" if kept else "provider_failed"


def paid(*values: object) -> float | None:
    """
    The credits that a task cost: the first of *values* that can be such a number. None where none can.

    It is beside the point of the answer, so what it may not be (text, negative, beyond any price) refuses nothing.
    """
    numbers = (value for value in values if isinstance(value, int | float) and not isinstance(value, bool))
    return next((float(number) for number in numbers if 0 <= number <= _MOST_CREDITS), None)


def iso(text: str | None, *, at: datetime) -> datetime:
    """An ISO 8601 instant; one without an offset is UTC. What cannot be meant counts as *at*."""
    try:
        instant = datetime.fromisoformat(text or "")
    except ValueError:
        return at
    return _plausible(instant if instant.tzinfo else instant.replace(tzinfo=UTC), at)


def unix(value: float | None, *, at: datetime, per_second: int = 1) -> datetime:
    """Unix time in units of which there are *per_second*. What cannot be meant counts as *at*."""
    if value is None or not 0 <= value < per_second << 33:
        return at
    return _plausible(datetime.fromtimestamp(value / per_second, UTC), at)


def _plausible(instant: datetime, at: datetime) -> datetime:
    """What is older than any such service or in the future counts as *at*."""
    try:
        return instant.astimezone(UTC) if _EARLIEST <= instant <= at else at
    except OverflowError:
        return at
