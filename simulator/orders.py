"""What the demo sends to order a task of each route: the least that its provider documents."""

from collections.abc import Mapping
from typing import Any, Final

from simulator.routes import ROUTES
from simulator.world import Route

_TEXT: Final = "content"  # the field that takes a list of texts and images in place of a prompt
_FIXED: Final[Mapping[Route, Mapping[str, Any]]] = {
    "seed": {"model": "seedance-1-0-lite"},
    "market": {"model": "bytedance/seedance", "input": {}},
    "runway": {},
    "veo": {"model": "veo3"},
    "v2": {"model": "seedance-2.0"},
    "seedance2": {"mode": "text-to-video"},
    "gpt-image-2": {"type": "text-to-image", "resolution": "1K", "aspect_ratio": "16:9"},
    "nano-banana-pro": {"type": "text-to-image"},
    "kyy": {"model": "seedance_1_5_pro_720p", _TEXT: []},
    "ace": {"model": "doubao-seedance-1-0-pro-250528", _TEXT: []},
}


def order(route: Route, prompt: str, callback: str) -> dict[str, Any]:
    """Return the body of a create request; *callback* goes where the route has a field for it."""
    body = dict(_FIXED[route])
    if _TEXT in body:
        body[_TEXT] = [{"type": "text", "text": prompt}]
    elif "input" in body:
        body["input"] = {"prompt": prompt}
    else:
        body["prompt"] = prompt
    calls = ROUTES[route].calls
    return body | ({calls.field: callback} if calls else {})


def task_id_in(answer: dict[str, Any]) -> str:
    """Find the task's id in the answer to a create request."""
    facts = answer.get("data", answer)
    return str(next(facts[key] for key in ("taskId", "task_id", "id") if key in facts))
