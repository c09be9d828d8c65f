"""What a person has to know because videos, or the word about them, are at stake. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from archive.ledger.outages import Outage
from archive.ledger.queries import Polling, Work
from archive.ledger.targets import TargetHealth
from archive.providers import PROVIDERS
from archive.sources import Source

FAILING = timedelta(hours=1)  # of a target, before it is told


@dataclass(frozen=True)
class Alert:
    """
    One thing that is wrong while it lasts. `text` is a sentence or two for people, with figures that change.

    `about` is the source or target that it is about, None where it is about the service.
    """

    kind: str
    text: str
    source: str | None = None
    target: str | None = None

    @property
    def about(self) -> str | None:
        return self.source or self.target

    @property
    def key(self) -> str:
        """The same for as long as it lasts."""
        return f"{self.kind}:{self.about}" if self.about else self.kind


def link_lives(sources: Mapping[str, Source]) -> dict[str, timedelta]:
    return {name: PROVIDERS[source.provider].LINK_LIFE for name, source in sources.items()}


def alerts(
    work: Work,
    polling: Mapping[str, Polling],
    sources: Mapping[str, Source],
    paused: Collection[str] = (),
    unwatched: Mapping[str, int] = MappingProxyType({}),
    targets: Sequence[TargetHealth] = (),
    in_doubt: Mapping[str, int] = MappingProxyType({}),
    away: Mapping[str, Outage] = MappingProxyType({}),
) -> list[Alert]:
    """One for each thing that costs videos, or the word about them, while it lasts; none where all is well."""
    found = []
    for name in sorted(polling):
        if polling[name].late:
            text = _late(name, polling[name], sources[name], is_paused=name in paused)
            found.append(Alert("polls_late", text, name))
        elif 0 < polling[name].failing == polling[name].asked:
            asked = _count(polling[name].asked, "task", "tasks")
            text = f"{name}: the provider's API gave no answer about {asked} ({polling[name].trouble})."
            found.append(Alert("no_answer", text, name))
        elif name in away and away[name].is_lasting:
            text = f"{name}: the provider's API has not answered for a minute or more ({away[name].trouble})."
            found.append(Alert("no_answer", text, name))
    for name, number in sorted(unwatched.items()):
        tasks = _count(number, "open task", "open tasks")
        text = f"{name}: {tasks} cannot be asked about: the source has lost its api_key, or is not configured."
        found.append(Alert("unwatched", text, name))
    for name, number in sorted(in_doubt.items()):
        text = f"{name}: of {_count(number, 'order', 'orders')} no task is known; it may exist and be paid for."
        found.append(Alert("order_in_doubt", f"{text} `reelkeep orders list` shows what was asked for.", name))
    if work.held:
        files = _count(work.held, "file waits", "files wait")
        text = f"The store does not take what it is given ({work.store_reason}): {files} for it"
        found.append(Alert("store_unavailable", f"{text}, {work.kept:,} of them kept in the spool."))
    if work.overdue:
        files = _count(work.overdue, "file is past its deadline", "files are past their deadlines")
        found.append(Alert("overdue", f"{files} and still waiting."))
    for target in targets:
        found += _unheard(target)
    return found


def _unheard(target: TargetHealth) -> list[Alert]:
    """A target that takes nothing, and what it will never hear unless somebody redrives it."""
    found = []
    if target.failing_for >= FAILING:
        text = f"Target {target.name} has taken no notification for {_minutes(target.failing_for)} ({target.reason})."
        found.append(Alert("target_failing", text, target=target.name))
    elif target.unsent and not target.failing_for:
        letters = _count(target.unsent, "notification has", "notifications have")
        whose = f"Target {target.name}" if target.name else "Callbacks passed on to callers of the proxy"
        text = (
            f"{whose}: {letters} been due for over an hour, and nobody sends: was a worker started with these settings?"
        )
        found.append(Alert("unsent", text, target=target.name or None))
    if target.dead:
        letters = _count(
            target.dead, "notification of the last week is dead", "notifications of the last week are dead"
        )
        whose = f"Target {target.name}" if target.name else "Callbacks passed on to callers of the proxy"
        text = f"{whose}: {letters}; redrive what is still wanted."
        found.append(Alert("dead_letters", text, target=target.name or None))
    return found


def _late(name: str, polling: Polling, source: Source, *, is_paused: bool) -> str:
    """Keeping within the rate limit while links die is a failure, and is told as one."""
    life = PROVIDERS[source.provider].LINK_LIFE
    late = _count(polling.late, "task was", "tasks were")
    said = (
        f"{name}: {late} not heard of for longer than a link lives (lag {_minutes(polling.lag)}, links live "
        f"{_minutes(life)}): their files may be lost."
    )
    if is_paused:
        return f"{said} The source is paused; resume it."
    if 2 * polling.failing >= polling.late:
        return f"{said} The provider's API is asked and gives no answer ({polling.trouble})."
    due = _count(polling.due, "look is", "looks are")
    return (
        f"{said} {due} due, and {source.budget.per_minute:.0f} requests a minute can be kept up within half of the "
        "account's limit. Raise rate_limit if the provider allows more, or spread the tasks over more accounts."
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _minutes(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:.0f} min" if minutes < 180 else f"{minutes / 60:.1f} h"
