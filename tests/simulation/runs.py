"""One run of a plan, from an empty ledger to the end of all work; the smallest plan that fails alike; a report."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType, SimpleNamespace
from unittest import mock

import archive.ledger.announcements
import workers.archive_asset
import workers.file_hosts
import workers.look
import workers.runtime
import workers.store_rests
from archive.ledger import claims, deliveries, looks, results
from tests.simulation.ledger import Bench
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.world import Plan, World
from workers.probe import Film

_FOLLOWED: tuple[ModuleType, ...] = (
    claims, deliveries, looks, results, workers.archive_asset, workers.runtime, workers.look,
)  # fmt: skip
_SEEN = Film(1.0, 320, 180, "h264", None, 25.0)


@dataclass
class Run:
    """What a run came to. `broken` is the promise that did not hold."""

    plan: Plan
    trace: list[str]
    broken: str | None
    fired: set[str]
    ends: Counter[str]
    commits: int

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


@contextmanager
def _virtual(world: World) -> Iterator[None]:
    """Put *world* where the real code has the process's own clock, chance, ids, failpoints and media child."""
    random = world.scheduler.random
    threads = SimpleNamespace(Lock=threading.Lock, get_ident=world.scheduler.ident)
    with (
        mock.patch.multiple(workers.runtime, _utc_now=world.ledger.clock, random=random),
        mock.patch.object(archive.ledger.announcements, "token_hex", lambda size: random.randbytes(size).hex()),
        mock.patch.object(workers.archive_asset, "probe", return_value=_SEEN),
        mock.patch.object(workers.file_hosts, "threading", threads),
        mock.patch.object(workers.store_rests, "threading", threads),
    ):
        before = [module.__dict__["reached"] for module in _FOLLOWED]
        for module in _FOLLOWED:
            module.__dict__["reached"] = world.reached
        try:
            yield
        finally:
            for module, reached in zip(_FOLLOWED, before, strict=True):
                module.__dict__["reached"] = reached


def run(plan: Plan, bench: Bench) -> Run:
    """One run of *plan* on *bench*, from an empty ledger to the end of all work."""
    world = World(plan, bench)
    broken = None
    with _virtual(world):
        try:
            world.run()
        except BrokenPromiseError as exc:
            broken = str(exc)
        finally:
            world.end()
    ends = Counter(row.state for row in world.checks.assets.values())
    return Run(plan, world.scheduler.trace, broken, world.scheduler.fired, ends, world.checks.commits)


def shrink(found: Run, bench: Bench) -> Run:
    """The same promise broken by less: fewer kinds of mishap, fewer tasks."""
    is_shrinking = True
    while is_shrinking:
        is_shrinking = False
        plan = found.plan
        smaller = [replace(plan, tasks=plan.tasks - 1)] if plan.tasks > 1 else []
        smaller += [replace(plan, faults=plan.faults - {fault}) for fault in sorted(plan.faults & found.fired)]
        smaller += [replace(plan, faults=frozenset(found.fired))] if plan.faults - found.fired else []
        for candidate in smaller:
            tried = run(candidate, bench)
            if tried.broken and tried.broken.partition(":")[0] == (found.broken or "").partition(":")[0]:
                found, is_shrinking = tried, True
                break
    return found


def report(found: Run, lines: int = 40) -> str:
    """What a person needs: the promise, the last of the trace, and how to see it again."""
    return "\n".join([f"broken: {found.broken}", *found.trace[-lines:], f"again: {found.plan.command}"])
