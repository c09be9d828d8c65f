"""Which kills a run owes, and the account of those it made. Pure but for the random generator that is handed in."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from archive.failpoints import NAMES

_ACTIONS: Final = {"kill": "SIGKILL", "term": "SIGTERM", "stop": "SIGSTOP"}
# At seeded times, with how often they come. A worker's process group is the worker and whatever it left in it.
OTHERS: Final = {
    "probe child": 8, "Redis": 4, "S3 server": 4, "S3 server, stopped": 2, "worker": 5, "worker's group": 3,
    "worker, asked to end": 2, "worker, stopped": 3, "web": 3, "web, stopped": 1, "clock": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Kill:
    """One that counts: something was in hand."""

    where: str  # a failpoint, or one of OTHERS
    signal: str
    at: float  # seconds since 1970
    about: tuple[str, ...]  # ids in hand: assets, a task, a delivery; empty where the place says no more
    worker: bool = False  # its assets are to be taken up by others

    @property
    def leaves_at_once(self) -> bool:
        return self.worker and self.signal == "SIGKILL"


@dataclass
class Plan:
    """What is still owed. Every failpoint is owed a SIGKILL first; later rounds may be SIGTERM or SIGSTOP."""

    points: dict[str, list[str]]
    others: list[str]
    made: list[Kill] = field(default_factory=list)
    uncounted: int = 0  # nothing was in hand

    @property
    def is_done(self) -> bool:
        return not self.others and not any(self.points.values())

    def of(self, kind: str) -> list[str]:
        """The failpoints of a kind of process that are owed something."""
        return [name for name, owed in self.points.items() if owed and kind_of(name) == kind]

    def count(self, kill: Kill) -> None:
        self.made.append(kill)
        if owed := self.points.get(kill.where):
            wanted = [action for action in owed if _ACTIONS[action] == kill.signal]
            owed.remove(wanted[0] if wanted else owed[0])

    def drop_rest(self) -> None:
        """Owe nothing any more: what runs is to come to its end."""
        self.points = {}
        self.others = []


def draw(rng: random.Random, kills: int) -> Plan:
    """A plan of at least *kills*: about two thirds at failpoints, each the same number of times."""
    rounds = max(1, round(kills * 0.67 / len(NAMES)))
    rest = max(kills - rounds * len(NAMES), 0)
    later = ("kill", "kill", "term", "stop")
    points = {name: ["kill", *(rng.choice(later) for _ in range(rounds - 1))] for name in NAMES}
    others = [name for name, weight in OTHERS.items() for _ in range(weight)]
    others = [*(others * (rest // len(others) + 1))]
    rng.shuffle(others)
    return Plan(points, others[:rest])


def kind_of(failpoint: str) -> str:
    """The kind of process that comes by it."""
    part = failpoint.partition(".")[0]
    return {"receiver": "web", "order": "web", "clock": "clock"}.get(part, "worker")


def table(kills: Sequence[Kill], outcomes: Mapping[int, str]) -> list[str]:
    """Where, by which signal, and what became of it, in Markdown; *outcomes* by the position of the kill."""
    rows: dict[str, tuple[Counter[str], Counter[str]]] = {name: (Counter(), Counter()) for name in (*NAMES, *OTHERS)}
    for number, kill in enumerate(kills):
        signals, ends = rows[kill.where]
        signals[kill.signal.removeprefix("SIG")] += 1
        ends[outcomes[number]] += 1
    lines = ["| killed at | KILL | TERM | STOP, CONT | what was in hand |", "|---|---:|---:|---:|---|"]
    for name, (signals, ends) in rows.items():
        if signals:
            said = ", ".join(f"{count} {end}" for end, count in ends.most_common())
            place = f"`{name}`" if name in NAMES else name
            counts = " | ".join(str(signals[each] or "") for each in ("KILL", "TERM", "STOP"))
            lines.append(f"| {place} | {counts} | {said} |")
    return lines
