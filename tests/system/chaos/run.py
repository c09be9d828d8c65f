"""One run from its seed to its verdict."""

import os
import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.system.chaos import witnesses
from tests.system.chaos.driver import Driver
from tests.system.chaos.ledger import View
from tests.system.chaos.load import Load
from tests.system.chaos.oracle import World, judge, percentile
from tests.system.chaos.plan import Kill, Plan, draw, table
from tests.system.chaos.stack import LEASE, TAKEOVER, stack_on
from tests.system.harness import wait_for

_MOST = 6  # tasks and assets in work at a time


@dataclass(frozen=True)
class Result:
    """What a run was and what it found."""

    name: str
    seed: int
    kills: list[Kill]
    uncounted: int
    outcomes: dict[int, str]
    seen: World
    broken: list[str]
    surprises: list[str]
    seconds: float


def run(folder: Path, *, durable: bool, kills: int, seed: int, limit: float) -> Result:
    """Kill *kills* times within *limit* seconds, let all come to its end, and judge."""
    started = time.monotonic()
    rng = random.Random(seed)
    plan = draw(rng, kills)
    with stack_on(folder, durable=durable) as stack:
        view = View(stack.ledger)
        load = Load(stack.provider, stack.url, random.Random(rng.random()), most=_MOST, backlog=lambda: _backlog(view))
        driver = Driver(stack, view, load, plan, rng, clocks=2 if durable else 1)
        driver.start()
        try:
            wait_for("the ledger is there", lambda: _has_ledger(view))
            load.start()
            try:
                driver.run(limit)
            finally:
                load.stop()
            driver.drain(90)
            seen = witnesses.world(stack, view, load.acked, plan.made)
            told = witnesses.outcomes(plan.made, seen, view.audit())
        finally:
            driver.stop()
            load.close()
            view.close()
    name = "PostgreSQL, S3 with versions and conditional puts" if durable else "SQLite, the embedded store"
    seconds = time.monotonic() - started
    return Result(name, seed, plan.made, plan.uncounted, told, seen, judge(seen), driver.surprises, seconds)


def report(result: Result) -> str:
    """Ready to be pasted: Markdown."""
    seen, counts = result.seen, result.seen.takeovers
    archived = sum(entry.subject == "asset" and entry.now == "archived" for entry in seen.audit)
    objects = sum(not version.is_manifest for version in seen.versions)
    facts = (
        f"Commit {_commit()}, {os.cpu_count()} cores, {result.seconds:.0f} s. {len(seen.promises)} acknowledged tasks, "
        f"{archived} assets archived, {objects} object versions, {len(seen.told)} notifications heard; "
        f"{result.uncounted} kills did not count."
    )
    speed = (
        f"With leases of {LEASE} s killed work was taken up after {percentile(counts, 0.5):.1f} s (median), "
        f"{percentile(counts, 0.99):.1f} s (p99) and {max(counts, default=0):.1f} s (most) of {len(counts)} times; "
        f"{TAKEOVER:.0f} s are allowed, which is 30 s with leases of 12 s, looked for every 5 s."
    )
    title = f"### {result.name}: {len(result.kills)} kills, seed {result.seed}"
    ends = "Broken promises: none." if not result.broken else "Broken promises:\n"
    lines = [title, "", facts, "", speed, "", *table(result.kills, result.outcomes), "", ends]
    lines += [f"- {line}" for line in result.broken]
    lines += [f"- remarked: {line}" for line in seen.remarks]
    lines += [f"- not as planned: {line}" for line in result.surprises]
    return "\n".join((*lines, ""))


def _backlog(view: View) -> int:
    owed = view.owed()
    return owed["assets"] + owed["tasks"]


def _has_ledger(view: View) -> bool:
    try:
        return view.owed() is not None
    except Exception:  # not made yet, whatever the database calls that
        return False


def _commit() -> str:
    said = subprocess.run(("git", "rev-parse", "--short", "HEAD"), capture_output=True, text=True, check=False)  # noqa: S607
    return said.stdout.strip() or "unknown"


__all__ = ["Plan", "Result", "report", "run"]
