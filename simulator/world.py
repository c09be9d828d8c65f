"""Hold what the simulated provider knows while it runs: settings, tasks, films and links. No HTTP here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from simulator.films import Film
from simulator.journal import Journal, now
from simulator.links import Links
from simulator.plan import Plan

Route = Literal["seed", "market"]
State = Literal["generating", "success", "fail"]
Answer = tuple[int, dict[str, Any]]  # HTTP status and JSON body

# Life of a result link: the seed says "Download TTL 20 minutes", docs.kie.ai get-task-detail says 24 hours.
LINK_LIFE: Final[dict[Route, float]] = {"seed": 20 * 60, "market": 24 * 3600}


@dataclass(frozen=True)
class Settings:
    """How this provider is set up."""

    api_key: str = field(repr=False)
    hmac_key: str | None = field(repr=False)  # None: the account has none, and callbacks are not signed
    fresh_link_life: float  # seconds; documented as 20 minutes
    films: Path


@dataclass(eq=False)
class Reel:
    """One film on the file host, and how its links have fared."""

    name: str
    film: Film
    task: "Task"
    decoy: bool
    gets: int = 0
    links_died_at: int | None = None  # serial of the youngest link that died of `link_dies_after_gets`


@dataclass(eq=False)
class Task:
    """One generation task."""

    id: str
    route: Route
    request: dict[str, Any]  # the create request's body, as it came
    plan: Plan
    created_at: datetime
    reels: Sequence[Reel] = ()
    decoys: Sequence[Reel] = ()  # what an attacker wants fetched in their place
    ready_at: datetime | None = None

    @property
    def state(self) -> State:
        """What a poll says of it now."""
        return "generating" if self.ready_at is None else self.plan.outcome

    @property
    def seen(self) -> bool:
        """Whether polls know it yet; KIE's own say "recordInfo is null" for seconds after the creation."""
        return now() >= self.created_at + timedelta(seconds=self.plan.unseen_for)

    @property
    def changed_at(self) -> datetime:
        """When it last changed its state."""
        return self.ready_at or self.created_at

    @property
    def stored(self) -> bool:
        """Whether the host still keeps its films."""
        return self.ready_at is None or now() < self.ready_at + timedelta(seconds=self.plan.storage_life)

    @property
    def took(self) -> timedelta:
        """How long it generated; zero while it still does."""
        return self.changed_at - self.created_at


@dataclass
class World:
    """All of it together."""

    settings: Settings
    journal: Journal
    links: Links
    tasks: dict[str, Task] = field(default_factory=dict)
    reels: dict[str, Reel] = field(default_factory=dict)

    def sign_links(self, reels: Sequence[Reel]) -> list[str]:
        """Sign a result link to each film, living from now. Each poll signs anew: no two are alike."""
        return [self.links.mint(reel.name, _life(reel.task)) for reel in reels]


def _life(task: Task) -> float:
    return LINK_LIFE[task.route] if task.plan.link_life is None else task.plan.link_life
