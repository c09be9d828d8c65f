"""
How often an account may be asked: rate buckets that together use at most half of its limit. Pure.

The other half is the user's own: whoever creates tasks and looks at them himself shares the account with us. A bucket
is one instant (the generic cell rate algorithm, ITU-T I.371): when it is full again. It stands in the ledger, so that
all processes share it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from archive.model import Pace

HINT_SHARE = 5  # one request in so many is kept for what only somebody unproved has named
BURST_SHARE = 4  # one in so many of a span's requests may come at once
_NOTHING = timedelta(0)


@dataclass(frozen=True)
class Bucket:
    """At most `requests` in any span of `per`, up to `burst` of them at once."""

    requests: int
    per: timedelta

    @property
    def burst(self) -> int:
        return max(1, self.requests // BURST_SHARE)

    @property
    def interval(self) -> timedelta:
        """
        Between requests once the burst is used; long enough that burst and steady stream together keep the limit.

        One request a span is left unused: what is paid for evenly does not arrive evenly.
        """
        return self.per / max(1, self.requests - self.burst)

    def wait(self, paid_until: datetime | None, now: datetime) -> timedelta:
        """How long until the next request may be sent; zero where it may go now."""
        return max(_NOTHING, (paid_until or now) - (self.burst - 1) * self.interval - now)

    def paid(self, paid_until: datetime | None, now: datetime) -> datetime:
        """The bucket after one more request, whether it was free or not."""
        return max(paid_until or now, now) + self.interval

    def shared(self, paid_until: datetime | None, now: datetime) -> datetime | None:
        """
        The bucket after a request of the user's own: it takes from what may come at once, and keeps nothing waiting.

        His half of the limit pays for it. Were it paid for here, whoever asks often would let links die unseen.
        """
        after = self.paid(paid_until, now)
        return paid_until if self.wait(after, now) else after

    def rested(self, paid_until: datetime | None, until: datetime) -> datetime:
        """The bucket when nothing may be sent before *until*."""
        full = until + (self.burst - 1) * self.interval
        return max(paid_until or full, full)


@dataclass(frozen=True)
class Budget:
    """An account's two buckets; `hints` is None where its limit is too small to be shared."""

    asks: Bucket
    hints: Bucket | None

    @property
    def per_minute(self) -> float:
        """How many requests a minute can be kept up."""
        buckets = [self.asks] + ([self.hints] if self.hints else [])
        return sum(timedelta(minutes=1) / bucket.interval for bucket in buckets)


def split(pace: Pace, *, hinted: bool) -> Budget:
    """
    Divide half of the account's limit. *hinted*: callbacks may name tasks that nobody vouches for, so that a part is
    kept for them: a flood of invented ones then keeps no true one waiting, nor the other way round.
    """
    if pace.requests < 2:
        return Budget(Bucket(1, 2 * pace.per), None)
    usable = pace.requests // 2
    kept = max(1, usable // HINT_SHARE) if hinted and usable > 1 else 0
    return Budget(Bucket(usable - kept, pace.per), Bucket(kept, pace.per) if kept else None)
