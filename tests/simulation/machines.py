"""Our own processes on the virtual clock: the real `Runtime` without its threads, sockets and media child."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

from archive.budget import Budget
from archive.errors import LedgerError, ReelkeepError, StoreUnavailableError
from archive.ledger import leases, notifications, outbox, setbacks, tasks
from archive.ledger.claims import NOTHING, Claim
from archive.ledger.heads import Avoid
from archive.ledger.looks import Look
from archive.ledger.notifications import Failure
from archive.ledger.outbox import PosterErrand
from archive.model import Event, Link
from tests.builders import source
from tests.doubles import MeterDouble
from tests.simulation.invariants import LEASE
from tests.simulation.outside import BUCKET
from tests.simulation.scheduler import SECOND, Host, Turns, Work
from workers.archive_asset import Ports
from workers.fetch import Fetched
from workers.file_hosts import DYING, FileHosts
from workers.look import Looker
from workers.runtime import Runtime
from workers.steady import Steady
from workers.store_rests import RestingStore, StoreRests

if TYPE_CHECKING:
    from tests.simulation.world import World

KEYED, OPEN = "kie", "open"  # a source whose status API we may ask, and one that only calls
SOURCES = {KEYED: source("127.0.0.1:1"), OPEN: source(allowed_hosts=["open.example"])}
ASKABLE = frozenset({KEYED})
SLOTS = 2
HEARTBEAT, SWEEP, TICK = 3.0, 5.0, 120.0  # seconds; the clock ticks less often than in service, to save time
REAP = 40.0
CLOCK_LIFE = timedelta(seconds=3 * TICK)


class SimulatedLooker(Looker):
    """The real one, but for the wire."""

    def __init__(self, world: "World") -> None:
        random = world.scheduler.random.random
        steady = Steady(world.ledger.clock, world.scheduler.monotonic)
        super().__init__(world.ledger, SOURCES, None, MeterDouble(), world.ledger.clock, random, steady)  # type: ignore[arg-type]
        self._world = world
        self.steady = steady

    def _ask(self, look: Look, *, paid: bool = True) -> Event | ReelkeepError:
        return self._world.outside.status(look.source, look.task_id)


class SimulatedHosts(FileHosts):
    """The real ones; what was last to be avoided is known."""

    avoided: Avoid = NOTHING

    def avoid(self) -> Avoid:
        self.avoided = super().avoid()
        return self.avoided


class Machine(Runtime):
    """A worker process: two slots for transfers, a looker, chores, a heartbeat and a timer."""

    def __init__(self, world: "World", host: Host) -> None:
        # Nothing of Runtime's own: it would open sockets and start threads.
        self.host = host
        self.world = world
        self.free_since = self.well_since = self.empty_since = world.scheduler.now
        self._owner = host.name
        self._db = world.ledger
        self._held: dict[str, int] = {}
        self._given_up: dict[str, int] = {}
        self.hosts = self._hosts = SimulatedHosts(world.scheduler.monotonic, world.per_host)
        self._taking = Turns(world.scheduler)  # type: ignore[assignment]
        self._is_back = threading.Event()
        random = world.scheduler.random.random
        self._store = RestingStore(
            world.store, StoreRests(random, on_back=self._is_back.set, monotonic=world.scheduler.monotonic)
        )
        self._kept = world.spools[host.name.partition(".")[0]]
        workers = SimpleNamespace(lease=timedelta(microseconds=LEASE), max_transfer=timedelta(minutes=10))
        self._settings = SimpleNamespace(caps=world.caps, workers=workers)  # type: ignore[assignment]
        self._errands = self._notices = SimpleNamespace(wake=lambda: None)  # type: ignore[assignment]
        self._transfers = SimpleNamespace(wake=self.wake, is_stopping=False)  # type: ignore[assignment]
        self._looker = looker = SimulatedLooker(world)
        self._steady = looker.steady
        self._budgets: dict[str, Budget] = {name: SOURCES[name].budget for name in ASKABLE}
        self._batches: dict[str, int] = {}
        self._ports = partial(
            Ports, world.ledger, self._store, BUCKET, refresh=world.outside.refresh, clock=world.ledger.clock,
            kept=self._kept, check_store=self._store.check,
        )  # fmt: skip
        self._idle: list[Work] = []
        self._calls = 0
        start = world.scheduler.start
        for number in range(SLOTS):
            start(host, f"slot{number}", self._slot)
        start(host, "look", partial(self._every, SWEEP, self._looks))
        start(host, "chores", partial(self._every, SWEEP, self._chores))
        start(host, "beat", partial(self._every, HEARTBEAT, self._beat))
        start(host, "timer", partial(self._every, SWEEP, self._tick))
        start(host, "reaper", partial(self._every, REAP, self._reap))

    @property
    def is_awake(self) -> bool:
        return self.host.is_alive and self.host.frozen_until <= self.world.scheduler.now

    @property
    def is_holding(self) -> bool:
        return bool(self._held or self._given_up)

    def keeps(self, asset: str) -> bool:
        """Whether it holds *asset*, and for a lease nothing has kept it from saying so."""
        well_since = max(self.well_since, self.host.frozen_until)
        return self.is_awake and asset in self._held and self.world.scheduler.now - well_since > LEASE

    @property
    def idle(self) -> int:
        return len(self._idle)

    def wake(self) -> None:
        """Have one more slot look for work, if one is idle and the rows promise any: looking in vain costs time."""
        scheduler = self.world.scheduler
        if self._idle and self._is_promising(0.02):
            scheduler.at(scheduler.now, self._idle.pop(0).resume)

    def _is_promising(self, otherwise: float) -> bool:
        return self.world.checks.due() or self.world.scheduler.random.random() < otherwise

    def _slot(self) -> None:
        work = self.world.scheduler.current
        assert work is not None
        while True:
            self._idle.append(work)
            if self.idle == 1:
                self.free_since = self.world.scheduler.now
            self.world.scheduler.switch()
            self._attempt(self._drain)

    def _drain(self) -> None:
        while self._is_promising(0.1) and self._transfer(self.wake):
            pass

    def _transfer(self, more: Callable[[], None]) -> bool:
        found = super()._transfer(more)
        now = self.world.scheduler.now
        if not self._held:
            self.empty_since = now
        if not found and not self.hosts.avoided.is_empty:
            self.free_since = now
        return found

    def _carry(self, claim: Claim, more: Callable[[], None]) -> None:
        self.world.note(claim)
        try:
            super()._carry(claim, more)
        finally:
            self.world.note(None)

    @contextmanager
    def _fetch(self, end: float, claim: Claim, link: Link) -> Iterator[Fetched]:
        dies_soon = timedelta(0) < link.expires_at - self.world.ledger.clock() < DYING
        with self.world.outside.fetch(link, FileHosts() if dies_soon else self._hosts) as fetched:
            self._leave_host()
            yield fetched

    def _looks(self) -> None:
        at = self.world.checks.look_at
        while at is not None and at <= self.world.checks.now and self._look(lambda: None):
            at = self.world.checks.look_at

    def _chores(self) -> None:
        while self.world.checks.is_owed() and (self._errand(lambda: None) or self._notify(lambda: None)):
            pass

    def _errand(self, _more: Callable[[], None]) -> bool:
        """As in service, but the poster is a text."""
        errand = outbox.take(self._db)
        if not isinstance(errand, PosterErrand):
            return False
        self.world.pause(0.5)
        if self.world.scheduler.chance("store", 0.1):
            outbox.later(self._db, errand, timedelta(seconds=5))
        else:
            outbox.done(self._db, errand, f"posters/{errand.asset_id}.jpg")
        return True

    def _notify(self, _more: Callable[[], None]) -> bool:
        claim = notifications.take(self._db, [target.name for target in self.world.targets])
        if claim is None:
            return False
        self.world.pause(0.5)
        if self.world.scheduler.chance("target", 0.3):
            notifications.failed(self._db, claim, Failure("http_500", is_targets=True), spread=0.5)
        else:
            self.world.told.append((claim.type, claim.subject_id, claim.id))
            notifications.delivered(self._db, claim)
        return True

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        world = self.world
        while True:
            late = 0.0
            if act == self._beat and world.scheduler.chance("late", 0.03):
                late = world.scheduler.random.uniform(3, 12)
                self.well_since = world.scheduler.now + int((seconds + late) * SECOND)
            world.scheduler.pause(seconds + late)
            self._attempt(act)

    def _attempt(self, act: Callable[[], None]) -> None:
        """What the real threads do with a ledger that is away: try again later."""
        try:
            act()
        except (LedgerError, StoreUnavailableError) as exc:
            self.free_since = self.well_since = self.world.scheduler.now
            self.world.scheduler.say(self.host.name, f"goes on after {exc.reason}")


class ClockMachine:
    """A clock process, as far as it matters here: it holds the lease, plans looks and rings."""

    def __init__(self, world: "World", host: Host) -> None:
        self.world, self.host = world, host
        world.scheduler.start(host, "tick", self._run)

    def _run(self) -> None:
        while True:
            try:
                self._tick()
            except LedgerError:
                self.world.scheduler.say(self.host.name, "has no ledger")
            self.world.scheduler.pause(TICK)

    def _tick(self) -> None:
        world = self.world
        setbacks.mend(world.ledger)
        if leases.hold(world.ledger, "clock", self.host.name, CLOCK_LIFE):
            world.hold_clock(self.host.name, world.scheduler.now + int(CLOCK_LIFE.total_seconds() * SECOND))
            tasks.plan_looks(world.ledger, sorted(ASKABLE))
            world.ring()
