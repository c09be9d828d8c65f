"""Seeds 0 to 99: the ledger under mishaps, its promises checked at each commit. F02 F05 F17 F24 F25 F67 F78."""

from collections.abc import Iterator

import pytest

from tests.simulation.ledger import Bench, sqlite_bench
from tests.simulation.seeds import keep_promises

FIFTY = 50  # seeds, so that none of the tests comes near a test's time limit


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with sqlite_bench(tmp_path_factory.mktemp("simulated")) as bench:
        yield bench


@pytest.mark.parametrize("first", range(0, 100, FIFTY))
def test_seeds__every_promise_holds_after_every_commit(bench: Bench, first: int) -> None:
    """Whatever crashes, freezes, repeats or gets lost, no promise is broken, and most assets are archived."""
    ends = keep_promises(range(first, first + FIFTY), bench)
    assert ends["archived"] > ends["lost"] + ends["quarantined"]
