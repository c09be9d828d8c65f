"""`python -m tests.simulation 17` repeats one seed and shows its trace; `--seeds 20000` runs many in all processors."""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.simulation.ledger import sqlite_bench
from tests.simulation.runs import Run, report, run, shrink
from tests.simulation.world import FAULTS, Plan


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="one seed, with its whole trace")
    parser.add_argument("--seeds", type=int, default=1000, help="how many, without a seed")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--tasks", type=int, default=Plan.tasks)
    parser.add_argument("--faults", default=",".join(sorted(FAULTS)), help="kinds of mishap, or none")
    wanted = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    faults = frozenset(wanted.faults.split(",")) & FAULTS
    if wanted.seed is not None:
        [found] = runs([Plan(wanted.seed, wanted.tasks, faults)])
        _say("\n".join(found.trace))
        _say(f"{found.digest}\n{found.broken or 'every promise held'}")
        return 1 if found.broken else 0
    plans = [Plan(seed, wanted.tasks, faults) for seed in range(wanted.first, wanted.first + wanted.seeds)]
    share = -(-len(plans) // (4 * (os.cpu_count() or 1)))
    started, ends, commits, broken = time.monotonic(), Counter[str](), 0, 0
    with ProcessPoolExecutor() as pool:
        for some in pool.map(summarised, [plans[at : at + share] for at in range(0, len(plans), share)]):
            ends += some.ends
            commits += some.commits
            broken += len(some.reports)
            for text in some.reports:
                _say(text)
    seconds = time.monotonic() - started
    _say(f"{len(plans)} seeds from {wanted.first}: {commits} commits checked, {dict(sorted(ends.items()))}")
    _say(f"{broken} broken promises, {seconds:.0f} s")
    return 1 if broken else 0


class Summary:
    """What many runs came to, small enough to be handed between processes."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self.commits = 0
        self.reports: list[str] = []


def summarised(plans: Sequence[Plan]) -> Summary:
    """Run *plans*; shrink and tell of the first few that break a promise."""
    summary = Summary()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, sqlite_bench(Path(folder)) as bench:
        for plan in plans:
            found = run(plan, bench)
            summary.ends += found.ends
            summary.fired.update(found.fired)
            summary.commits += found.commits
            if found.broken:
                summary.reports.append(report(shrink(found, bench) if len(summary.reports) < 2 else found))
    return summary


def runs(plans: Sequence[Plan]) -> list[Run]:
    """Run *plans* on one ledger; each is left as it was found."""
    with tempfile.TemporaryDirectory() as folder, sqlite_bench(Path(folder)) as bench:
        return [run(plan, bench) for plan in plans]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
