"""
What a client does, as steps: each says what is to be sent or waited for, and hears what came of it. No I/O.

An operation is a generator of steps that returns its result. Whoever carries the steps out, with threads or with an
event loop, decides nothing: what is sent, repeated, refused and read is decided here and in `operations`.
"""

import json
import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reelkeep.download import Sink
from reelkeep.errors import DownloadError, RefusedError, UnreachableError

T = TypeVar("T")
_AWAY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Request:
    """Ask the API; its JSON is heard. `is_repeatable`: sent twice it does no more than sent once."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = False
    patience: float | None = None  # seconds until its answer begins, where that may take longer than is usual


@dataclass(frozen=True)
class Fetch:
    """GET a presigned link, without our token, and let *sink* take what comes with 200."""

    asset: str
    url: str = field(repr=False)
    sink: Sink


@dataclass(frozen=True)
class Sleep:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Now:
    """What does a clock say that never goes back? Seconds are heard."""


@dataclass(frozen=True)
class Answer:
    """What came of a request or a fetch. Header names are lower case; a fetch's body went to its sink."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


Step = Request | Fetch | Sleep | Now
Steps = Generator[Step, Any, T]


@dataclass(frozen=True)
class Retries:
    """
    How often something is asked again, and how long to wait: *first* seconds, then twice as long each time, up to
    *longest*, half of it by chance. A `Retry-After` above *longest* is not waited for: the refusal is the caller's.
    """

    times: int = 3
    first: float = 0.5
    longest: float = 30.0

    def pause(self, attempt: int, asked: float | None) -> float | None:
        """Seconds until the next try, or None: there is none."""
        if attempt >= self.times or (asked is not None and asked > self.longest):
            return None
        usual = min(self.longest, self.first * 2**attempt)
        return asked if asked is not None else usual * (0.5 + random.random() / 2)  # noqa: S311 (nothing secret)


def patiently(steps: Steps[T], retries: Retries, where: str) -> Steps[T]:
    """*steps*, in which requests are asked again as *retries* say, and answers are read; *where* names the service."""
    try:
        step = next(steps)
        while True:
            try:
                heard = yield from _heard(step, retries, where)
            except BaseException as exc:  # whatever it is: the operation cleans up behind itself
                step = steps.throw(exc)
            else:
                step = steps.send(heard)
    except StopIteration as done:
        result: T = done.value
        return result


def _heard(step: Step, retries: Retries, where: str) -> Steps[Any]:
    if isinstance(step, Sleep | Now):
        return (yield step)
    attempt = 0
    while True:
        try:
            answer: Answer = yield step
        except UnreachableError as exc:
            pause = retries.pause(attempt, None) if _is_repeatable(step) or exc.is_unsent else None
            if pause is None and isinstance(step, Fetch):
                raise DownloadError(step.asset, "interrupted") from exc
            if pause is None:
                raise
        else:
            is_away = answer.status in _AWAY and _is_repeatable(step)
            pause = retries.pause(attempt, _retry_after(answer)) if is_away else None
            if pause is None:
                return _fetched(step, answer) if isinstance(step, Fetch) else _read(answer, where)
        yield Sleep(pause)
        attempt += 1


def _is_repeatable(step: Request | Fetch) -> bool:
    if isinstance(step, Fetch):
        return step.sink.can_restart
    return step.method == "GET" or step.is_repeatable


def _fetched(step: Fetch, answer: Answer) -> None:
    if answer.status != 200:
        raise DownloadError(step.asset, f"http_{answer.status}")
    if wrong := step.sink.wrong():
        raise DownloadError(step.asset, wrong)


def _read(answer: Answer, where: str) -> Any:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UnreachableError(f"{where} is no Reelkeep: it answers {answer.status} without JSON")
    if not 200 <= answer.status < 300:
        reason, detail = document.get("reason", f"http_{answer.status}"), document.get("detail", "refused")
        raise RefusedError(answer.status, str(reason), str(detail), _retry_after(answer), document)
    return document


def _retry_after(answer: Answer) -> float | None:
    """In seconds. The other form, a date, would need a clock that agrees with the sender's."""
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isascii() and told.isdigit() and len(told) < 9 else None
