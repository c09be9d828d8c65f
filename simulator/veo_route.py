"""
Speak as KIE.ai's Veo route does: `{code, msg, data}`, the files of a callback in `data.info`.

https://docs.kie.ai/veo3-api/generate-veo-3-video-callbacks and …/get-veo-3-4k-video-callbacks (read 2026-11); an
older variant of the page has no `promptJson`, or has it as an object. Polls are of …/get-veo-3-video-details (read
2026-11), which answers for 4K tasks too, without `fallbackFlag`. UNKNOWN: the create answer (here the market route's),
the time zone of polls (here UTC), what a poll says before the end (here null for what is not there yet), how it names
a 4K task's images (here not at all), what `data` of a callback holds on failure (here the task id), all wording.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from simulator import kie_envelope
from simulator.kie_envelope import compact, good
from simulator.world import Offer, State, Task

SHAPES: Final = ("plain", "prompt_object", "no_prompt", "4k")
FAIL_FLAGS: Final = (2, 3)
_CREDITS: Final = 120
_FAILURE: Final = "The simulator was told to fail this task."
_FLAGS: Final[Mapping[State, int]] = {"generating": 0, "success": 1}

unauthorised = kie_envelope.unauthorised
busy = kie_envelope.busy
refusals = kie_envelope.refusals
not_found = kie_envelope.not_found
complaint = kie_envelope.complaint
created = kie_envelope.created


def polled(task: Task, offer: Offer) -> dict[str, Any]:
    """Answer a status request."""
    has_failed = task.state == "fail"
    response = {"taskId": task.id} | _files(task, offer) if task.state == "success" else None
    fallback = {} if task.chosen["shape"] == "4k" else {"fallbackFlag": False}
    return good(
        {
            "taskId": task.id,
            "paramJson": compact({"prompt": task.request["prompt"]}),
            "completeTime": _wall_clock(task.ready_at) if task.ready_at else None,
            "response": response,
            "successFlag": task.chosen["fail_flag"] if has_failed else _FLAGS[task.state],
            "errorCode": 501 if has_failed else None,
            "errorMessage": _FAILURE if has_failed else "",
            "createTime": _wall_clock(task.created_at),
            **fallback,
        }
    )


def called_back(task: Task, state: State, offer: Offer) -> dict[str, Any]:
    """Return the body of a callback that claims *state*, which is an end: the route has no word for less."""
    shape = task.chosen["shape"]
    if state != "success":
        code = 500 if shape == "4k" else 501  # the 4K page knows 200 and 500
        return {"code": code, "msg": _FAILURE, "data": {"taskId": task.id}}
    if shape == "4k":
        info = {"resultUrls": list(offer.results), "imageUrls": list(offer.covers)}
        return _success({"taskId": task.id, "info": info, "creditsConsumed": _CREDITS})
    prompt = {"prompt": task.request["prompt"]}
    told: dict[str, Any] = {"promptJson": prompt if shape == "prompt_object" else compact(prompt)}
    return _success(
        {"taskId": task.id}
        | ({} if shape == "no_prompt" else told)
        | {"fallbackFlag": False, "info": _files(task, offer)}
    )


def _files(task: Task, offer: Offer) -> dict[str, Any]:
    originals = {"originUrls": list(offer.originals)} if offer.originals else {}
    resolution = "4k" if task.chosen["shape"] == "4k" else "1080p"
    return {"resultUrls": list(offer.results), **originals, "resolution": resolution}


def _wall_clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _success(data: dict[str, Any]) -> dict[str, Any]:
    return {"code": 200, "msg": "Video generated successfully.", "data": data}
