"""Say what a route must be able to say. A module can be a voice; the type checker holds all of them to these lines."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from simulator.world import Answer, Offer, State, Task


class Voice(Protocol):
    """Every route takes requests for new tasks, and refuses some."""

    def unauthorised(self) -> Answer: ...
    def busy(self, status: int) -> Answer: ...  # 429 or 503
    def refusals(self) -> Mapping[str, Answer]: ...  # by the provider's own codes
    def complaint(self, request: dict[str, Any]) -> Answer | None: ...
    def created(self, task: Task) -> dict[str, Any]: ...


class Asked(Protocol):
    """What answers polls. *task* is None for an id of nobody."""

    def not_found(self, task: Task | None) -> Answer: ...
    def polled(self, task: Task, offer: Offer) -> dict[str, Any]: ...


class Calling(Protocol):
    """What calls back."""

    def called_back(self, task: Task, state: State, offer: Offer) -> dict[str, Any]: ...


class Waiting(Protocol):
    """What may answer a create request only when the task has ended."""

    def waits(self, request: dict[str, Any]) -> bool: ...
    def waited(self, task: Task, offer: Offer) -> Answer: ...


class Batching(Protocol):
    """What may make several tasks for one create request."""

    def ordered(self, request: dict[str, Any]) -> int: ...
    def created_batch(self, tasks: Sequence[Task], failed: int) -> dict[str, Any]: ...
