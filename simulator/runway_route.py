"""
Call back as KIE.ai's Runway route does: `{code, msg, data}` with snake_case keys in `data`.

https://docs.kie.ai/runway-api/generate-ai-video-callbacks (read 2026-11). Code 200, or 400 and 500. UNKNOWN: the
create answer (here the market route's), which code stands for which failure (here 500), what `data` holds then
besides the task id, whose `video_url` is "empty or absent", and how to ask after a task: no poll is played.
"""

import uuid
from typing import Any, Final

from simulator import kie_envelope
from simulator.kie_envelope import good, refusal
from simulator.world import Answer, Offer, State, Task

SHAPES: Final = ("absent", "empty")  # `video_url` on failure

unauthorised = kie_envelope.unauthorised
busy = kie_envelope.busy


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves; what the route demands is UNKNOWN, so next to none."""
    texts = (request.get("prompt"), request.get("callBackUrl", ""))
    return None if all(isinstance(text, str) for text in texts) else refusal(422, "prompt and callBackUrl are texts")


def created(task: Task) -> dict[str, Any]:
    """Answer a create request."""
    return good({"taskId": task.id})


def called_back(task: Task, state: State, offer: Offer) -> dict[str, Any]:
    """Return the body of a callback that claims *state*, which is an end: the route has no word for less."""
    if state != "success":
        empty = {"video_url": ""} if task.chosen["shape"] == "empty" else {}
        return {"code": 500, "msg": "The simulator was told to fail this task.", "data": {"task_id": task.id} | empty}
    data = {
        "task_id": task.id,
        "video_id": str(uuid.uuid5(uuid.NAMESPACE_OID, task.id)),
        "video_url": offer.results[0],
        "image_url": next(iter(offer.covers), ""),  # a forger may have none
    }
    return {"code": 200, "msg": "All generated successfully.", "data": data}
