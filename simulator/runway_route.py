"""
Speak as KIE.ai's Runway route does: `{code, msg, data}`, a callback's `data` in snake_case, a poll's in camelCase.

https://docs.kie.ai/runway-api/generate-ai-video-callbacks and …/get-ai-video-details (read 2026-11). A callback's code
is 200, or 400 and 500; a poll's state is wait, queueing, generating, success or fail. UNKNOWN: the create answer (here
the market route's), which code stands for which failure (here 500), what a callback's `data` holds then besides the
task id, whose `video_url` is "empty or absent", the poll's answer for an id of nobody (here the market route's) and the
zone of `generateTime` (here UTC).
"""

import uuid
from datetime import UTC
from typing import Any, Final

from simulator import kie_envelope
from simulator.kie_envelope import good
from simulator.world import Offer, State, Task

SHAPES: Final = ("absent", "empty")  # `video_url` on failure

unauthorised = kie_envelope.unauthorised
busy = kie_envelope.busy
refusals = kie_envelope.refusals
not_found = kie_envelope.not_found
complaint = kie_envelope.complaint
created = kie_envelope.created


def polled(task: Task, offer: Offer) -> dict[str, Any]:
    """Answer a status request."""
    fail_code, fail_msg = (400, "The simulator was told to fail this task.") if task.state == "fail" else (0, "")
    files = None
    if task.state == "success":
        files = {
            "videoId": _video_id(task),
            "taskId": task.id,
            "videoUrl": offer.results[0],
            "imageUrl": offer.covers[0],
        }
    return good(
        {
            "taskId": task.id,
            "parentTaskId": "",
            "generateParam": {"prompt": task.request["prompt"], "imageUrl": "", "expandPrompt": True},
            "state": task.state,
            "generateTime": task.changed_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "videoInfo": files,
            "failCode": fail_code,
            "failMsg": fail_msg,
            "expireFlag": 0,
        }
    )


def called_back(task: Task, state: State, offer: Offer) -> dict[str, Any]:
    """Return the body of a callback that claims *state*, which is an end: the route has no word for less."""
    if state != "success":
        empty = {"video_url": ""} if task.chosen["shape"] == "empty" else {}
        return {"code": 500, "msg": "The simulator was told to fail this task.", "data": {"task_id": task.id} | empty}
    data = {
        "task_id": task.id,
        "video_id": _video_id(task),
        "video_url": offer.results[0],
        "image_url": next(iter(offer.covers), ""),  # a forger may have none
    }
    return {"code": 200, "msg": "All generated successfully.", "data": data}


def _video_id(task: Task) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, task.id))
