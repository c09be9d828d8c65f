"""
Counters for /metrics, raised in the transaction that makes what they count: no restart forgets them, nothing that was
rolled back is counted, and every web process reads the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from sqlalchemy import Connection, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from archive.ledger.schema import tallies

# What is counted, and by what beside the source (or the target).
MARGIN = "margin"  # histogram: how long before its deadline an asset was archived; what was late counts 0 in the sum
ARCHIVING = "archiving"  # histogram: from the first statement of an asset until it was archived
BYTES = "archived_bytes"  # counts bytes
LEASES_EXPIRED = "leases_expired"  # claims of assets whose worker was not heard of again
LINKS_REFRESHED = "links_refreshed"
RETRIES = "retries"  # reason
QUARANTINES = "quarantines"  # reason
LOSSES = "losses"  # asset or task, cause; the total is in credits
DELIVERIES = "deliveries"  # outcome, verdict
NOTIFICATIONS = "notifications"  # delivered, failed or dead; by target

EDGES: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        # Of what providers promise: 20 minutes, an hour, a day; the last ones are for storage that is counted in days.
        MARGIN: (0, 30, 60, 120, 300, 600, 900, 1200, 3600, 21_600, 86_400, 604_800),
        ARCHIVING: (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 3600),
    }
)
OTHER = "other"
MAX_BUCKETS = 100  # of one name and source: reasons may come from strangers, who must not make a scrape cost more
_OPEN = frozenset({RETRIES, QUARANTINES, LOSSES})  # names whose last label is such a reason
_WIDTH = 80  # characters of the column
_KEY = ("name", "source", "bucket")
_PENDING = "reelkeep_tallies"

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Tally:
    """That much more of *name*. *total* is the sum of what was measured: seconds, credits."""

    name: str
    source: str
    labels: tuple[str, ...] = ()
    count: int = 1
    total: float = 0.0

    @property
    def bucket(self) -> str:
        return "/".join(self.labels)[:_WIDTH]


def observed(name: str, source: str, span: timedelta) -> Tally:
    """A measurement for the histogram *name*; one below 0 counts as 0 in its sum, which therefore never goes back."""
    seconds = span.total_seconds()
    edge = next((f"{edge:g}" for edge in EDGES[name] if seconds <= edge), "+Inf")
    return Tally(name, source, (edge,), total=max(0.0, seconds))


def raise_(conn: Connection, *raised: Tally) -> None:
    """
    Count *raised* in the transaction of *conn*, one of `Database.write`.

    They are written at its end, in one statement: whoever else raises the same counter waits from then to the commit,
    not from here.
    """
    conn.info[_PENDING].extend(raised)


@contextmanager
def gathered(conn: Connection) -> Iterator[None]:
    """Write what was raised within the block at its end; nothing where it fails."""
    info = conn.info  # of the driver's connection: it outlives this one, and cannot be asked for once that is broken
    info[_PENDING] = pending = list[Tally]()
    try:
        yield
        if pending:
            _write(conn, pending)
    finally:
        del info[_PENDING]


def _write(conn: Connection, raised: Iterable[Tally]) -> None:
    sums: dict[Key, tuple[int, float]] = {}
    for key, tally in _placed(conn, list(raised)):
        count, total = sums.get(key, (0, 0.0))
        sums[key] = (count + tally.count, total + tally.total)
    # By key, as every writer of tallies: nobody waits in a circle.
    rows = [dict(zip(_KEY, key, strict=True), count=n, total=total) for key, (n, total) in sorted(sums.items())]
    statement = (sqlite if conn.dialect.name == "sqlite" else postgresql).insert(tallies)
    more = {name: tallies.c[name] + statement.excluded[name] for name in ("count", "total")}
    conn.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=more), rows)


def _placed(conn: Connection, raised: list[Tally]) -> Iterator[tuple[Key, Tally]]:
    """Each with its row's key: beyond MAX_BUCKETS a new reason is `other`. Writers at once may overshoot a little."""
    known = _known(conn, {(tally.name, tally.source) for tally in raised if tally.name in _OPEN})
    for tally in raised:
        bucket = tally.bucket
        if tally.name in _OPEN:
            buckets = known[tally.name, tally.source]
            if bucket not in buckets and len(buckets) >= MAX_BUCKETS:
                bucket = "/".join((*tally.labels[:-1], OTHER))
            buckets.add(bucket)
        yield (tally.name, tally.source, bucket), tally


def _known(conn: Connection, pairs: set[tuple[str, str]]) -> defaultdict[tuple[str, str], set[str]]:
    known: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    if pairs:
        these = or_(*((tallies.c.name == name) & (tallies.c.source == source) for name, source in sorted(pairs)))
        for row in conn.execute(select(tallies.c.name, tallies.c.source, tallies.c.bucket).where(these)):
            known[row.name, row.source].add(row.bucket)
    return known
