"""
The group-committing door to the ledger: deliveries that wait together share one commit.

While one commit runs, whatever arrives collects for the next one, so a slow disk makes larger batches, not a longer
queue. A batch that fails is replayed one by one, so that a hostile delivery harms only itself.

What it holds is bounded in number and in bytes: beyond that a sender is asked to come again, before anything is made of
what he sent.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from archive.errors import LedgerError
from archive.failpoints import reached
from archive.ledger import deliveries
from archive.ledger.database import Database
from archive.ledger.deliveries import Receipt, Received

MAX_BATCH = 256
MAX_WAITING = 4096  # deliveries in memory; above, the sender is asked to come again
MAX_HELD = 64 << 20  # bytes of their bodies, from the last one's arrival until they are committed; likewise
PATIENCE = 1.8  # seconds a sender waits for its commit; two after its callback it has been asked to come again
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Waiting:
    received: Received
    receipt: "asyncio.Future[Receipt]"


class Intake:
    """
    Commit deliveries in batches.

    Args:
        db: the ledger.
        on_due: called on the event loop after a commit that left work to be done.
    """

    def __init__(self, db: Database, on_due: Callable[[], None]) -> None:
        self._db = db
        self._on_due = on_due
        self._waiting: list[_Waiting] = []
        self._held = 0  # bytes
        self._arrived = asyncio.Event()
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """
        Count a body of *size* bytes while something is made of it, which `submit` takes over.

        Raises:
            LedgerError: `receiver_busy`; there are too many, and this is not the only one.
        """
        if self._held and self._held + size > MAX_HELD:
            raise LedgerError("receiver_busy")
        self._held += size
        try:
            yield
        finally:
            self._held -= size

    async def submit(self, received: Received) -> Receipt:
        """
        Return once *received* is committed to disk.

        Raises:
            LedgerError: it may not be committed; a repeat is harmless either way.
        """
        if self._stopping or len(self._waiting) >= MAX_WAITING:
            raise LedgerError("receiver_busy")
        receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(received, receipt))
        self._held += _size(received)
        self._arrived.set()
        try:
            async with asyncio.timeout(PATIENCE):
                return await receipt
        except TimeoutError:
            raise LedgerError("ledger_slow") from None

    async def run(self) -> None:
        """Commit batch after batch until `stop`, then what still waits."""
        loop = asyncio.get_running_loop()
        while not self._stopping or self._waiting:
            await self._arrived.wait()
            self._arrived.clear()
            while batch := self._waiting[:MAX_BATCH]:
                del self._waiting[: len(batch)]
                # A sender that gave up is still served: its delivery may never come again.
                received = [item.received for item in batch]
                outcomes, due = await loop.run_in_executor(self._thread, self._commit, received)
                self._held -= sum(map(_size, received))
                if due:
                    self._on_due()
                for item, outcome in zip(batch, outcomes, strict=True):
                    if item.receipt.done():
                        continue
                    if isinstance(outcome, Receipt):
                        item.receipt.set_result(outcome)
                    else:
                        item.receipt.set_exception(outcome)
        self._thread.shutdown()

    def stop(self) -> None:
        """Take no more deliveries; `run` ends when the last one is committed."""
        self._stopping = True
        self._arrived.set()

    def _commit(self, batch: Sequence[Received]) -> tuple[list[Receipt | LedgerError], int]:
        """Commit *batch*; return what became of each, and how much is due."""
        try:
            receipts, due = deliveries.record(self._db, batch)
        except LedgerError as exc:
            _log.warning("intake.not_committed", extra={"size": len(batch), "reason": exc.reason})
            return [exc] * len(batch), 0
        except Exception as exc:  # whatever a value can do to a driver: find out whose value it was
            _log.warning("intake.batch_failed", extra={"size": len(batch), "reason": type(exc).__name__})
            singly = [self._commit_one(item) for item in batch]
            return [outcome for outcome, _ in singly], sum(due for _, due in singly)
        reached("receiver.committed", batch[0].id)
        return list(receipts), due

    def _commit_one(self, item: Received) -> tuple[Receipt | LedgerError, int]:
        """Commit one delivery of a failed batch; the one to blame is kept raw, quarantined."""
        for candidate in (item, item.quarantined("not_storable")):
            try:
                [receipt], due = deliveries.record(self._db, [candidate])
            except LedgerError as exc:
                return exc, 0
            except Exception as exc:
                _log.warning("intake.delivery_failed", extra={"delivery": item.id, "reason": type(exc).__name__})
            else:
                return receipt, due
        return LedgerError("not_storable"), 0


def _size(received: Received) -> int:
    """Bytes, about: what was made of a body is smaller than it."""
    return len(received.body) + len(received.headers)
