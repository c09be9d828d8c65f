"""
Deadlines under load: `python -m tests.simulation.load` plays hours of transfers against links that die.

Arrivals, sizes, deadlines and failures come from a seed, and are the same for each policy. Ours is the order of
`archive.ledger.urgency`, which the state machine beside this compares with `claims.take` at each claim. A file is saved
if a transfer that does not fail starts while the file can be had.

The bound: no schedule whatever, clairvoyant or preemptive, saves more. It drops what makes the problem hard, each of
which can only help: every file is there from the start, all slots together work on one file, no attempt fails, no cap
holds. What is left, one machine and a deadline (last start plus service) each, Moore and Hodgson's rule (J. M. Moore,
1968) solves exactly: by deadline, and whenever one is late, drop the longest so far.
"""

import argparse
import heapq
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import RowMapping

from archive.ledger.urgency import urgency
from archive.providers import PROVIDERS
from archive.providers.kie import STORAGE_LIFE
from archive.schedule import next_try
from tests.doubles import START
from workers.outcome import MIN_TRIES

HOURS = 3.0  # of arrivals; then silence until all is done
SLOTS, CAP = 8, 6  # transfers at a time in all, and of one source
MEAN = 40.0  # seconds of a slot for a file: about 60 MB at 1.5 MB/s
REFUSAL = 0.5  # seconds of a slot for a link that is dead
FAILS = 0.03  # of the attempts break off half-way
LOADS = (50, 70, 90, 100, 120, 200, 400)  # per cent
POLICIES = ("ours", "fifo", "saveable")
_SHORT, _DAY = PROVIDERS["seedanceapi"].LINK_LIFE, PROVIDERS["acedata"].LINK_LIFE
_KIE = PROVIDERS["kie"].LINK_LIFE
# Sources, and how long a file of theirs can be had; each has the same share of the arrivals. kie with a key has its
# links signed anew. In the second no link outlives 20 minutes, so that no order has much to choose from.
MIXES: Mapping[str, Mapping[str, timedelta]] = {
    "documented": {"kie": STORAGE_LIFE, "kie-without-key": _KIE, "seedanceapi": _SHORT, "acedata": _DAY},
    "short": {"kie-without-key": _KIE, "seedanceapi": _SHORT},
}


@dataclass
class Job:
    """One file. Instants are seconds since the start; `chances` decide its attempts' failures."""

    id: int
    source: str
    arrives: float
    service: float
    must_by: float
    chances: random.Random = field(repr=False)
    tries: int = 0


def arrivals(seed: int, load: int, mix: str) -> list[Job]:
    """Poisson arrivals of files whose transfers take log-normal times, at *load* per cent of what the slots can do."""
    chance = random.Random(f"{seed} {load} {mix}")
    rate = load / 100 * SLOTS / MEAN
    jobs, now = list[Job](), 0.0
    while (now := now + chance.expovariate(rate)) < HOURS * 3600:
        source, life = chance.choice(tuple(MIXES[mix].items()))
        service = chance.lognormvariate(0, 0.8) * MEAN / 1.3771  # whose mean is e^0.32
        chances = random.Random(chance.random())
        jobs.append(Job(len(jobs), source, now, service, now + life.total_seconds(), chances))
    return jobs


class Queue:
    """What is due, source by source, in the order of *policy*."""

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self._due: defaultdict[str, list[tuple[Any, int, Job]]] = defaultdict(list)
        self._late: defaultdict[str, list[tuple[Any, int, Job]]] = defaultdict(list)

    def add(self, job: Job) -> None:
        row = cast("RowMapping", {"must_by": job.must_by, "id": job.id})
        key = (job.arrives, job.id) if self._policy == "fifo" else urgency(row)
        heapq.heappush(self._due[job.source], (key, job.id, job))

    def take(self, running: Mapping[str, int], now: float) -> Job | None:
        free = [source for source, number in running.items() if number < CAP]
        if self._policy == "saveable":
            for source in free:
                while self._due[source] and self._due[source][0][2].must_by < now:
                    heapq.heappush(self._late[source], heapq.heappop(self._due[source]))
        for queues in (self._due, self._late):
            if heads := [queues[source] for source in free if queues[source]]:
                return heapq.heappop(min(heads, key=lambda queue: queue[0]))[2]
        return None


def lost(seed: int, load: int, policy: str, mix: str = "documented") -> tuple[int, int]:
    """How many files of how many are lost under *policy*."""
    jobs = arrivals(seed, load, mix)
    events: list[tuple[float, int, Job, str]] = [(job.arrives, job.id, job, "due") for job in jobs]
    queue, running, gone = Queue(policy), dict.fromkeys(MIXES[mix], 0), 0
    while events:
        now, _, job, what = heapq.heappop(events)
        if what == "due":
            queue.add(job)
        else:
            running[job.source] -= 1
            if what == "again":
                at = next_try(
                    now=START + timedelta(seconds=now), attempts=job.tries - 1,
                    must_by=START + timedelta(seconds=job.must_by), spread=job.chances.random(),
                )  # fmt: skip
                heapq.heappush(events, ((at - START).total_seconds(), job.id, job, "due"))
            gone += what == "lost"
        while sum(running.values()) < SLOTS and (taken := queue.take(running, now)):
            running[taken.source] += 1
            heapq.heappush(events, _attempt(taken, now))
    return gone, len(jobs)


def _attempt(job: Job, now: float) -> tuple[float, int, Job, str]:
    """When this attempt ends, and how."""
    job.tries += 1
    if now > job.must_by:
        return now + REFUSAL, job.id, job, "lost" if job.tries >= MIN_TRIES else "again"
    if job.chances.random() < FAILS:
        return now + job.service / 2, job.id, job, "again"
    return now + job.service, job.id, job, "saved"


def bound(seed: int, load: int, mix: str = "documented") -> int:
    """How many files no schedule whatever could save (see above)."""
    jobs = sorted(arrivals(seed, load, mix), key=lambda job: job.must_by + job.service)
    longest: list[float] = []
    work = 0.0
    for job in jobs:
        heapq.heappush(longest, -job.service)
        work += job.service / SLOTS
        if work > job.must_by + job.service:
            work += heapq.heappop(longest) / SLOTS
    return len(jobs) - len(longest)


def table(seeds: Sequence[int], mix: str) -> Iterator[str]:
    """Losses in per cent of all files, over *seeds*, for each load."""
    lives = ", ".join(f"{source} {life // timedelta(minutes=1)} min" for source, life in MIXES[mix].items())
    yield f"\n{mix}: {lives}\n"
    yield "| load | files | bound | ours | saveable first | FIFO |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for load in LOADS:
        found = {policy: [lost(seed, load, policy, mix) for seed in seeds] for policy in POLICIES}
        files = sum(number for _, number in found["ours"])
        share = {policy: 100 * sum(gone for gone, _ in runs) / files for policy, runs in found.items()}
        least = 100 * sum(bound(seed, load, mix) for seed in seeds) / files
        yield (
            f"| {load} % | {files} | {least:.2f} % | {share['ours']:.2f} % | {share['saveable']:.2f} % |"
            f" {share['fifo']:.2f} % |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.load")
    parser.add_argument("--seeds", type=int, default=10)
    seeds = range(parser.parse_args().seeds)
    for mix in MIXES:
        for line in table(seeds, mix):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
