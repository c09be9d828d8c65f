"""
Keep a stack busy, have its processes die as the plan says, and start again at once what died, as a supervisor does.

A kill counts when something was in hand: the failpoint's log line names it, or the place is one that nothing passes
without it, or the ledger says so. Claims that nobody ends are counted by the service itself, and a file that was in
hand four times in a row is set aside; so no file is let die with more than three processes. One worker is never armed.
"""

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.servers import Server
from tests.system.chaos.ledger import View
from tests.system.chaos.load import Load
from tests.system.chaos.plan import Kill, Plan
from tests.system.chaos.stack import LEASE, Killable, Life, Stack, end

_REACHED: Final = re.compile(r"failpoint\.reached failpoint=(\S+) action=(\S+) about=?(\S*)")
# Nothing comes by these without a body, a transfer, a claim or an errand in hand, though no id is known there.
_BUSY_PLACES: Final = {"receiver.received", "receiver.rung", "worker.fetching", "worker.beating", "errand.taken"}
_RARE: Final = {
    "worker.found", "worker.kept", "worker.relinked", "worker.ending", "worker.retrying", "order.begun",
    "order.answered",
}  # fmt: skip
_PUT: Final = {"worker.put", "worker.proved", "worker.manifested", "worker.archiving"}
_ARMED_WITH: Final = 3  # places at a time, and the rare ones beside
_MOST_DEATHS: Final = 3  # of processes in a row with one file in hand
_PATIENCE: Final = 12.0  # seconds an armed process is given to come by its place
_TICK: Final = 0.03
_SIGNALS: Final = {
    "worker": signal.SIGKILL, "worker's group": signal.SIGKILL, "worker, asked to end": signal.SIGTERM,
    "worker, stopped": signal.SIGSTOP, "web": signal.SIGKILL, "web, stopped": signal.SIGSTOP, "clock": signal.SIGKILL,
}  # fmt: skip


