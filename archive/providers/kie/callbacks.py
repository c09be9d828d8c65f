"""
KIE's callbacks, each known by the fields it has. Pure.

Sources: https://docs.kie.ai/runway-api/generate-ai-video-callbacks,
https://docs.kie.ai/veo3-api/generate-veo-3-video-callbacks,
https://docs.kie.ai/veo3-api/get-veo-3-4k-video-callbacks and the OpenAPI callback of
https://docs.kie.ai/veo3-api/get-veo-3-4k-video, which is in snake_case (read 2026-11).
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from archive.errors import NotUnderstoodError
from archive.model import Event, Progress
from archive.providers.kie import shapes
from archive.providers.kie.fields import record, text, word
from archive.providers.kie.shapes import RUNWAY, VEO, VEO_4K
from archive.providers.kie.signing import sign

# Runway documents 200, 400 and 500, Veo all of these, 4K 200 and 500. Any other number is not final.
_CODES = {"200": Progress.SUCCEEDED, **dict.fromkeys(("400", "422", "500", "501"), Progress.FAILED)}


def normalise(document: Any, *, at: datetime, task_id: str | None = None) -> Event:  # noqa: ARG001
    """
    Read a callback of any shape; *at* is when it reached us.

    Raises:
        NotUnderstoodError: `not_an_object`, `shape_unknown`, and what `shapes.tell` raises.
    """
    if not isinstance(document, dict):
        raise NotUnderstoodError("not_an_object")
    data, code = record(document.get("data")), word(document.get("code"))
    if "state" in data:
        return shapes.market(data, at=at)
    if "result_urls" in data:
        info = {"resultUrls": data["result_urls"], "imageUrls": data.get("image_urls")}
        return _coded(VEO_4K, data.get("task_id"), code, partial(shapes.veo_files, info, again=True), data, at)
    if "task_id" in data:
        made = partial(shapes.runway_files, data.get("video_url"), data.get("image_url"))
        return _coded(RUNWAY, data["task_id"], code, made, data, at)
    # A failure has no `info`. That of a 4K film looks like one of an ordinary film: Veo's route is asked about both.
    if "taskId" in data and ("info" in data or code not in {"", "200"}):
        info = record(data.get("info"))
        again = shapes.is_4k(info) or ("info" in data and text(document.get("msg")).lower().startswith("4k"))
        made = partial(shapes.veo_files, info, again=again)
        return _coded(VEO_4K if again else VEO, data["taskId"], code, made, data, at)
    if "status" in document:
        return shapes.flat(document, at=at)
    raise NotUnderstoodError("shape_unknown")


def sample(task_id: str, url: str, *, key: str | None, now: datetime) -> tuple[dict[str, str], bytes]:
    """A callback of the flat shape, to try by hand."""
    document = {
        "taskId": task_id,
        "status": 1,
        "videoUrl": url,
        "duration": 10,
        "resolution": "1080p",
        "completedAt": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    signature = sign(task_id, key, now=now) if key is not None else {}
    return {"Content-Type": "application/json", **signature}, json.dumps(document).encode()


def _coded(
    route: str, task_id: Any, code: str, made: Callable[[], shapes.Files], data: Mapping[str, Any], at: datetime
) -> Event:
    """A callback whose state is its `code`."""
    cost = shapes.credits_of(data)
    return shapes.tell(route, task_id, _CODES.get(code), made, at=at, fail_code=code, cost=cost)
