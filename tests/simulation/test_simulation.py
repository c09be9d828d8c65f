"""Is the simulation worth its name? The same in another process, shrunk where it fails, and the same on PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import tests.simulation.world
from tests.servers import Postgres
from tests.simulation.ledger import Bench, sqlite_bench
from tests.simulation.runs import report, run, shrink
from tests.simulation.seeds import keep_promises
from tests.simulation.world import FAULTS, Plan, World

QUICK = (*range(7), 8, 44, 51, 55, 77)  # chosen so that each of those bugs shows in one at least
FEW = range(6)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with sqlite_bench(tmp_path_factory.mktemp("simulated")) as bench:
        yield bench


def test_quick__a_few_seeds(bench: Bench) -> None:
    """A dozen seeds hold every promise; each seeded bug of the ledger that tests/mutants knows breaks one in them."""
    keep_promises(QUICK, bench, fired=frozenset())


def test_postgresql__keeps_the_same_promises(postgres: Postgres, tmp_path: Path) -> None:
    """What holds on SQLite holds on PostgreSQL."""
    name = postgres.create()
    bench = Bench(postgres.url(name), tmp_path)
    try:
        keep_promises(FEW, bench, fired=frozenset())
    finally:
        bench.close()
        postgres.drop(name)


def test_same_seed_same_trace__in_any_process(bench: Bench) -> None:
    """A seed's trace is the same to the byte whatever PYTHONHASHSEED says, and another seed's is another."""
    command = (sys.executable, "-m", "tests.simulation", "7")
    said = [
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    ours = run(Plan(7), bench)
    assert ours.digest in said[0]
    assert ours.digest != run(Plan(8), bench).digest


def test_in_peace__nothing_goes_wrong(bench: Bench) -> None:
    """Without a mishap every promise holds, nothing is stopped or dies, and files are archived."""
    archived = 0
    for seed in FEW:
        found = run(Plan(seed, faults=frozenset()), bench)
        assert (None, set()) == (found.broken, found.fired)
        archived += found.ends["archived"]
        assert not [line for line in found.trace if "dies at" in line or "is stopped" in line]
    assert len(FEW) <= archived


def test_failure__is_shrunk_and_can_be_repeated(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken promise comes with the fewest mishaps that break it, the end of the trace and the command to see it."""
    monkeypatch.setattr(tests.simulation.world, "PEACE", 30.0)
    monkeypatch.setattr(World, "_is_quiet", lambda world: not world.checks.audited)
    found = run(Plan(3), bench)
    small = shrink(found, bench)
    assert small.broken
    assert small.plan == replace(Plan(3), tasks=1, faults=frozenset())
    assert report(small).endswith("again: python -m tests.simulation 3 --tasks 1 --faults none")
    assert small.trace == run(small.plan, bench).trace
    assert FAULTS == Plan(3).faults
