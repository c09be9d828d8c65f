"""Count requests as an account limit does: so many in any window of so many seconds. Pure; the time is passed in."""

import math
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """How many requests, in how many seconds."""

    count: int  # 0: no limit
    seconds: float


def read_limit(text: str) -> tuple[str, Limit]:
    """Parse `SOURCE=COUNT/SECONDS`, or raise ValueError; a source without documented limit cannot be given one."""
    source, _, rest = text.partition("=")
    count, _, seconds = rest.partition("/")
    if source not in {"kie", "seedance2ai", "acedata"}:
        raise ValueError(text)
    return source, Limit(int(count), float(seconds))


class Window:
    """
    A sliding window over the requests admitted.

    Whether refused ones count too is UNKNOWN of every provider; here they do not.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._admitted: deque[float] = deque()

    def wait(self, at: float) -> int:
        """Admit a request at the instant *at* and return 0, or return in how many whole seconds there is room."""
        while self._admitted and self._admitted[0] <= at - self._limit.seconds:
            self._admitted.popleft()
        if self._limit.count and len(self._admitted) >= self._limit.count:
            return max(1, math.ceil(self._admitted[0] + self._limit.seconds - at))
        self._admitted.append(at)
        return 0
