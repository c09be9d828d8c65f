"""
Make the films of a task and put them on the file host, each encoded for itself: its name is its seed.

Encoding runs in threads of its own, because FFmpeg lets go of the interpreter lock and the servers must
keep answering.
"""

import asyncio
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from simulator.films import make_film
from simulator.world import Reel, Task, World

_ENCODERS: Final = 2  # each keeps about one core busy


class Studio:
    """Encodes films, two at a time, and enters each in the journal before anyone can hear of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._encoders = ThreadPoolExecutor(_ENCODERS, thread_name_prefix="encoder")

    async def shoot(self, task: Task) -> None:
        """Make the results of *task*, and the decoy if its plan has an attacker offer one."""
        if task.plan.outcome == "success":
            names = [f"{task.id}.mp4"]
            if task.route == "market":
                names = [f"{task.id}_{index}.mp4" for index in range(task.plan.outputs)]
            task.reels = [await self._shoot(task, name, index) for index, name in enumerate(names)]
        if any(step.say == "swapped_url" for step in task.plan.steps):
            task.decoys = [await self._shoot(task, f"decoy_{task.id}.mp4", 0, decoy=True)]

    def close(self) -> None:
        """Take no more work, and wait for none."""
        self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _shoot(self, task: Task, name: str, index: int, *, decoy: bool = False) -> Reel:
        plan = task.plan
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
        make = partial(make_film, self._world.settings.films / name, layout=plan.layout, size=plan.size, seed=seed)
        film = await asyncio.get_running_loop().run_in_executor(self._encoders, make)
        self._world.journal.write(
            "decoy" if decoy else "film",
            task_id=task.id,
            name=name,
            index=index,
            size=film.size,
            sha256=film.sha256,
            layout=film.layout,
            route=task.route,
            corrupt=plan.corrupt,
        )
        if plan.corrupt == "truncated" and not decoy:
            os.truncate(film.path, film.size * 2 // 3)
        reel = Reel(name, film, task, decoy)
        self._world.reels[name] = reel
        return reel
