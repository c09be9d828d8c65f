"""What the demo plays: one row a case, each a thing that providers or attackers really do."""

from dataclasses import dataclass
from typing import Any, Final

from simulator.routes import ROUTES
from simulator.world import Route, Source

_MB: Final = 1_000_000
_SMALL: Final = 300_000


@dataclass(frozen=True)
class Case:
    """One generation. Its plan says how the news reaches the service; `assets` is what must stand in the end."""

    name: str
    route: Route
    plan: dict[str, Any]
    assets: int = 1
    is_registered: bool = False  # told to the service by POST /api/tasks, as nobody may call back

    @property
    def source(self) -> Source:
        """Whose task it is."""
        return ROUTES[self.route].source

    @property
    def expected_in(self) -> float:
        """Seconds until its result is likely, for a task that is registered: all files are made by two encoders."""
        return 3 if ROUTES[self.route].calls else 12

    @property
    def calls(self) -> int:
        """How many callbacks are made."""
        if ROUTES[self.route].calls is None:
            return 0
        return sum(step.get("times", 1) for step in self.plan.get("callbacks", [{}]))


def _said(*steps: str | dict[str, Any]) -> list[dict[str, Any]]:
    return [{"say": step} if isinstance(step, str) else step for step in steps]


def _small(**plan: Any) -> dict[str, Any]:
    return {"size": _SMALL} | plan


_BUSY: Final = [{"status": 429, "retry_after": 1}]
_LATER: Final = {"say": "success", "after": 1}
_KIE: Final = (
    Case("plain", "seed", {"size": 2 * _MB}),
    Case("plain, index last", "seed", {"size": 5 * _MB, "layout": "moov_last"}),
    Case("plain, fragmented", "seed", {"size": 3 * _MB, "layout": "fragmented"}),
    Case("plain, large", "seed", {"size": 20 * _MB}),
    Case("duplicate x5", "seed", {"callbacks": _said({"say": "success", "times": 5})}),
    Case("reordered", "seed", {"callbacks": _said("success", {"say": "progress", "after": 0.5})}),
    Case("never called back", "seed", {"callbacks": []}, is_registered=True),
    Case("never called back", "market", {"callbacks": []}, is_registered=True),
    Case("too busy at first", "market", _small(callbacks=[], poll_faults=_BUSY), is_registered=True),
    Case("market shape", "market", {"size": 4 * _MB, "layout": "moov_last"}),
    Case("market, two files", "market", {"outputs": 2}, assets=2),
    Case("market, progress first", "market", {"callbacks": _said("progress", {"say": "success", "after": 0.5})}),
    Case("link dies at once", "seed", {"link_dies_after_gets": 0}),
    Case("late to the status API", "market", {"unseen_for": 3.0, "ready_after": 0.5}),
    Case("forged failure", "seed", {"callbacks": _said("forged_fail", "stolen_fail", _LATER)}),
    Case("swapped URL, signed", "seed", {"callbacks": _said("swapped_url", _LATER)}),
    Case("only a swapped URL", "market", {"callbacks": _said("swapped_url")}),
    Case("failed generation", "seed", {"outcome": "fail"}, assets=0),
    Case("failed generation", "market", {"outcome": "fail"}, assets=0),
    Case("forged task", "market", _small(callbacks=_said("forged_task", _LATER))),
    Case("images, png", "market", _small(media="png", outputs=2), assets=2),
    Case("image, jpeg", "market", _small(media="jpeg")),
    Case("image, webp", "market", _small(media="webp")),
    Case("image, gif", "market", _small(media="gif")),
    Case("sound, mp3", "market", _small(media="mp3")),
    Case("sound, wav", "market", _small(media="wav")),
    Case("sound, m4a", "market", _small(media="m4a")),
    Case("Runway, with its cover", "runway", _small(), assets=2),
    Case("Veo", "veo", _small()),
    Case("Veo, 4K", "veo", _small(shape="4k"), assets=2),
    Case("Veo, originals", "veo", _small(originals=True), assets=2),
    Case("Veo, never called back", "veo", _small(originals=True, callbacks=[]), assets=2, is_registered=True),
)
_SEEDANCEAPI: Final = (
    Case("plain", "v2", _small()),
    Case("bare data", "v2", _small(shape="bare")),
    Case("two files", "v2", _small(outputs=2), assets=2),
    Case("progress first", "v2", _small(callbacks=_said("progress", _LATER))),
    Case("never called back", "v2", _small(callbacks=[], empty_as="list"), is_registered=True),
    Case("forged failure", "v2", _small(callbacks=_said("forged_fail", _LATER))),
    Case("swapped URL", "v2", _small(callbacks=_said("swapped_url", _LATER))),
    Case("failed generation", "v2", _small(outcome="fail", empty_as="null"), assets=0),
)
_SEEDANCE2AI: Final = (  # few, as the account is limited to 30 requests a minute
    Case("video and last frame", "seedance2", _small(last_frame=True), assets=2, is_registered=True),
    Case("list of images", "gpt-image-2", _small(outputs=3), assets=3, is_registered=True),
    Case("images, first links dead", "nano-banana-pro", _small(outputs=2, first_link_dead=True), 2, is_registered=True),
    Case("failed generation", "seedance2", _small(outcome="fail"), assets=0, is_registered=True),
)
_KYYAIPOWER: Final = (
    Case("plain", "kyy", _small(), is_registered=True),
    Case("queued first", "kyy", _small(queued_for=1), is_registered=True),
    Case("failed generation", "kyy", _small(outcome="fail"), assets=0, is_registered=True),
    Case("cancelled", "kyy", _small(outcome="cancelled"), assets=0, is_registered=True),
)
_ACEDATA: Final = (
    Case("video and last frame", "ace", _small(last_frame=True), assets=2),
    Case("Ark's shape", "ace", _small(shape="ark")),
    Case("Ark's shape, in a list", "ace", _small(shape="ark_list")),
    Case("duplicate x5", "ace", _small(callbacks=_said({"say": "success", "times": 5}))),
    Case("never called back", "ace", _small(callbacks=[], last_frame=True), assets=2, is_registered=True),
    Case("polled as callback", "ace", _small(callbacks=[], poll_shape="callback"), is_registered=True),
    Case("swapped URL", "ace", _small(callbacks=_said("swapped_url", _LATER))),
    Case("forged task", "ace", _small(callbacks=_said("forged_task", _LATER))),
    Case("failed, no task id", "ace", _small(outcome="fail", missing_task_id=True), assets=0, is_registered=True),
)
CASES: Final = (*_KIE, *_SEEDANCEAPI, *_SEEDANCE2AI, *_KYYAIPOWER, *_ACEDATA)
