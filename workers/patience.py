"""How long a thread may wait for others, all of its waits together. Pure but for the clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpcore

_remaining: ContextVar[Callable[[], float] | None] = ContextVar("remaining", default=None)


@contextmanager
def time_limit(remaining: Callable[[], float]) -> Iterator[None]:
    """
    Within the block let this thread wait for others no longer than *remaining* says, in seconds, all waits together.

    Without it a host that sends one byte of its body now and then holds a thread for days.
    """
    token = _remaining.set(remaining)
    try:
        yield
    finally:
        _remaining.reset(token)


def bounded(timeout: float) -> float:
    """*timeout*, or what is left where that is less. Raises httpcore.ReadTimeout when nothing is."""
    remaining = _remaining.get()
    if remaining is None:
        return timeout
    left = remaining()
    if left <= 0:
        raise httpcore.ReadTimeout("out of time")
    return min(timeout, left)
