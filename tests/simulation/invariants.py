"""
What must hold after every commit, whoever made it. Read past all code of ours, compared with the rows before it.

Each promise is a method or a `must` with its own words, so that a failure says which one was broken.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archive.ledger.claims import NOTHING, Claim
from archive.ledger.heads import Avoid
from archive.ledger.schema import EPOCH, MICROSECOND
from archive.suspects import ALONE, REASON, SUSPECT, pause_after
from tests.simulation.ledger import Rows
from tests.simulation.outside import Outside, SimulatedSpool, SimulatedStore, origin_of
from tests.simulation.promises import must
from tests.simulation.scheduler import Scheduler

LEASE = 12_000_000  # microseconds
UNCLAIMED = 30_000_000  # how long an asset may be due while somebody free is awake
_ARROWS: dict[str, set[tuple[str | None, str]]] = {
    "asset": {
        (None, "waiting"), (None, "quarantined"), ("waiting", "archived"), ("waiting", "quarantined"),
        ("waiting", "lost"), ("quarantined", "waiting"), ("lost", "waiting"),
    },
    "task": {
        (None, "open"), ("open", "succeeded"), ("open", "failed"), ("open", "gone"), ("failed", "succeeded"),
        ("gone", "succeeded"),
    },
    "source": {("running", "paused"), ("paused", "running")},
}  # fmt: skip
_OBSERVED = {"link_conflict", "callback_claimed_other_files", "other_bytes_served"}


class Row(NamedTuple):
    """An asset, as far as promises are made about it. Instants are microseconds since 1970."""

    id: str
    source: str
    state: str
    due_at: int | None
    owner: str | None
    fence: int
    attempts: int
    must_by: int
    sha256: str | None
    key: str | None
    version_id: str | None
    reason: str | None
    crashes: int
    kept_in: str | None
    link_expires_at: int


_ASSETS = f"SELECT {', '.join(Row._fields)} FROM assets ORDER BY id"  # noqa: S608


@dataclass(frozen=True)
class Writer:
    """Who commits: `kind` is what it may do. `claim` is the transfer's own, `avoid` are hosts that a taker shuns."""

    kind: str
    owner: str | None = None
    claim: Claim | None = None
    avoid: Avoid = NOTHING


