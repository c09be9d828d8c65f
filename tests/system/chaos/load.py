"""A load that never ends by itself: tasks of every kind, so that whatever is killed has something in its hands."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from tests.system.chaos.oracle import TaskKey
from tests.system.harness import TOKEN, Provider

_SMALL: Final[dict[str, Any]] = {"size": 50_000, "ready_after": 0.1}
# A provider that calls again when nobody answers, so that a receiver that was killed hears of the task.
_CALLS: Final = [{"say": "success"}, {"say": "success", "after": 2.0}, {"say": "success", "after": 5.0}]
_SLOW: Final = {"rate": 40_000}  # bytes a second: more than a heartbeat's time in the middle of a download
_DEAD_LINK: Final = {"link_dies_after_gets": 0}
_NO_FILM: Final = {"corrupt": "html"}
_TWISTS: Final[tuple[tuple[dict[str, Any], int], ...]] = (
    ({}, 8), (_SLOW, 5), (_DEAD_LINK, 4), (_NO_FILM, 3), ({"outcome": "fail"}, 1),
)  # fmt: skip
_REGISTERS_FOR: Final = 120.0  # seconds, until somebody answers


class Load:
    """
    Orders tasks while `backlog` is below *most*, in a thread of its own, and notes what it was promised.

    Args:
        url: of the service.
        backlog: how much the service has to do.
    """

    def __init__(
        self, provider: Provider, url: str, rng: random.Random, *, most: int, backlog: Callable[[], int]
    ) -> None:
        self._provider = provider
        self._url = url
        self._rng = rng
        self._most = most
        self._backlog = backlog
        self._ends = threading.Event()
        self._asking = ThreadPoolExecutor(6, thread_name_prefix="client")
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20, trust_env=False
        )
        self.acked: list[TaskKey] = []  # registered or ordered, and answered 2xx
        self.pending = 0  # requests of ours without an answer
        self._lock = threading.Lock()
        self._made = 0
        provider.plan("seed", **_SMALL, callbacks=_CALLS)  # of what is ordered through the service
        self._thread = threading.Thread(target=self._run, name="load")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Order nothing more, and wait for what was asked."""
        self._ends.set()
        self._thread.join()
        self._asking.shutdown()

    def close(self) -> None:
        self._http.close()

    def is_answered(self) -> bool:
        """Whether the receiver is up."""
        with suppress(httpx.TransportError):
            return self._http.get("/readyz").is_success
        return False

    def _run(self) -> None:
        while not self._ends.wait(0.15):
            if self._backlog() < self._most:
                with suppress(httpx.TransportError):  # a busy machine; what was ordered so is promised to nobody
                    self._order()

    def _order(self) -> None:
        self._made += 1
        [twist] = self._rng.choices([each for each, _ in _TWISTS], [weight for _, weight in _TWISTS])
        calls = {"callbacks": _CALLS} if "outcome" not in twist else {}
        match self._rng.randrange(10):
            case 0 | 1:
                self._asking.submit(self._order_through)
            case 2 | 3 | 4:  # nobody calls back
                key = TaskKey(*self._provider.order("seedance2", **{**_SMALL, **twist}))
                self._asking.submit(self._register, key)
            case 5 | 6:
                self._provider.create(f"{self._url}/webhooks/kie", **{**_SMALL, **twist, **calls})
            case _:  # a picture is had for less than a film
                body = {"callBackUrl": f"{self._url}/webhooks/kie"}
                self._provider.order("market", body=body, media="png", **{**_SMALL, **twist, **calls})

    def _register(self, task: TaskKey) -> None:
        """Say that *task* is there until somebody answers 2xx."""
        soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
        told = {**task._asdict(), "expected_by": soon, "metadata": {"number": self._made}}
        end = time.monotonic() + _REGISTERS_FOR
        while time.monotonic() < end:
            answer = self._post("/api/tasks", told)
            if answer is not None and answer.is_success:
                self.acked.append(task)
                return
            time.sleep(0.3)

    def _order_through(self) -> None:
        """An order is never repeated: whether the task was made is unknown where no answer comes."""
        answer = self._post("/api/generate/kie", {"prompt": "a street", "metadata": {"number": self._made}})
        if answer is not None and answer.is_success:
            self.acked += [TaskKey("kie", each["task_id"]) for each in answer.json()["tasks"]]

    def _post(self, path: str, body: dict[str, Any]) -> httpx.Response | None:
        with self._lock:
            self.pending += 1
        try:
            with suppress(httpx.TransportError):
                return self._http.post(path, json=body)
            return None
        finally:
            with self._lock:
                self.pending -= 1
