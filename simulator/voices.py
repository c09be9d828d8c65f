"""Name the two ways KIE.ai speaks. A module is a voice; the type checker holds both to the same lines."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from simulator import market_route, seed_route
from simulator.world import Answer, Route, State, Task


class Voice(Protocol):
    """What a route must be able to say."""

    def unauthorised(self) -> Answer: ...
    def not_found(self) -> Answer: ...
    def complaint(self, request: dict[str, Any]) -> Answer | None: ...
    def created(self, task: Task) -> dict[str, Any]: ...
    def polled(self, task: Task, links: Sequence[str]) -> dict[str, Any]: ...
    def called_back(self, task: Task, state: State, links: Sequence[str]) -> dict[str, Any]: ...


VOICES: Final[Mapping[Route, Voice]] = {"seed": seed_route, "market": market_route}
