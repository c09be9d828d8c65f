"""
Play each task's plan: have its films made, let it become ready, then say what is to be said, true or not.

Everything a task's callbacks are made of is fixed at the instant it becomes ready, so that copies are
copies byte for byte. Only KIE's own signature is as fresh as its sending; nobody else signs. The attackers have no
key: `forged_fail` goes unsigned, and so does `forged_task`, a success of a task that there is not, with a decoy. But
`stolen_fail` and `swapped_url` carry the two headers of a genuine callback of the instant the task became ready,
which they must have seen somewhere. As KIE signs no body, those headers verify until they are stale. All of them know
the callback URL.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from simulator.caller import Caller
from simulator.journal import now
from simulator.plan import Say, Step
from simulator.routes import ROUTES, Calls
from simulator.signature import signed_headers
from simulator.studio import Studio
from simulator.world import Offer, State, Task, World

_CLAIMS: Final[Mapping[Say, State]] = {
    "success": "success",
    "swapped_url": "success",
    "progress": "generating",
    "fail": "fail",
    "forged_fail": "fail",
    "stolen_fail": "fail",
    "forged_task": "success",
}


class Director:
    """Runs every task in the background until told to stop."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._studio = Studio(world)
        self._caller = Caller(world.journal)
        self._playing: set[asyncio.Task[None]] = set()

    def begin(self, task: Task) -> None:
        """Take up a new task."""
        playing = asyncio.create_task(self._play(task))
        self._playing.add(playing)
        playing.add_done_callback(self._playing.discard)

    async def stop(self) -> None:
        """Drop what is still to be played."""
        for playing in self._playing:
            playing.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)
        self._studio.close()
        await self._caller.close()

    async def _play(self, task: Task) -> None:
        await self._studio.shoot(task)
        await asyncio.sleep(task.plan.ready_after - (now() - task.created_at).total_seconds())
        task.ready_at = ready_at = now()
        task.ended.set()
        calls = ROUTES[task.route].calls
        if calls is None or task.callback_url is None:
            return
        truth, lie = self._world.sign(task.reels), self._world.sign(task.decoys)
        offers: dict[Say, Offer] = {"swapped_url": replace(truth, results=lie.results), "forged_task": lie}
        async with asyncio.TaskGroup() as group:
            for step in task.plan.steps:
                offer = offers.get(step.say, truth)
                group.create_task(self._say(task, step, calls, task.callback_url, offer, ready_at))

    async def _say(self, task: Task, step: Step, calls: Calls, url: str, offer: Offer, ready_at: datetime) -> None:
        claimed = replace(task, id=ROUTES[task.route].new_id()) if step.say == "forged_task" else task
        body = calls.voice.called_back(claimed, _CLAIMS[step.say], offer)
        content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        await asyncio.sleep(step.after)
        headers = self._headers(task, step.say, ready_at) if calls.signed else {}
        facts = {"task_id": task.id, "source": task.source, "say": step.say, "claimed_task_id": claimed.id}
        async with asyncio.TaskGroup() as copies:
            for _ in range(step.times):
                copies.create_task(self._caller.post(url, content, headers, **facts))

    def _headers(self, task: Task, say: Say, ready_at: datetime) -> Mapping[str, str]:
        if say in {"forged_fail", "forged_task"}:
            return {}
        signed_at = ready_at if say in {"stolen_fail", "swapped_url"} else now()
        return signed_headers(self._world.settings.hmac_key, task.id, int(signed_at.timestamp()))
