"""A few threads that work while there is work, and sleep until somebody says there is more."""

import logging
import threading
from collections.abc import Callable

from archive.errors import LedgerError

_log = logging.getLogger(__name__)


class Pool:
    """
    *size* threads around one piece of work.

    `work` does one thing and returns True, or returns False because nothing is due. It is handed a function to call
    once it has found something to do: that wakes one more thread, so one wake-up is enough for any backlog.
    """

    def __init__(self, name: str, size: int, work: Callable[[Callable[[], None]], bool]) -> None:
        self._name = name
        self._work = work
        self._trouble: str | None = None  # why the ledger could not be had
        self._size = size
        self._calls = 0  # wake-ups nobody has taken yet
        self._busy = 0
        self._stopping = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._run, name=f"{name}-{n}", daemon=True) for n in range(size)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Have one more thread look for work, if one is free."""
        with self._changed:
            self._calls = min(self._calls + 1, self._size)
            self._changed.notify()

    def wait_free(self, timeout: float) -> bool:
        """Wait until a thread is free; False where none was within *timeout* seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._busy < self._size or self._stopping, timeout)

    @property
    def busy(self) -> int:
        return self._busy

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def close(self) -> None:
        """Start nothing new."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def stop(self, timeout: float) -> bool:
        """Start nothing new; True where everything that ran has ended within *timeout* seconds."""
        self.close()
        with self._changed:
            return self._changed.wait_for(lambda: self._busy == 0, timeout)

    def _note_ledger(self, trouble: str | None) -> None:
        """Say once that the ledger is away, and once that it is back."""
        with self._changed:
            was, self._trouble = self._trouble, trouble
        if trouble and not was:
            _log.warning("pool.ledger_unavailable", extra={"pool": self._name, "reason": trouble})
        elif was and not trouble:
            _log.info("pool.ledger_back", extra={"pool": self._name})

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._calls or self._stopping)
                if self._stopping:
                    return
                self._calls -= 1
                self._busy += 1
            try:
                while not self._stopping and self._work(self.wake):
                    pass
                self._note_ledger(None)
            except LedgerError as exc:
                self._note_ledger(exc.reason)
            except Exception:  # a thread must not die of one bad piece of work
                _log.exception("pool.work_failed")
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()