class Driver:
    """One run on one stack. *clocks* is how many stand by each other."""

    def __init__(self, stack: Stack, view: View, load: Load, plan: Plan, rng: random.Random, *, clocks: int) -> None:
        self._stack = stack
        self._view = view
        self._load = load
        self._plan = plan
        self._rng = rng
        self._slots = ["web", "worker-1", "worker-2", "worker-3", *(f"clock-{n}" for n in range(1, clocks + 1))]
        self._lives: dict[str, Life] = {}
        self._born: dict[str, float] = {}
        self._count: Counter[str] = Counter()
        self._asked: dict[str, float] = {}  # owners that were told to die, and since when
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._next_other = 0.0
        self._next_haste = 0.0
        self._known_pids: set[str] = set()
        self.surprises: list[str] = []  # processes that ended without being killed; what did not come in time

    def run(self, seconds: float) -> None:
        """Make every kill of the plan; those for which *seconds* did not suffice are a surprise."""
        self._until(lambda: self._plan.is_done, seconds, "kills")

    def drain(self, seconds: float) -> None:
        """Kill nobody any more, and let what was begun come to its end."""
        self._plan.drop_rest()
        self._until(self._is_quiet, seconds, "end")

    def _is_quiet(self) -> bool:
        if self._later or len(self._lives) < len(self._slots) or any(self._view.owed().values()):
            return False
        return self._load.is_answered()

    def start(self) -> None:
        """The first life: web's, as it makes the ledger."""
        self._begin("web")

    def stop(self) -> None:
        for life in self._lives.values():
            life.send(signal.SIGCONT)
            life.send(signal.SIGTERM)
        for life in self._lives.values():
            with suppress(Exception):
                life.process.wait(5)
            end(life)

    def _until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        limit = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > limit:
                rest = {name: owed for name, owed in self._plan.points.items() if owed}
                rest |= {"others": self._plan.others} if self._plan.others else {}
                self.surprises.append(f"{what}: not within {seconds:.0f} s; {rest}; in the ledger {self._view.owed()}")
                return
            self._tick()
            time.sleep(_TICK)

    def _tick(self) -> None:
        now = time.monotonic()
        for name, life in list(self._lives.items()):
            self._watch(name, life)
        for due, act in list(self._later):
            if due <= now:
                self._later.remove((due, act))
                act()
        for name in self._slots:
            if name not in self._lives and self._may_begin(name):
                self._begin(name)
        if now >= self._next_haste:
            self._view.hasten(LEASE)
            self._next_haste = now + 2
        if now >= self._next_other and self._other():
            self._next_other = now + self._rng.uniform(0.2, 0.8)

    # --- lives ------------------------------------------------------------------------------------------------------

    def _may_begin(self, name: str) -> bool:
        return not (self._is_victim(name) and self._plan.of("worker")) or self._spares(1)

    def _spares(self, more: int) -> bool:
        """Whether no file can be in hand too often, were all armed workers and *more* others to die with it."""
        alive = {life.owner for life in self._lives.values()}
        # A death is counted once its lease is over.
        worst = max(
            (count + (owner is not None and owner not in alive) for count, owner in self._view.blamed()), default=0
        )
        armed = sum(life.kind == "worker" and bool(life.arms) for life in self._lives.values())
        return worst + armed + more <= _MOST_DEATHS

    @staticmethod
    def _is_victim(name: str) -> bool:
        return name in {"worker-1", "worker-2"}

    def _begin(self, name: str) -> None:
        self._count[name] += 1
        arms = self._arms(name)
        self._lives[name] = self._stack.start(name, self._count[name], arms, slots=4 if self._is_victim(name) else 2)
        self._born[name] = time.monotonic()

    def _arms(self, name: str) -> dict[str, str]:
        kind = name.partition("-")[0]
        if kind == "worker" and not self._is_victim(name):
            return {}
        owed = self._plan.of(kind)
        after_put = [each for each in owed if each in _PUT]
        is_found_owed = "worker.found" in owed
        if is_found_owed:
            # Nothing is found but what somebody put and did not live to archive: that is worker-1's part.
            owed = [each for each in owed if each not in _PUT]
        chosen = self._rng.sample(owed, min(len(owed), _ARMED_WITH)) + [each for each in owed if each in _RARE]
        arms = {each: self._plan.points[each][0] for each in chosen}
        if name == "worker-1" and is_found_owed:
            point = self._rng.choice(after_put or ["worker.put"])
            arms = {point: (self._plan.points.get(point) or ["kill"])[0]}
        return arms

    def _watch(self, name: str, life: Life) -> None:
        code = life.process.poll()
        for line in life.lines():
            if found := _REACHED.search(line):
                self._reached(life, *found.groups())
        asked = self._asked.get(life.owner)
        if code is None:
            if asked is not None and time.monotonic() - asked > 10:
                self.surprises.append(f"{life.owner} did not end")
                end(life)
            elif life.arms and asked is None and time.monotonic() - self._born[name] > _PATIENCE:
                self._born[name] = time.monotonic()
                self._hit("worker" if life.kind == "worker" else life.kind, life)
            return
        end(life)
        del self._lives[name]
        if asked is None:
            self.surprises.append(f"{life.owner} ended by itself with {code}")

    def _reached(self, life: Life, point: str, number: str, about: str) -> None:
        assets = self._view.in_hand(life.owner) if life.kind == "worker" else []
        life.arms.pop(point, None)
        busy = bool(about) or point in _BUSY_PLACES or bool(self._view.waiting())
        ids = (about,) if about else tuple(assets)
        kill = Kill(point, number, time.time(), ids, life.kind == "worker")
        self._account(life, kill, assets, counts=busy)

    def _account(self, life: Life, kill: Kill, assets: list[str], *, counts: bool) -> None:
        """The process was killed, asked to end, or stopped."""
        if counts:
            self._plan.count(kill)
        else:
            self._plan.uncounted += 1
        if kill.signal == "SIGSTOP":
            self._at(1.3 * LEASE, lambda: life.send(signal.SIGCONT))
        else:
            self._asked[life.owner] = time.monotonic()

    def _at(self, seconds: float, act: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, act))

    # --- at seeded times --------------------------------------------------------------------------------------------

    def _other(self) -> bool:
        """Make the next kill that is owed at a seeded time, if something is in hand; else put it last."""
        if not self._plan.others:
            return False
        what = self._plan.others.pop(0)
        if what == "probe child":
            is_made = self._kill_probe()
        elif what.startswith("S3"):
            is_made = self._kill_server(what, self._stack.store)
        elif what == "Redis":
            is_made = self._kill_server(what, self._stack.redis)
        else:
            able = [life for life in self._lives.values() if what.startswith(life.kind)]
            is_made = bool(able) and self._hit(what, self._rng.choice(able))
        if not is_made:
            self._plan.others.append(what)
        return is_made

    def _hit(self, what: str, life: Life) -> bool:
        """Send the signal of *what* to *life*, if it has something in hand."""
        if life.owner in self._asked:
            return False
        assets = self._view.in_hand(life.owner) if life.kind == "worker" else []
        if life.kind == "worker" and not (assets and self._spares(0 if life.arms else 1)):
            return False
        if life.kind == "web" and not self._load.pending:
            return False
        if life.kind == "clock" and not self._view.waiting():
            return False
        number = _SIGNALS[what]
        if what == "worker's group":
            with suppress(ProcessLookupError):
                os.killpg(life.process.pid, number)
        else:
            life.send(number)
        kill = Kill(what, number.name, time.time(), tuple(assets), life.kind == "worker")
        self._account(life, kill, assets, counts=True)
        return True

    def _kill_server(self, what: str, server: Killable) -> bool:
        about = [asset for name in self._lives for asset in self._view.in_hand(self._lives[name].owner)]
        if not about or any(getattr(act, "__self__", None) is server for _, act in self._later):
            return False
        if "stopped" in what and isinstance(server, Server):
            server.freeze()
            self._at(self._rng.uniform(0.5, 1.5), server.thaw)
            number = "SIGSTOP"
        else:
            server.stop()
            self._at(self._rng.uniform(0.1, 2.0), server.start)  # long enough for a file to be kept
            number = "SIGKILL"
        self._plan.count(Kill(what, number, time.time(), tuple(about)))
        return True

    def _kill_probe(self) -> bool:
        """A child that decodes, found by whose child it is."""
        workers = {str(life.process.pid): life for life in self._lives.values() if life.kind == "worker"}
        pids = {entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()}
        self._known_pids &= pids
        for pid in sorted(pids - self._known_pids):
            try:
                state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if parent not in workers:
                self._known_pids.add(pid)
            elif b"workers.media_child" in command and state != "Z":
                about = tuple(self._view.in_hand(workers[parent].owner))
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
                    self._plan.count(Kill("probe child", "SIGKILL", time.time(), about))
                    return True
        return False
