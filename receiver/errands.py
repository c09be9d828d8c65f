"""What must come to its end although nobody waits for the answer any more: an order that is under way costs money."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_log = logging.getLogger("receiver.errands")


class Errands:
    """Runs coroutines that neither a caller who hangs up nor the end of the server's patience cancels."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, errand: Coroutine[Any, Any, T], source: str) -> T:
        task = asyncio.create_task(errand, name=source)
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def finish(self, seconds: float) -> int:
        """
        Wait for those under way; return how many were given up.

        What they ordered may exist, and nobody will hear of it where the provider calls nobody: a person has to look.
        """
        if not self._running:
            return 0
        _, late = await asyncio.wait(self._running, timeout=seconds)
        for task in late:
            task.cancel()
            _log.error("order.given_up", extra={"source": task.get_name()})
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # heard by its caller, or by nobody: no news either way
