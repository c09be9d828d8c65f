"""Run a range of seeds in a test, and tell of the first that breaks a promise in the fewest words."""

import logging
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.simulation.ledger import Bench
from tests.simulation.runs import report, run, shrink
from tests.simulation.world import FAULTS, Plan

RARE = frozenset({"api", "poison", "reply", "swap", "target"})  # fifty seeds may do without


def keep_promises(seeds: Iterable[int], bench: Bench, *, fired: frozenset[str] = FAULTS - RARE) -> Counter[str]:
    """
    Run *seeds*; fail with a shrunk trace and the command that repeats it where a promise is broken, or where a kind of
    mishap in *fired* never happened. Return how many assets came to which end.
    """
    ends, seen = Counter[str](), set[str]()
    logging.disable(logging.CRITICAL)  # what goes wrong on purpose fills no report
    try:
        for seed in seeds:
            found = run(Plan(seed), bench)
            if found.broken:
                pytest.fail(f"seed {seed}\n{report(shrink(found, bench))}", pytrace=False)
            ends += found.ends
            seen |= found.fired
    finally:
        logging.disable(logging.NOTSET)
    assert set() == fired - seen
    return ends
