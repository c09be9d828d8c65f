"""What the demo plays: one row a case, each a thing that providers or attackers really do."""

from dataclasses import dataclass
from typing import Any, Final, Literal

Route = Literal["seedance", "market"]
_MB: Final = 1_000_000


@dataclass(frozen=True)
class Case:
    """One generation. `callback` says how the news reaches the service; `assets` is what must stand in the end."""

    name: str
    route: Route
    plan: dict[str, Any]
    assets: int = 1
    is_registered: bool = False  # told to the service by POST /api/tasks, since nobody will call back


def _said(*steps: str | dict[str, Any]) -> list[dict[str, Any]]:
    return [{"say": step} if isinstance(step, str) else step for step in steps]


CASES: Final = (
    Case("plain", "seedance", {"size": 2 * _MB}),
    Case("plain, index last", "seedance", {"size": 5 * _MB, "layout": "moov_last"}),
    Case("plain, fragmented", "seedance", {"size": 3 * _MB, "layout": "fragmented"}),
    Case("plain, large", "seedance", {"size": 20 * _MB}),
    Case("duplicate x5", "seedance", {"callbacks": _said({"say": "success", "times": 5})}),
    Case("reordered", "seedance", {"callbacks": _said("success", {"say": "progress", "after": 0.5})}),
    Case("never called back", "seedance", {"callbacks": []}, is_registered=True),
    Case("never called back", "market", {"callbacks": []}, is_registered=True),
    Case("market shape", "market", {"size": 4 * _MB, "layout": "moov_last"}),
    Case("market, two files", "market", {"outputs": 2}, assets=2),
    Case("market, progress first", "market", {"callbacks": _said("progress", {"say": "success", "after": 0.5})}),
    Case("link dies at once", "seedance", {"link_dies_after_gets": 0}),
    Case("late to the status API", "market", {"unseen_for": 3.0, "ready_after": 0.5}),
    Case(
        "forged failure", "seedance", {"callbacks": _said("forged_fail", "stolen_fail", {"say": "success", "after": 1})}
    ),
    Case("swapped URL, signed", "seedance", {"callbacks": _said("swapped_url", {"say": "success", "after": 1})}),
    Case("only a swapped URL", "market", {"callbacks": _said("swapped_url")}),
    Case("failed generation", "seedance", {"outcome": "fail"}, assets=0),
    Case("failed generation", "market", {"outcome": "fail"}, assets=0),
)
