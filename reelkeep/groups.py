"""What a client offers, by what it is about; each group twice, with threads and with an event loop."""

from typing import TypeVar

from reelkeep.methods import Does, DoesAsync, Runs, RunsAsync, Walks, WalksAsync
from reelkeep.operations import assets, deliveries, outgoing, service, tasks
from reelkeep.steps import Steps

T = TypeVar("T")


class _Group(Runs):
    def __init__(self, client: Runs) -> None:
        self._client = client

    def _run(self, steps: Steps[T]) -> T:
        return self._client._run(steps)


class _AsyncGroup(RunsAsync):
    def __init__(self, client: RunsAsync) -> None:
        self._client = client

    async def _run(self, steps: Steps[T]) -> T:
        return await self._client._run(steps)


class Tasks(_Group):
    add = Does(tasks.add)
    import_ = Does(tasks.import_)
    look_up = Does(tasks.look_up)
    get = Does(tasks.get)
    list = Does(tasks.list_page)
    each = Walks(tasks.each)


class AsyncTasks(_AsyncGroup):
    add = DoesAsync(tasks.add)
    import_ = DoesAsync(tasks.import_)
    look_up = DoesAsync(tasks.look_up)
    get = DoesAsync(tasks.get)
    list = DoesAsync(tasks.list_page)
    each = WalksAsync(tasks.each)


class Assets(_Group):
    get = Does(assets.get)
    list = Does(assets.list_page)
    each = Walks(assets.each)
    retry = Does(assets.retry)
    content = Does(assets.content)
    download = Does(assets.download)
    wait = Does(assets.wait)


class AsyncAssets(_AsyncGroup):
    get = DoesAsync(assets.get)
    list = DoesAsync(assets.list_page)
    each = WalksAsync(assets.each)
    retry = DoesAsync(assets.retry)
    content = DoesAsync(assets.content)
    download = DoesAsync(assets.download)
    wait = DoesAsync(assets.wait)


class Deliveries(_Group):
    get = Does(deliveries.get)
    list = Does(deliveries.list_page)
    each = Walks(deliveries.each)
    replay = Does(deliveries.replay)


class AsyncDeliveries(_AsyncGroup):
    get = DoesAsync(deliveries.get)
    list = DoesAsync(deliveries.list_page)
    each = WalksAsync(deliveries.each)
    replay = DoesAsync(deliveries.replay)


class Sources(_Group):
    pause = Does(service.pause_source)
    resume = Does(service.resume_source)


class AsyncSources(_AsyncGroup):
    pause = DoesAsync(service.pause_source)
    resume = DoesAsync(service.resume_source)


class Notifications(_Group):
    get = Does(outgoing.get)
    list = Does(outgoing.list_page)
    each = Walks(outgoing.each)
    redrive = Does(outgoing.redrive)
    redrive_all = Does(outgoing.redrive_all)


class AsyncNotifications(_AsyncGroup):
    get = DoesAsync(outgoing.get)
    list = DoesAsync(outgoing.list_page)
    each = WalksAsync(outgoing.each)
    redrive = DoesAsync(outgoing.redrive)
    redrive_all = DoesAsync(outgoing.redrive_all)


class Targets(_Group):
    list = Does(outgoing.targets)
    test = Does(outgoing.try_target)


class AsyncTargets(_AsyncGroup):
    list = DoesAsync(outgoing.targets)
    test = DoesAsync(outgoing.try_target)
