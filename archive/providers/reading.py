"""What the provider modules share in reading answers: HTTP's own errors, instants, slugs and lists of files. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from archive.errors import NotUnderstoodError, ProviderBusyError, ProviderRefusedError, TaskUnknownError
from archive.grammar import check_url
from archive.model import ApiAnswer, ExpiryOrigin, Link, Output

MAX_OUTPUTS = 64  # of one task; pages show a handful, and a body of 1 MiB could name 40,000
MAX_WAIT = timedelta(hours=1)  # believed of a Retry-After; the schedule bounds it further
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_BUSY = {408, 425, 429}


def check_http(answer: ApiAnswer, *, at: datetime) -> None:
    """
    Raise what the HTTP status alone says; an answer below 400 says nothing.

    Raises:
        TaskUnknownError: 404.
        ProviderBusyError: 408, 425, 429 and 5xx, with the wait it asks for.
        ProviderRefusedError: any other 4xx.
    """
    status = answer.status
    if status == 404:
        raise TaskUnknownError("task_not_found")
    if status in _BUSY or status >= 500:
        raise ProviderBusyError(f"http_{status}", retry_after(answer, at=at))
    if status >= 400:
        raise ProviderRefusedError(f"http_{status}")


def retry_after(answer: ApiAnswer, *, at: datetime) -> timedelta | None:
    """Read Retry-After (RFC 9110, 10.2.3), seconds or an HTTP date, up to an hour; None where it has none."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), MAX_WAIT)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - at
    return max(timedelta(0), min(wait, MAX_WAIT))


def files(role: str, urls: Sequence[str], expires_at: datetime, *, seconds: Sequence[str | None] = ()) -> list[Output]:
    """
    The outputs of one role. *seconds* are further links to the same files, in the same order.

    An output is known by its path; where several share one, only their order tells them apart.

    Raises:
        NotUnderstoodError: `link_not_a_url`, `too_many_outputs`.
    """
    if len(urls) > MAX_OUTPUTS:
        raise NotUnderstoodError("too_many_outputs")
    links = [Link(check_url(url), expires_at, ExpiryOrigin.DEFAULT) for url in urls]
    others = [Link(check_url(url), expires_at, ExpiryOrigin.DEFAULT) if url else None for url in seconds]
    others += [None] * (len(links) - len(others))
    paths = [link.path for link in links]
    return [
        Output(role, place, link, _among_equals(paths, place), other)
        for place, (link, other) in enumerate(zip(links, others, strict=True))
    ]


def _among_equals(paths: Sequence[str], place: int) -> str | None:
    """An id for an output whose path others have too. Those others are counted only, so the rest may change places."""
    path = paths[place]
    return f"{paths[:place].count(path)}:{path}" if paths.count(path) > 1 else None


def fail_slug(code: object) -> str:
    """A provider's failure code, which may be a number in one page and a word in another, as a short slug."""
    text = str(code)[:40] if isinstance(code, str | int) and not isinstance(code, bool) else ""
    kept = "".join(c.lower() if c.isascii() and c.isalnum() else "_" for c in text).strip("_")
    return f"provider_{kept}" if kept else "provider_failed"


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
