"""
Speak as KIE.ai's Veo route does: `{code, msg, data}`, the files of a callback in `data.info`.

https://docs.kie.ai/veo3-api/generate-veo-3-video-callbacks and …/get-veo-3-4k-video-callbacks (read 2026-11); an
older variant of the page has no `promptJson`, or has it as an object. The poll is …/get-veo-3-video-details:
`successFlag` 0 to 3, the files in `response`. UNKNOWN: the create answer (here the market route's), what a poll says
of a task made again in 4K (here its `response` has the images too), what `data` holds on failure (here the task id),
and the wording of `msg`.
"""

from typing import Any, Final

from simulator import kie_envelope
from simulator.kie_envelope import compact, good, refusal
from simulator.world import Answer, Offer, State, Task

SHAPES: Final = ("plain", "prompt_object", "no_prompt", "4k")
FAIL_FLAGS: Final = (2, 3)
_CREDITS: Final = 120
_RESOLUTION: Final = "1080p"

unauthorised = kie_envelope.unauthorised
busy = kie_envelope.busy


def not_found(_task: Task | None) -> Answer:
    """Answer for a task of another route or of nobody. UNKNOWN; the market route's answer."""
    return refusal(422, "recordInfo is null")


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves; what the route demands is UNKNOWN, so next to none."""
    texts = (request.get("prompt"), request.get("callBackUrl", ""))
    return None if all(isinstance(text, str) for text in texts) else refusal(422, "prompt and callBackUrl are texts")


def created(task: Task) -> dict[str, Any]:
    """Answer a create request."""
    return good({"taskId": task.id})


def polled(task: Task, offer: Offer) -> dict[str, Any]:
    """Answer a status request."""
    if task.state == "success":
        response: dict[str, Any] = {"taskId": task.id, "resultUrls": list(offer.results)}
        if offer.originals:
            response["originUrls"] = list(offer.originals)
        if task.chosen["shape"] == "4k":
            response["imageUrls"] = list(offer.covers)
        return good({"taskId": task.id, "successFlag": 1, "response": response | {"resolution": _RESOLUTION}})
    return good({"taskId": task.id, "successFlag": task.chosen["fail_flag"] if task.state == "fail" else 0})


def called_back(task: Task, state: State, offer: Offer) -> dict[str, Any]:
    """Return the body of a callback that claims *state*, which is an end: the route has no word for less."""
    shape = task.chosen["shape"]
    if state != "success":
        code = 500 if shape == "4k" else 501  # the 4K page knows 200 and 500
        return {"code": code, "msg": "The simulator was told to fail this task.", "data": {"taskId": task.id}}
    if shape == "4k":
        info: dict[str, Any] = {"resultUrls": list(offer.results), "imageUrls": list(offer.covers)}
        return _success({"taskId": task.id, "info": info, "creditsConsumed": _CREDITS})
    info = {"resultUrls": list(offer.results)}
    if offer.originals:
        info["originUrls"] = list(offer.originals)
    info["resolution"] = _RESOLUTION
    prompt = {"prompt": task.request["prompt"]}
    told: dict[str, Any] = {"promptJson": prompt if shape == "prompt_object" else compact(prompt)}
    return _success(
        {"taskId": task.id} | ({} if shape == "no_prompt" else told) | {"fallbackFlag": False, "info": info}
    )


def _success(data: dict[str, Any]) -> dict[str, Any]:
    return {"code": 200, "msg": "Video generated successfully.", "data": data}
