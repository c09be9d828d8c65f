"""Questions to a ledger that gives no answer: nobody waits for long, and they do not pile up (F16)."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from archive.errors import LedgerError
from receiver.asking import PATIENCE, ROOM, ask


@pytest.fixture
def stopped() -> Iterator[threading.Event]:
    """A ledger that answers once the event is set."""
    answers = threading.Event()
    yield answers
    answers.set()


def test_ask__no_answer(stopped: threading.Event) -> None:
    """Two hundred who ask a ledger that is stopped are all told so in time, by few threads; then it answers again."""

    async def one() -> float:
        began = time.monotonic()
        with pytest.raises(LedgerError, match="ledger_slow"):
            await ask(stopped.wait)
        return time.monotonic() - began

    async def story() -> float:
        waits = await asyncio.gather(*(one() for _ in range(200)))
        asking = [thread for thread in threading.enumerate() if thread.name.startswith("asking")]
        assert len(asking) <= ROOM
        stopped.set()
        assert "back" == await ask(lambda: "back")
        return max(waits)

    assert asyncio.run(story()) < PATIENCE + 0.4


def test_ask__a_failure_is_the_askers() -> None:
    """What the ledger raises reaches whoever asked, and frees the room."""

    def fail() -> None:
        raise LedgerError("ledger_unavailable")

    async def story() -> None:
        for _ in range(2 * ROOM):
            with pytest.raises(LedgerError, match="ledger_unavailable"):
                await ask(fail)

    asyncio.run(story())
