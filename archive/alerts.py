"""What a person has to know because videos are at stake, as sentences. Pure."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from types import MappingProxyType

from archive.ledger.queries import Polling, Work
from archive.providers import PROVIDERS
from archive.sources import Source


def link_lives(sources: Mapping[str, Source]) -> dict[str, timedelta]:
    return {name: PROVIDERS[source.provider].LINK_LIFE for name, source in sources.items()}


def alerts(
    work: Work,
    polling: Mapping[str, Polling],
    sources: Mapping[str, Source],
    paused: Collection[str] = (),
    unwatched: Mapping[str, int] = MappingProxyType({}),
) -> list[str]:
    """One sentence or two for each thing that costs videos while it lasts; none where all is well."""
    found = []
    for name in sorted(polling):
        if polling[name].late:
            found.append(_late(name, polling[name], sources[name], is_paused=name in paused))
        elif 0 < polling[name].failing == polling[name].asked:
            asked = _count(polling[name].asked, "task", "tasks")
            found.append(f"{name}: the provider's API gave no answer about {asked} ({polling[name].trouble}).")
    for name, number in sorted(unwatched.items()):
        tasks = _count(number, "open task", "open tasks")
        found.append(f"{name}: {tasks} cannot be asked about: the source has lost its api_key, or is not configured.")
    if work.overdue:
        files = _count(work.overdue, "file is past its deadline", "files are past their deadlines")
        found.append(f"{files} and still waiting.")
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
