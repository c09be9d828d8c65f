"""
Make the files of a task and put them on the file host, each encoded for itself: its name is its seed.

Encoding runs in threads of its own, because FFmpeg lets go of the interpreter lock and the servers must
keep answering.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from simulator.films import make_film
from simulator.media import SHELVES, Film, Media
from simulator.plan import Plan
from simulator.routes import ROUTES
from simulator.sounds import make_sound
from simulator.stills import make_still
from simulator.world import Reel, Role, Task, World

_ENCODERS: Final = 2  # each keeps about one core busy
_COMPANION: Final = 50_000  # bytes of a last frame or a cover, about


class Studio:
    """Encodes files, two at a time, and enters each in the journal before anyone can hear of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._encoders = ThreadPoolExecutor(_ENCODERS, thread_name_prefix="encoder")

    async def shoot(self, task: Task) -> None:
        """Make the results of *task*, and the decoys if its plan has an attacker offer some."""
        if task.plan.outcome == "success":
            task.reels = [await self._shoot(task, *wanted) for wanted in _wanted(task)]
        if any(step.say in {"swapped_url", "forged_task"} for step in task.plan.steps):
            name = f"decoy_{task.id}.{task.media}"
            task.decoys = [await self._shoot(task, name, task.media, "result", 0, decoy=True)]

    def close(self) -> None:
        """Take no more work, and wait for none."""
        self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _shoot(self, task: Task, name: str, media: Media, role: Role, index: int, *, decoy: bool = False) -> Reel:
        plan = task.plan
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
        make = partial(_make, self._world, name, media, plan, seed, plan.size if role == "result" else _COMPANION)
        film = await asyncio.get_running_loop().run_in_executor(self._encoders, make)
        self._world.journal.write(
            "decoy" if decoy else "film",
            task_id=task.id,
            name=name,
            index=index,
            size=film.size,
            sha256=film.sha256,
            layout=film.layout,
            source=task.source,
            route=task.route,
            media=media,
            role=role,
            corrupt=plan.corrupt,
        )
        if plan.corrupt == "truncated" and not decoy:
            os.truncate(film.path, film.size * 2 // 3)
        reel = Reel(name, film, media, role, task, decoy)
        self._world.reels[name] = reel
        return reel


def _wanted(task: Task) -> Iterator[tuple[str, Media, Role, int]]:
    """Each file's name, medium, role, and place among those of its role."""
    plan = task.plan
    holds_one = ROUTES[task.route].most_outputs == 1
    for index in range(plan.outputs):
        yield f"{task.id}{'' if holds_one else f'_{index}'}.{task.media}", task.media, "result", index
    for index in range(plan.outputs if plan.originals else 0):
        yield f"{task.id}_original_{index}.mp4", "mp4", "original", index
    if plan.last_frame:
        yield f"{task.id}_last_frame.png", "png", "last_frame", 0
    if task.route == "runway" or task.chosen.get("shape") == "4k":
        for index in range(plan.outputs):
            yield f"{task.id}_cover_{index}.png", "png", "cover", index


def _make(world: World, name: str, media: Media, plan: Plan, seed: int, size: int) -> Film:
    path = world.settings.films / name
    match SHELVES[media].kind:
        case "video":
            return make_film(path, layout=plan.layout or "moov_first", size=size, seed=seed)
        case "image":
            return make_still(path, media, size=size, seed=seed)
        case "audio":
            return make_sound(path, media, size=size, seed=seed)
