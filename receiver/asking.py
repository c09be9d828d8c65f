"""
Ask the ledger something on the way to an answer that must not be late.

A database that is stopped keeps whoever asked it waiting, in a thread that nobody can end. So a question is left to its
thread when its time is over, and there are only so many of those: while all wait, nothing more is asked.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from anyio.lowlevel import RunVar

from archive.errors import LedgerError

PATIENCE = 1.5  # seconds; what else an answer takes must fit into two
ROOM = 32  # questions at a time, those included that nobody waits for any more

T = TypeVar("T")
_threads = ThreadPoolExecutor(ROOM, thread_name_prefix="asking")
_room: RunVar[asyncio.Semaphore] = RunVar("ledger_room")  # of one event loop


async def ask(question: Callable[..., T], *about: object) -> T:
    """
    What *question* gives, asked in a thread. It must be one that may also be answered when nobody listens any more.

    Raises:
        LedgerError: not in time.
    """
    room = _room.get(None)
    if room is None:
        room = asyncio.Semaphore(ROOM)
        _room.set(room)
    try:
        async with asyncio.timeout(PATIENCE):
            await room.acquire()
            asked = asyncio.get_running_loop().run_in_executor(_threads, question, *about)
            asked.add_done_callback(lambda _asked: room.release())
            return await asyncio.shield(asked)
    except TimeoutError:
        raise LedgerError("ledger_slow") from None
