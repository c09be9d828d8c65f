"""Hold what the simulated providers know while they run: settings, tasks, files and links. No HTTP here."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from simulator.journal import Journal, now
from simulator.limits import Limit
from simulator.links import Links
from simulator.media import SECOND_FOLDER, SHELVES, Film, Media
from simulator.plan import Fault, Plan

Source = Literal["kie", "seedanceapi", "seedance2ai", "kyyaipower", "acedata"]
Route = Literal["seed", "market", "runway", "veo", "v2", "seedance2", "gpt-image-2", "nano-banana-pro", "kyy", "ace"]
State = Literal["queued", "generating", "success", "fail", "cancelled"]
Role = Literal["result", "last_frame", "original", "cover"]
Answer = tuple[int, dict[str, Any]]  # HTTP status and JSON body


@dataclass(frozen=True)
class Settings:
    """How these providers are set up."""

    api_key: str = field(repr=False)  # one key opens all of them
    hmac_key: str | None = field(repr=False)  # None: KIE's account has none, and its callbacks are not signed
    fresh_link_life: float  # seconds; documented as 20 minutes
    films: Path
    limits: Mapping[str, Limit]  # of requests, by source


@dataclass(frozen=True)
class Offer:
    """Links to a task's files, signed together: what one answer or one callback has to give."""

    results: Sequence[str] = ()
    last_frame: str | None = None
    originals: Sequence[str] = ()
    covers: Sequence[str] = ()
    seconds: Sequence[str] = ()  # other links to the results, in their order


@dataclass(eq=False)
class Reel:
    """One file on the file host, and how its links have fared."""

    name: str
    film: Film
    media: Media
    role: Role
    task: "Task"
    decoy: bool
    gets: int = 0
    links_died_at: int | None = None  # serial of the youngest link that died of `link_dies_after_gets`

    @property
    def path(self) -> str:
        """Where the file host keeps it."""
        return f"{SHELVES[self.media].folder}/{self.name}"

    @property
    def second_path(self) -> str:
        """Where it keeps it too."""
        return f"{SECOND_FOLDER}/{self.name}"


@dataclass(eq=False)
class Task:
    """One generation task."""

    id: str
    source: Source
    route: Route
    request: dict[str, Any]  # the create request's body, as it came
    plan: Plan
    chosen: Mapping[str, str | int]  # of the plan's choices, with the route's own in place of None
    media: Media  # of its results
    link_life: float  # seconds
    callback_url: str | None
    created_at: datetime
    reels: Sequence[Reel] = ()
    decoys: Sequence[Reel] = ()  # what an attacker wants fetched in their place
    ready_at: datetime | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    faults_played: int = 0

    @property
    def state(self) -> State:
        """What a poll says of it now."""
        if self.ready_at is not None:
            return self.plan.outcome
        queued = now() < self.created_at + timedelta(seconds=self.plan.queued_for)
        return "queued" if queued else "generating"

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
        """Whether the host still keeps its files."""
        return self.ready_at is None or now() < self.ready_at + timedelta(seconds=self.plan.storage_life)

    @property
    def took(self) -> timedelta:
        """How long it generated; zero while it still does."""
        return self.changed_at - self.created_at

    def next_fault(self) -> Fault | None:
        """Count one poll, and return the fault planned for it."""
        planned = [fault for fault in self.plan.poll_faults for _ in range(fault.times)]
        if self.faults_played >= len(planned):
            return None
        self.faults_played += 1
        return planned[self.faults_played - 1]


@dataclass
class World:
    """All of it together."""

    settings: Settings
    journal: Journal
    links: Links
    tasks: dict[str, Task] = field(default_factory=dict)
    reels: dict[str, Reel] = field(default_factory=dict)

    def sign(self, reels: Sequence[Reel]) -> Offer:
        """Sign a link to each file, living from now. Each poll signs anew: no two are alike."""
        of: dict[Role, list[str]] = {role: [] for role in get_args(Role)}
        for reel in reels:
            is_born_dead = reel.task.plan.first_link_dead and reel.role == "result" and not reel.decoy
            life = 0 if is_born_dead else reel.task.link_life
            of[reel.role].append(self.links.mint(reel.path, life))
        return Offer(
            results=of["result"],
            last_frame=next(iter(of["last_frame"]), None),
            originals=of["original"],
            covers=of["cover"],
            seconds=[self.links.mint(reel.second_path, reel.task.link_life) for reel in reels if reel.role == "result"],
        )
