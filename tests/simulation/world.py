"""One seed: a few sources, tasks and processes, mishaps for some minutes, then peace until all work is done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from archive.errors import LedgerError
from archive.identity import delivery_id
from archive.ledger import claims, deliveries, operator, suspects, targets
from archive.ledger.claims import Claim
from archive.ledger.deliveries import Received
from archive.model import Outcome, Progress, Verdict
from archive.statements import state
from archive.suspects import REASON
from tests.builders import target
from tests.doubles import Crash
from tests.simulation.invariants import UNCLAIMED, Ledger, Writer
from tests.simulation.ledger import Bench
from tests.simulation.machines import ASKABLE, KEYED, OPEN, SOURCES, ClockMachine, Machine
from tests.simulation.outside import Made, Outside, SimulatedSpool, SimulatedStore
from tests.simulation.promises import must
from tests.simulation.scheduler import SECOND, Host, Scheduler

FAULTS = frozenset({
    "api", "clock", "crash", "freeze", "host", "late", "ledger", "lost", "operator", "poison", "reply", "repeat",
    "spool", "store", "swap", "target", "worst",
})  # fmt: skip
TROUBLE = 40.0  # seconds of mishaps
PEACE = 6 * 3600.0  # seconds after which everything must be done
AFTERWARDS = 40.0  # seconds in which whoever was stopped goes on, too late
_INSIDE = {  # failpoints within a transaction: whoever waited there would hold the ledger's lock
    "receiver.writing", "worker.intending", "worker.archiving", "worker.retrying", "worker.ending", "worker.beating",
    "poll.recording",
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What decides a run: with the same plan every run is the same."""

    seed: int
    tasks: int = 2
    faults: frozenset[str] = FAULTS

    @property
    def command(self) -> str:
        words = f"python -m tests.simulation {self.seed}"
        if self.tasks != Plan.tasks:
            words += f" --tasks {self.tasks}"
        return words if self.faults == FAULTS else f"{words} --faults {','.join(sorted(self.faults)) or 'none'}"


@dataclass
class Post:
    """A callback on its way to us, and how often its sender will still try."""

    task: Made
    item: Received
    tries: int
    is_acked: bool = False
    commits: int = 0


