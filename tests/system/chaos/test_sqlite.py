"""The other half of the kills of every landing: SQLite and the embedded store. See `docs/reliability.md`."""

from pathlib import Path

import pytest

from tests.system.chaos.suite import check_kills

pytestmark = pytest.mark.system


@pytest.mark.timeout(400)
def test_kills__lose_nothing_on_sqlite(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """
    After 100 kills each acknowledged file stands, whole, named by one manifest, or has a named end (F01 to F06, F10).

    Every failpoint is among them twice at least; each transition is one audit entry, each archived file is told of.
    """
    check_kills(tmp_path, pytestconfig, durable=False)
