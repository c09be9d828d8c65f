"""What each landing runs: two stacks, a hundred kills each, and the table of them for whoever reads along."""

import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from archive.failpoints import NAMES
from tests.system.chaos.run import report, run

KILLS: Final = 102  # on each of two stacks; the two together hit each failpoint four times
SEED: Final = 6
BUDGET: Final = 330.0  # seconds, of the six minutes of a landing that this suite may take


def check_kills(folder: Path, config: pytest.Config, *, durable: bool) -> None:
    """Run one stack's share, print its table even where all is well, and fail where a promise is broken."""
    result = run(folder, durable=durable, kills=KILLS, seed=SEED + durable, limit=BUDGET - 60)
    said = f"{report(result)}\n{result.seconds:.0f} s of {BUDGET:.0f} s, which is the budget\n"
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        sys.stdout.write(f"\n{said}\n")
    assert [] == result.broken
    assert [] == result.surprises
    assert len(result.kills) >= KILLS
    at = Counter(kill.where for kill in result.kills)
    assert [] == [name for name in NAMES if at[name] < 2]