@dataclass
class World:
    """Everything of one run."""

    plan: Plan
    bench: Bench
    told: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.plan.seed, self.plan.faults)
        self.bench.empty()
        self.ledger = self.bench.ledger
        self.scheduler.clock = self.bench.clock
        self.scheduler.clock.now = self.scheduler.start_at
        self.caps = {KEYED: 2, OPEN: 2}
        self.outside = Outside(self.scheduler, ASKABLE)
        self.store = SimulatedStore()
        self.store.scheduler = self.scheduler
        self.per_host = self.scheduler.random.choice((None, None, 1))
        self.spools: dict[str, SimulatedSpool] = {}
        self.checks = Ledger(
            self.bench.rows, self.scheduler, self.outside, self.store, self.spools, self.caps, self._keeps
        )
        self.store.intended = lambda key, digest: (key, digest) in self.checks.intended
        self.machines: list[Machine] = []
        self.clocks: dict[str, int] = {}
        self.posts: list[Post] = []
        self.targets = [target()] if self.scheduler.random.random() < 0.3 else []
        self._on_its_way = 0  # callbacks
        self._born = 0
        self._writer: Writer | None = None
        self.scheduler.buried = self._buried

    # What happens around each transaction and at each failpoint.

    def _before(self) -> None:
        self.pause(0.02)
        if self.scheduler.current is not None and self.scheduler.chance("worst", 0.02):
            # Until just after the lease, so that somebody else takes over just before this write.
            self.freeze(self.scheduler.current.host, self.scheduler.random.uniform(12, 20))
            self.pause(0.0)
        if self.scheduler.chance("ledger", 0.01):
            raise LedgerError("ledger_unavailable")

    def _committing(self) -> None:
        if self.scheduler.chance("ledger", 0.01):
            raise LedgerError("ledger_unavailable")

    def _committed(self) -> None:
        self.checks.check(self._writer or self._author())
        if self.scheduler.chance("ledger", 0.01):
            raise LedgerError("ledger_unavailable")

    def _author(self) -> Writer:
        work = self.scheduler.current
        if work is None:
            return Writer("other")
        thread = work.name.rsplit(".", 1)[-1]
        if thread.startswith("slot"):
            claim = work.about
            if isinstance(claim, Claim):
                return Writer("transfer", work.host.name, claim)
            [machine] = [machine for machine in self.machines if machine.host is work.host]
            return Writer("take", work.host.name, avoid=machine.hosts.avoided)
        return Writer({"look": "poll", "beat": "beat", "tick": "clock"}.get(thread, "other"), work.host.name)

    def reached(self, name: str, about: str = "") -> None:
        """Stands in for `archive.failpoints.reached`: each place is one to die at, most are one to be stopped at."""
        if self.scheduler.chance("crash", 0.012):
            raise Crash(name)
        if name == "worker.fetched" and self.outside.films[about].is_poison:
            raise Crash(f"{name} {about[:6]}")
        if name not in _INSIDE and self.scheduler.current is not None and self.scheduler.chance("freeze", 0.015):
            self.freeze(self.scheduler.current.host, self.scheduler.random.uniform(5, 40))
            self.pause(0.0)

    def pause(self, most: float) -> None:
        self.scheduler.pause(self.scheduler.random.uniform(0, most))

    def note(self, claim: Claim | None) -> None:
        if self.scheduler.current is not None:
            self.scheduler.current.about = claim

    def freeze(self, host: Host, seconds: float) -> None:
        host.frozen_until = max(host.frozen_until, self.scheduler.now + int(seconds * SECOND))
        self.scheduler.say(host.name, f"is stopped for {seconds:.3f} s")

    # Our processes.

    def start_machine(self, spool: str) -> None:
        self._born += 1
        if spool not in self.spools:
            self.spools[spool] = SimulatedSpool(self.bench.folder / spool, spool, self.scheduler)
        self.machines.append(Machine(self, Host(f"{spool}.{self._born}")))

    def _buried(self, host: Host) -> None:
        """Somebody starts another; a supervisor that lives tells the ledger of the death."""
        self.machines = [machine for machine in self.machines if machine.host is not host]
        self.clocks.pop(host.name, None)
        random = self.scheduler.random
        if random.random() < 0.5:
            died = partial(suspects.died, self.ledger, host.name, "killed_by_sigkill")
            self.scheduler.after(random.uniform(0.1, 3), partial(self._step, "died", died, host.name))
        elif random.random() < 0.3:
            release = partial(claims.release, self.ledger, host.name)
            self.scheduler.after(random.uniform(0.1, 3), partial(self._step, "release", release))
        if host.name.startswith("w"):
            self.scheduler.after(random.uniform(0.5, 10), partial(self.start_machine, host.name.partition(".")[0]))
        else:
            self.scheduler.after(random.uniform(0.5, 10), partial(self.start_clock, host.name + "+"))

    def _keeps(self, owner: str, asset: str) -> bool:
        return any(machine.host.name == owner and machine.keeps(asset) for machine in self.machines)

    def start_clock(self, name: str) -> None:
        ClockMachine(self, Host(name))

    def hold_clock(self, name: str, until: int) -> None:
        others = [other for other, end in self.clocks.items() if other != name and end > self.scheduler.now]
        must(not others, "one clock at a time", name, others)
        self.clocks[name] = until
        self.scheduler.say(name, "is the clock")

    def ring(self) -> None:
        for machine in self.machines:
            if not self.scheduler.chance("lost", 0.5):
                machine.wake()

    def _step(self, kind: str, act: Callable[[], object], owner: str | None = None) -> None:
        """One step of somebody who is no worker: it happens at once, or dies."""
        self._writer = Writer(kind, owner)
        try:
            act()
        except (Crash, LedgerError) as exc:
            self.scheduler.say(kind, f"fails: {exc}")
        finally:
            self._writer = None

    # Providers calling, and an operator.

    def _plan_task(self, number: int) -> None:
        random = self.scheduler.random
        name = KEYED if random.random() < 0.5 else OPEN
        task = self.outside.make(
            name, f"t{number}", ends_in=random.uniform(0, 20), outputs=random.choice((1, 1, 2)),
            is_failed=random.random() < 0.1, life=random.choice((60.0, 240.0, 1200.0)),
        )  # fmt: skip
        ends_in = (task.ends_at - self.scheduler.clock.now).total_seconds()
        verdicts = (Verdict.SIGNED_BODY, Verdict.SIGNED_BODY, Verdict.SIGNED_ID, Verdict.TOKEN, Verdict.UNSIGNED)
        said = [(Progress.FAILED if task.is_failed else Progress.SUCCEEDED, ends_in + random.uniform(0, 5), "")]
        if self.scheduler.chance("repeat", 0.3):  # out of order, or late news of the past
            said.append((Progress.RUNNING, ends_in + random.uniform(-30, 60), ""))
        if not task.is_failed and self.scheduler.chance("repeat", 0.2):  # taken back, or a success after all
            said.append((Progress.FAILED, ends_in + random.uniform(-20, 40), ""))
        if self.scheduler.chance("repeat", 0.3):  # the same files by links that were signed anew
            said.append((said[0][0], ends_in + random.uniform(0, 60), "&again=1"))
        for progress, at, query in said:
            self._plan_post(task, progress, at, query, random.choice(verdicts))

    def _plan_post(self, task: Made, progress: Progress, at: float, query: str, verdict: Verdict) -> None:
        random = self.scheduler.random
        event = self.outside.event(task, progress, query=query)
        body = f"{task.source} {task.task_id} {progress} {query} {verdict}".encode()
        statement = state(task.source, SOURCES[task.source], event, verdict, "delivery")
        item = Received(
            delivery_id(task.source, body, None), task.source, self.scheduler.clock.now, body, "{}", verdict,
            Outcome.ACCEPTED, None, task.task_id, statement,
        )  # fmt: skip
        post = Post(task, item, tries=random.choice((1, 3, 5)))
        self.posts.append(post)
        self._send(post, at)
        if self.scheduler.chance("repeat", 0.4):
            for _ in range(random.choice((1, 2))):
                self._send(post, at + random.uniform(0, 50))

    def _send(self, post: Post, seconds: float) -> None:
        self._on_its_way += 1
        self.scheduler.after(max(0.0, seconds), partial(self._deliver, post))

    def _deliver(self, post: Post) -> None:
        """The receiver's part. A sender that hears no 2xx tries again, if it still cares."""
        batch = [post.item] * (2 if self.scheduler.chance("repeat", 0.1) else 1)
        self._writer = Writer("receiver")
        commits = self.checks.commits
        post.tries -= 1
        self._on_its_way -= 1
        try:
            receipts, due = deliveries.record(self.ledger, batch)
        except (Crash, LedgerError) as exc:
            self.scheduler.say("receiver", f"{post.item.id[:6]} fails: {exc}")
            post.commits += len(batch) * (self.checks.commits - commits)
            if post.tries > 0:
                self._send(post, self.scheduler.random.uniform(1, 30))
            return
        finally:
            self._writer = None
        known = post.commits > 0
        must(
            [Outcome.DUPLICATE if known or place else Outcome.ACCEPTED for place in range(len(batch))]
            == [receipt.outcome for receipt in receipts],
            "a delivery counts once, however often it comes", post.item.id, known, receipts,
        )  # fmt: skip
        post.commits += len(batch)
        post.is_acked = True
        self.scheduler.say("receiver", f"{post.item.id[:6]} {receipts[0].outcome} of {post.task.task_id} {due}")
        if due:
            self.ring()

    def _operate(self) -> None:
        random = self.scheduler.random
        if self.scheduler.chance("operator", 0.5):
            name = random.choice((KEYED, OPEN))
            self._step("operator", partial(operator.pause, self.ledger, name, paused=True, actor="op"))
            resume = partial(operator.pause, self.ledger, name, paused=False, actor="op")
            self.scheduler.after(random.uniform(5, 60), partial(self._step, "operator", resume))
        elif self.scheduler.chance("operator", 0.7) and self.checks.assets:
            key = random.choice(sorted(self.checks.assets))
            self._step("operator", partial(operator.retry, self.ledger, key, "op"))

    def _mishap(self) -> None:
        """Something happens to somebody, whatever he is doing."""
        random = self.scheduler.random
        if self.machines:
            host = random.choice(self.machines).host
            if self.scheduler.chance("crash", 0.4):
                self.scheduler.say(host.name, "is killed")
                self.scheduler.bury(host)
            elif self.scheduler.chance("freeze", 0.4):
                self.freeze(host, random.uniform(1, 40))
        if self.scheduler.chance("store", 0.3):
            self.store.away = True
            self.scheduler.after(random.uniform(1, 40), partial(setattr, self.store, "away", False))
        if self.scheduler.chance("clock", 0.15):
            seconds = random.choice((3.0, 90.0, 300.0))
            self.scheduler.say("world", f"sets the clock back by {seconds} s")
            self.scheduler.set_back(seconds)
            self.clocks.clear()

    # The run.

    def run(self) -> None:
        random = self.scheduler.random
        self.ledger.before, self.ledger.committing, self.ledger.committed = (
            self._before, self._committing, self._committed,
        )  # fmt: skip
        faults, self.scheduler.faults = self.scheduler.faults, frozenset()
        claims.register_sources(self.ledger, self.caps)
        if self.targets:
            targets.register_targets(self.ledger, self.targets)
        self.scheduler.faults = faults
        for number in range(self.plan.tasks):
            self._plan_task(number)
        for number in range(random.choice((1, 2, 3))):
            self.start_machine(f"w{number + 1}")
        for name in ("c1", "c2"):
            self.start_clock(name)
        for instant in sorted(random.uniform(0, TROUBLE) for _ in range(4)):
            self.scheduler.after(instant, self._mishap)
        for instant in sorted(random.uniform(0, TROUBLE) for _ in range(2)):
            self.scheduler.after(instant, self._operate)
        self.scheduler.after(1.0, self._watch)
        self.scheduler.run(lambda: False, TROUBLE)
        self._make_peace()
        if self.scheduler.run(self._is_quiet, PEACE):
            self.scheduler.run(lambda: False, AFTERWARDS)
        self._conclude()

    def _make_peace(self) -> None:
        self.scheduler.say("world", "makes peace")
        self.scheduler.faults = frozenset()
        self.store.away = False
        for name in (KEYED, OPEN):
            self._step("operator", partial(operator.pause, self.ledger, name, paused=False, actor="op"))

    def _is_quiet(self) -> bool:
        checks = self.checks
        waits = any(row.state == "waiting" for row in checks.assets.values())
        return not (
            self._on_its_way or waits or checks.owed_at is not None or checks.look_at is not None or not self.machines
        )

    def _watch(self) -> None:
        """Nothing that is due is forgotten while somebody could take it."""
        now, scheduler = self.checks.now, self.scheduler
        for row in self.checks.assets.values():
            if row.due_at is None or row.due_at + UNCLAIMED > now:
                continue
            since = scheduler.now - (now - row.due_at)
            for machine in self.machines:
                is_alone = scheduler.now - self.checks.suspected_at < UNCLAIMED
                empty = scheduler.now if machine.is_holding else machine.empty_since
                free = max(
                    since,
                    machine.free_since,
                    empty if is_alone else 0,
                    machine.host.frozen_until,
                    self.checks.blocked_at.get(row.source, 0),
                )
                waited = scheduler.now - free
                must(
                    not (machine.is_awake and machine.idle and waited > UNCLAIMED),
                    "nothing is due and unclaimed while somebody free is awake", row, machine.host.name, waited,
                )  # fmt: skip
        scheduler.after(5.0, self._watch)

    def _conclude(self) -> None:
        """What must be true when all is done."""
        must(self._is_quiet(), "everything comes to an end", sorted(self.checks.assets.values()), self.checks.owed_at)
        must(not any(machine.is_holding for machine in self.machines), "nobody holds what is done")
        repeats = dict(self.bench.rows("SELECT id, repeats FROM deliveries"))
        for post in self.posts:
            if post.commits:
                must(repeats.get(post.item.id) == post.commits - 1, "each repeat is counted", post, repeats)
            statement = post.item.statement
            if post.is_acked and statement is not None and statement.event.outputs:
                for film in post.task.films:
                    must(film.asset_id in self.checks.assets, "what was acked is an asset", post.task, film.asset_id)
        for row in self.checks.assets.values():
            self._ended(row.id, row.state, row.reason)
        still = self.bench.rows(f"SELECT task_id FROM tasks WHERE state = 'open' AND source = '{KEYED}'")  # noqa: S608
        must(not still, "no task that can be asked about stays open", still)
        owed = self.bench.rows("SELECT state, count(*) FROM notifications GROUP BY state")
        must({state for state, _ in owed} <= {"delivered"}, "whoever listens hears of each end", owed)

    def _ended(self, key: str, state: str, reason: str | None) -> None:
        film = self.outside.films[key]
        if state == "archived":
            must(not film.is_poison, "what kills who reads it is not archived", key)
            return
        if state == "lost":
            must(film.refused, "lost is what its host refused", key)
            must(film.output.link.path.startswith(f"/{OPEN}/"), "what can be had anew is not lost", key, reason)
            return
        excused = film.is_swapped or reason in {"not_trusted", REASON}
        must(excused, "quarantine has a cause", key, state, reason)

    def end(self) -> None:
        for machine in list(self.machines):
            machine.host.is_alive = False
            self.scheduler.buried = lambda _host: None
            self.scheduler.bury(machine.host)
