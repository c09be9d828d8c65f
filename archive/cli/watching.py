"""Wait until registered tasks have come to their ends: one question for a thousand, and none about what has ended."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from reelkeep.client import Client, UnreachableError

CHUNK = 1000  # ids that one request may ask about
PAUSE = 3.0  # seconds between rounds
# How a task is counted, the worst first: what a person has to look at hides nothing that is well.
FATES = ("gone", "failed", "lost", "quarantined", "open", "archived", "disposed", "no files")
BAD = frozenset({"gone", "failed", "lost", "quarantined"})


def fate(task: Mapping[str, Any]) -> str:
    """What became of a task and its assets in one word; `open` until all have ended."""
    if task["state"] != "succeeded":
        return str(task["state"])
    assets: Mapping[str, int] = task["assets"]
    if assets.get("waiting"):
        return "open"
    return next((name for name in FATES if assets.get(name)), "no files")


def reason(task: Mapping[str, Any]) -> str | None:
    """Why it is not archived, where something was said."""
    return task["reason"] or ", ".join(task["asset_reasons"]) or None


def look_up(client: Client, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(ids), CHUNK):
        yield from client.post("/api/tasks/lookup", {"ids": list(ids[start : start + CHUNK])})["tasks"]


def watch(
    client: Client,
    ids: Sequence[str],
    seconds: float,
    *,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """
    Ask until every task has ended or *seconds* are over; return them as they then are, in the order of *ids*.

    Progress is said whenever it changed. A service that is away for a while is asked again.
    """
    end, found, said = now() + seconds, dict[str, dict[str, Any]](), ""
    while True:
        left = [key for key in ids if key not in found or fate(found[key]) == "open"]
        try:
            found.update((task["id"], task) for task in look_up(client, left))
            line = progress(found.values())
        except UnreachableError:
            if not found or now() >= end:
                raise
            line = "the service does not answer; asking again"
        if line != said:
            say(line)
            said = line
        if now() >= end or all(fate(task) != "open" for task in found.values()):
            return [found[key] for key in ids if key in found]
        sleep(PAUSE)


def progress(tasks: Iterable[Mapping[str, Any]]) -> str:
    """How many have which fate, on one line."""
    counted = Counter(fate(task) for task in tasks)
    return ", ".join(f"{counted[name]:,} {name}" for name in reversed(FATES) if counted[name])