@dataclass
class Ledger:
    """The rows after the last commit, and what was true of them."""

    rows: Rows
    scheduler: Scheduler
    outside: Outside
    store: SimulatedStore
    spools: Mapping[str, SimulatedSpool]
    caps: Mapping[str, int]
    keeps: Callable[[str, str], bool]  # whether an owner has been well for a lease, and holds the asset
    assets: dict[str, Row] = field(default_factory=dict)
    states: dict[tuple[str, str], str] = field(default_factory=dict)  # by subject, from the audit log alone
    look_at: int | None = None  # of the task that is to be looked at first
    owed_at: int | None = None  # the notification or errand that is due first
    blocked_at: dict[str, int] = field(default_factory=dict)  # when a source was last at its cap or paused
    paused: set[str] = field(default_factory=set)
    claimed_at: dict[str, int] = field(default_factory=dict)
    suspected_at: int = -UNCLAIMED  # when an asset last waited that is worked on alone
    intended: set[tuple[str | None, str | None]] = field(default_factory=set)
    audited: int = 0
    counts: tuple[int, ...] = (0, 0, 0, 0)
    commits: int = 0

    @property
    def now(self) -> int:
        return (self.scheduler.clock.now - EPOCH) // MICROSECOND

    def due(self) -> bool:
        return any(row.due_at is not None and row.due_at <= self.now for row in self.assets.values())

    def is_owed(self) -> bool:
        return self.owed_at is not None and self.owed_at <= self.now

    def check(self, writer: Writer) -> None:
        """Everything, after a commit of *writer*."""
        self.commits += 1
        before, paused = self.assets, self.paused
        self.assets = {row[0]: Row(*row) for row in self.rows(_ASSETS)}
        self.paused = {name for (name,) in self.rows("SELECT name FROM sources WHERE paused")}
        self._audit()
        changed = [row for key, row in self.assets.items() if before.get(key) != row]
        for row in changed:
            self._say(writer, before.get(row.id), row)
            said = self.states.get(("asset", row.id))
            must(said == row.state, "a state and its audit entry are one step", "asset", row.id, said, row.state)
        if any(row.state == "waiting" and row.crashes >= SUSPECT for row in self.assets.values()):
            self.suspected_at = self.scheduler.now
        held = [row for row in before.values() if row.owner is not None and row.owner == writer.owner]
        before = {key: self._counted(writer, row) for key, row in before.items()}
        for row in self.assets.values():
            if (old := before.get(row.id)) != row:
                self._changed(writer, old, row, before, held, paused)
        self._counts()
        self._sources()

    def _audit(self) -> None:
        query = f'SELECT id, subject, subject_id, was, "now", reason FROM audit WHERE id > {self.audited} ORDER BY id'  # noqa: S608
        for number, subject, key, was, now, reason in self.rows(query):
            self.audited = number
            known = self.states.get((subject, key), "running" if subject == "source" else None)
            must(was == known, "each audit entry follows the one before it", subject, key, known, was, now)
            if was == now:
                must(reason in _OBSERVED, "an entry without a transition is an observation", subject, key, reason)
            else:
                must((was, now) in _ARROWS[subject], "states move along the arrows only", subject, key, was, now)
            must((subject, now, was) != ("asset", "archived", "archived"), "nothing is archived twice", key)
            self.states[subject, key] = now
            self.scheduler.say("audit", f"{subject} {key[:6]} {was} -> {now} {reason or ''}")

    def _counts(self) -> None:
        query = "SELECT (SELECT count(*) FROM sources), (SELECT count(*) FROM deliveries)"
        query += ", (SELECT min(due_at) FROM notifications), (SELECT min(due_at) FROM outbox)"
        [(sources, deliveries, *owed)] = self.rows(query)
        self.owed_at = min((at for at in owed if at is not None), default=None)
        tasks = self.rows("SELECT id, state, look_at FROM tasks")
        for key, state, _ in tasks:
            said = self.states.get(("task", key))
            must(said == state, "a state and its audit entry are one step", "task", key, said, state)
        self.look_at = min((look for _, _, look in tasks if look is not None), default=None)
        counts = (sources, deliveries, len(tasks), len(self.assets))
        must(all(map(int.__ge__, counts, self.counts)), "nothing that was taken in disappears", self.counts, counts)
        self.counts = counts

    def _sources(self) -> None:
        for name, cap in self.caps.items():
            if name in self.paused or self._running(self.assets, name) >= cap:
                self.blocked_at[name] = self.scheduler.now

    def _running(self, assets: Mapping[str, Row], source: str) -> int:
        return sum(
            row.source == source and row.owner is not None and row.due_at is not None and row.due_at > self.now
            for row in assets.values()
        )

    def _counted(self, writer: Writer, row: Row) -> Row:
        """*row* as it must be when somebody has looked for work, or said who died: no claim is left that is over."""
        is_over = writer.kind == "take" and row.due_at is not None and row.due_at <= self.now
        is_dead = writer.kind == "died" and row.owner == writer.owner
        if row.state != "waiting" or row.owner is None or not (is_over or is_dead):
            return row
        must(not self.keeps(row.owner, row.id), "a claim is not taken from who keeps it alive", row)
        if is_over and row.owner == writer.owner:
            return row._replace(owner=None, due_at=self.now)
        crashes = row.crashes + 1
        pause = pause_after(crashes)
        if pause is None:
            return row._replace(owner=None, due_at=None, crashes=crashes, state="quarantined", reason=REASON)
        return row._replace(owner=None, due_at=self.now + pause // MICROSECOND, crashes=crashes)

    def _changed(
        self, writer: Writer, old: Row | None, row: Row, before: Mapping[str, Row], held: list[Row], paused: set[str]
    ) -> None:
        must((row.state == "waiting") == (row.due_at is not None), "what waits is due, and nothing else", row)
        must(row.owner is None or row.state == "waiting" or writer.kind == "operator", "an end frees the claim", row)
        if row.state == "archived":
            self._stands(row)
        self.intended.add((row.key, row.sha256))
        if old is None:
            return
        must(row.reason != REASON, "only a claim that nobody ended counts as a crash", writer, old, row)
        must(writer.kind == "beat" or row.crashes in {0, old.crashes}, "nobody else counts crashes", writer, old, row)
        if row.state == "lost" and old.kept_in is not None:
            spoiled = self.spools[old.kept_in].spoiled
            must(row.id in spoiled, "what is kept is not lost", old, row)
        must(old.state != "archived" or self._result(old) == self._result(row), "nothing is archived twice", old, row)
        must(row.fence >= old.fence, "a fence never goes back", old, row)
        if row.fence > old.fence:
            self._claimed(writer, old, row, before, held, paused)
        elif writer.kind == "transfer":
            claim = writer.claim
            must(claim is not None and claim.asset_id == row.id, "a worker writes to its own asset", claim, row)
            must(claim is not None and claim.fence == old.fence, "an old fence writes nothing", claim, old, row)
        elif writer.kind == "beat":
            if row.crashes < old.crashes:
                must(old._replace(crashes=old.crashes - 1) == row, "who lives takes back one crash", old, row)
                return
            must(old.owner == writer.owner, "a heartbeat keeps what is its own", writer.owner, old, row)
            back = old._replace(owner=None, due_at=self.now)
            must(row in (back, old._replace(due_at=row.due_at)), "a heartbeat moves only the lease", old, row)
        elif writer.kind == "clock":
            must(old._replace(due_at=row.due_at) == row, "the clock moves only what is planned", old, row)
            must(self.now <= (row.due_at or 0) < (old.due_at or 0), "the clock brings it forward, up to now", old, row)
        elif writer.kind in {"receiver", "poll"} and old.owner is not None and old.state == "waiting":
            kept = (old.due_at, old.owner, old.fence) == (row.due_at, row.owner, row.fence)
            must(kept, "news takes no claim from its owner", old, row)

    def _claimed(
        self, writer: Writer, old: Row, row: Row, before: Mapping[str, Row], held: list[Row], paused: set[str]
    ) -> None:
        now, self.claimed_at[row.id] = self.now, self.now
        must(writer.kind == "take", "only a claim raises the fence", writer, old, row)
        is_due = old.owner is None and old.due_at is not None and old.due_at <= now
        must(is_due, "one live claim at most", old, row, now)
        must(row.fence == old.fence + 1, "a claim raises the fence by one", old, row)
        must((row.owner, row.due_at) == (writer.owner, now + LEASE), "a claim is its taker's for one lease", row, now)
        must(row.source not in paused, "a paused source gets no new claim", row)
        must(self._running(before, row.source) < self.caps[row.source], "caps hold", row)
        free = [name for name, cap in self.caps.items() if name not in paused and self._running(before, name) < cap]
        rivals = [r for r in before.values() if r.source in free and self._may_be_taken(r, writer.avoid)]
        first = min(rivals, key=lambda r: r.must_by)
        if held and self._is_alone(first):
            rivals = [r for r in rivals if r.crashes < SUSPECT]
        least = min((r.must_by for r in rivals), default=None)
        must(row.must_by == least, "the earliest deadline is served first", row, rivals)
        must(not (held and self._is_alone(old)), "a suspect is worked on alone", row, held)
        alone = [r for r in held if r.crashes >= SUSPECT and now - self.claimed_at[r.id] < ALONE // MICROSECOND]
        must(not alone, "who works on a suspect takes nothing else", row, alone)

    def _is_alone(self, row: Row) -> bool:
        """Whether it is a suspect, and has not waited for too long for somebody with nothing else in hand."""
        return row.crashes >= SUSPECT and self.now - (row.due_at or 0) < ALONE // MICROSECOND

    def _may_be_taken(self, row: Row, avoid: Avoid) -> bool:
        if row.due_at is None or row.due_at > self.now or row.owner is not None:
            return False
        host = origin_of(f"/{row.source}/")
        dies_soon = 0 < row.link_expires_at - self.now < avoid.patience // MICROSECOND
        return row.kept_in is not None or not (host in avoid.busy or (host in avoid.resting and not dies_soon))

    def _stands(self, row: Row) -> None:
        """What the ledger calls archived stands once, whole, with a manifest that names it."""
        promise = "archived means one object version, and a manifest that names it"
        must(row.key is not None and row.sha256 is not None, promise, row)
        facts = self.store.facts(row.key or "", row.id)
        must(facts == (row.sha256, row.version_id), promise, row, facts)

    @staticmethod
    def _result(row: Row) -> tuple[Any, ...]:
        return row.state, row.sha256, row.key, row.version_id

    def _say(self, writer: Writer, old: Row | None, row: Row) -> None:
        was = (old.state, old.fence, old.owner) if old else None
        due = None if row.due_at is None else (row.due_at - self.now) / 1e6
        self.scheduler.say(
            f"{writer.kind}:{writer.owner or ''}",
            f"{row.id[:6]} {was} => {row.state} fence {row.fence} owner {row.owner} due in {due} {row.reason or ''}",
        )
