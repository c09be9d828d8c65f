"""Wake-ups are rung off the path of the answer (F12)."""

import threading
import time
from datetime import timedelta

from archive.ledger.database import Database
from tests.doubles import FakeClock, SilentBell
from tests.receiver.house import open_house


class StuckBell(SilentBell):
    """A Redis that is stopped: whoever rings waits, until the event is set."""

    def __init__(self) -> None:
        super().__init__()
        self.freed = threading.Event()

    def ring(self, *, everyone: bool = False) -> bool:
        super().ring(everyone=everyone)
        return self.freed.wait(10)


def test_deliver__while_redis_is_stuck(small_db: Database, clock: FakeClock) -> None:
    """No callback waits for the bell, however long it hangs, and one ring at a time hangs in it."""
    bell = StuckBell()
    with open_house(small_db, clock, bell=bell) as house:
        began = time.monotonic()
        assert [200] * 20 == [house.deliver("asked", task_id=f"t{n}").status_code for n in range(20)]
        took = timedelta(seconds=time.monotonic() - began)
        assert took < timedelta(seconds=8)
        assert 1 == bell.rung
        bell.freed.set()
