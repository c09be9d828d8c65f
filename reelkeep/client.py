"""
Ask a Reelkeep service: `Client` with threads, `AsyncClient` with an event loop. Both offer the same, to the letter.

What is sent, repeated and read is decided in `operations` and `steps`; here the steps are carried out over httpx.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar

import httpx

from reelkeep.door import Door, heard
from reelkeep.errors import (
    ClientError,
    DownloadError,
    NotInTimeError,
    RefusedError,
    TaskFailedError,
    UnreachableError,
)
from reelkeep.groups import (
    Assets,
    AsyncAssets,
    AsyncDeliveries,
    AsyncNotifications,
    AsyncSources,
    AsyncTargets,
    AsyncTasks,
    Deliveries,
    Notifications,
    Sources,
    Targets,
    Tasks,
)
from reelkeep.methods import Does, DoesAsync, Runs, RunsAsync
from reelkeep.operations import service
from reelkeep.steps import Fetch, Now, Request, Retries, Sleep, Step, Steps, patiently

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "DownloadError",
    "NotInTimeError",
    "RefusedError",
    "Retries",
    "TaskFailedError",
    "UnreachableError",
]

T = TypeVar("T")
_RETRIES = Retries()


class Client(Runs):
    """
    One service, asked with one token. Safe for threads; close it, or use it with `with`.

    *timeout* bounds each wait for the network, in seconds. *http* is a client of your own (proxies, certificates,
    limits): its timeouts hold, its cookies and headers go to the service, and closing it stays with you. Without it
    nothing is taken from the environment.
    """

    get = Does(service.get)
    post = Does(service.post)
    status = Does(service.status)
    callback_url = Does(service.callback_url)
    generate = Does(service.generate)

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        timeout: float = 30.0,
        retries: Retries = _RETRIES,
        http: httpx.Client | None = None,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._door = Door(url, token)
        self._retries = retries
        self._sleep = sleep
        self._clock = clock
        self._is_own = http is None
        self._http = httpx.Client(timeout=timeout, trust_env=False) if http is None else http
        self.tasks = Tasks(self)
        self.assets = Assets(self)
        self.deliveries = Deliveries(self)
        self.sources = Sources(self)
        self.notifications = Notifications(self)
        self.targets = Targets(self)

    def close(self) -> None:
        if self._is_own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: Steps[T]) -> T:
        patient = patiently(steps, self._retries, self._door.url)
        try:
            step = next(patient)
            while True:
                try:
                    answer = self._take(step)
                except BaseException as exc:  # whatever it is: the steps decide, and clean up
                    step = patient.throw(self._door.told(exc))
                else:
                    step = patient.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    def _take(self, step: Step) -> Any:
        match step:
            case Now():
                return self._clock()
            case Sleep():
                self._sleep(step.seconds)
                return None
            case Request():
                response = self._http.send(self._door.request(self._http, step), auth=None, follow_redirects=False)
                return heard(response, response.content)
            case Fetch():
                return self._fetch(step)

    def _fetch(self, step: Fetch) -> Any:
        asked = self._door.request(self._http, step)
        response = self._http.send(asked, auth=None, follow_redirects=False, stream=True)
        try:
            if response.status_code == 200:
                step.sink.restart()
                for piece in response.iter_raw():
                    if not step.sink.write(piece):
                        break
            return heard(response)
        finally:
            response.close()


class AsyncClient(RunsAsync):
    """
    The same with an event loop; close it with `aclose`, or use it with `async with`.

    *sleep* and *http* are the loop's own: give `trio.sleep` where the loop is Trio's. A download's pieces are written
    where the loop runs, 64 KiB at most at a time.
    """

    get = DoesAsync(service.get)
    post = DoesAsync(service.post)
    status = DoesAsync(service.status)
    callback_url = DoesAsync(service.callback_url)
    generate = DoesAsync(service.generate)

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        timeout: float = 30.0,
        retries: Retries = _RETRIES,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._door = Door(url, token)
        self._retries = retries
        self._sleep = sleep
        self._clock = clock
        self._is_own = http is None
        self._http = httpx.AsyncClient(timeout=timeout, trust_env=False) if http is None else http
        self.tasks = AsyncTasks(self)
        self.assets = AsyncAssets(self)
        self.deliveries = AsyncDeliveries(self)
        self.sources = AsyncSources(self)
        self.notifications = AsyncNotifications(self)
        self.targets = AsyncTargets(self)

    async def aclose(self) -> None:
        if self._is_own:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _run(self, steps: Steps[T]) -> T:
        patient = patiently(steps, self._retries, self._door.url)
        try:
            step = next(patient)
            while True:
                try:
                    answer = await self._take(step)
                except BaseException as exc:  # whatever it is: the steps decide, and clean up
                    step = patient.throw(self._door.told(exc))
                else:
                    step = patient.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _take(self, step: Step) -> Any:
        match step:
            case Now():
                return self._clock()
            case Sleep():
                await self._sleep(step.seconds)
                return None
            case Request():
                asked = self._door.request(self._http, step)
                response = await self._http.send(asked, auth=None, follow_redirects=False)
                return heard(response, response.content)
            case Fetch():
                return await self._fetch(step)

    async def _fetch(self, step: Fetch) -> Any:
        asked = self._door.request(self._http, step)
        response = await self._http.send(asked, auth=None, follow_redirects=False, stream=True)
        try:
            if response.status_code == 200:
                step.sink.restart()
                async for piece in response.aiter_raw():
                    if not step.sink.write(piece):
                        break
            return heard(response)
        finally:
            await response.aclose()
