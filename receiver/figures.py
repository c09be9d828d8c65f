"""Counters and histograms as Prometheus knows them, from the rows of `archive.ledger.tallies`. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from archive.ledger import tallies
from archive.ledger.gauges import Tallied
from archive.model import Outcome, Verdict

Labels = tuple[str, ...]
_INFINITE = float("inf")


@dataclass(frozen=True)
class _Counter:
    """*of* names the tallies, *labels* what stands beside the source. *zeros* are there before the first is counted."""

    name: str
    text: str
    of: str
    labels: Labels = ()
    zeros: Sequence[Labels] = ((),)
    is_total: bool = False  # the sum of what was measured, not how often


# A rate knows a series from its second sample on: without a zero before it, the first loss would be none.
_OTHER = ((tallies.OTHER,),)
_EITHER = tuple((what, tallies.OTHER) for what in ("asset", "task"))
_ANSWERS = tuple((outcome.value, verdict.label) for outcome, verdict in product(Outcome, Verdict))
_HISTOGRAMS = (
    ("archive_margin_seconds", "How long before it could no longer be had an asset was archived.", tallies.MARGIN),
    ("archive_seconds", "From the first word of an asset until it was archived.", tallies.ARCHIVING),
)
_COUNTERS = (
    _Counter("archived_bytes", "Bytes of archived files.", tallies.BYTES),
    _Counter("leases_expired", "Claims whose worker was not heard of again.", tallies.LEASES_EXPIRED),
    _Counter("links_refreshed", "Links that were had anew from a provider's API.", tallies.LINKS_REFRESHED),
    _Counter("retries", "Attempts at an asset that failed and are made again.", tallies.RETRIES, ("reason",), _OTHER),
    _Counter("quarantines", "Assets set aside for a person.", tallies.QUARANTINES, ("reason",), _OTHER),
    _Counter(
        "losses",
        "Assets that were lost, and tasks that ended without a file although they cost something.",
        tallies.LOSSES,
        ("subject", "cause"),
        _EITHER,
    ),
    _Counter(
        "lost_credits",
        "What the losses cost, where the provider said it.",
        tallies.LOSSES,
        ("subject", "cause"),
        _EITHER,
        is_total=True,
    ),
    _Counter("deliveries", "Callbacks that were committed.", tallies.DELIVERIES, ("outcome", "verdict"), _ANSWERS),
)
_SENT = _Counter(
    "notification_attempts",
    "Attempts to send a notification: delivered, failed (and made again), dead.",
    tallies.NOTIFICATIONS,
    ("outcome",),
    (("delivered",), ("failed",), ("dead",)),
)


def families(rows: Iterable[Tallied], sources: Sequence[str], targets: Mapping[str, str]) -> Iterator[Metric]:
    """What was counted for *sources*, and for *targets* under the names they are shown by."""
    found: defaultdict[str, list[Tallied]] = defaultdict(list)
    for row in rows:
        found[row.name].append(row)
    for name, text, of in _HISTOGRAMS:
        yield _histogram(name, text, of, found[of], sources)
    shown = {source: source for source in sources}
    for counter in _COUNTERS:
        yield _counter(counter, "source", found[counter.of], shown)
    yield _counter(_SENT, "target", found[_SENT.of], targets)


def _histogram(name: str, text: str, of: str, rows: Iterable[Tallied], sources: Sequence[str]) -> Metric:
    family = HistogramMetricFamily(f"reelkeep_{name}", text, labels=["source"])
    for source in sources:
        mine = [row for row in rows if row.source == source]
        # Of a version before the edges may have been others: what it counted is put where it surely belongs.
        reached = [(str(float(edge)), _up_to(mine, edge)) for edge in tallies.EDGES[of]]
        everything = ("+Inf", _up_to(mine, _INFINITE))
        family.add_metric([source], [*reached, everything], sum(row.total for row in mine))
    return family


def _up_to(rows: Iterable[Tallied], edge: float) -> int:
    return sum(row.count for row in rows if float(row.labels[0]) <= edge)


def _counter(counter: _Counter, owner: str, rows: Iterable[Tallied], shown: Mapping[str, str]) -> Metric:
    family = CounterMetricFamily(f"reelkeep_{counter.name}", counter.text, labels=[owner, *counter.labels])
    values: dict[Labels, float] = {(name, *zero): 0 for name in shown.values() for zero in counter.zeros}
    for row in rows:
        if row.source in shown:
            labels = row.labels if counter.labels else ()
            values[shown[row.source], *labels] = row.total if counter.is_total else row.count
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family
