"""
Speak as KIE.ai's `/api/v1/jobs/*` does: `{code, msg, data}`, code 200 is good, errors too are HTTP 200.

Sources, read 2026-11: https://docs.kie.ai/market/common/get-task-detail for polls, and for callbacks the
schemas of the market pages (wan/3-0-video-prime, elevenlabs/audio-isolation). `param` and `resultJson` are
strings that hold JSON, and `param.input` is one again. `costTime` is in milliseconds in polls and in
seconds in callbacks. UNKNOWN, and chosen as the least that can be said: a poll before the end, a poll of a
failed task, a refused create request, and whether progress is ever called back.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from simulator.world import Answer, State, Task

_FAILURE: Final = ("400", "The simulator was told to fail this task.")
_CREDITS: Final = 61


def unauthorised() -> Answer:
    """Refuse a wrong key. Code 401 is documented; its HTTP status and wording are UNKNOWN."""
    return 401, {"code": 401, "msg": "You do not have access permissions"}


def not_found() -> Answer:
    """Answer for a task of another route or of nobody: under HTTP 200 indeed, as clients meet it."""
    return refusal(422, "recordInfo is null")


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves."""
    if not isinstance(request.get("model"), str) or not isinstance(request.get("input"), dict):
        return refusal(422, "model and input are required")
    if not isinstance(request.get("callBackUrl", ""), str):
        return refusal(422, "callBackUrl is not a URL")
    return None


def refusal(code: int, reason: str) -> Answer:
    """Refuse under HTTP 200, as the docs say that failures may come too."""
    return 200, {"code": code, "msg": reason, "data": None}


def created(task: Task) -> dict[str, Any]:
    """Answer a create request."""
    return _envelope({"taskId": task.id})


def polled(task: Task, links: Sequence[str]) -> dict[str, Any]:
    """Answer a status request: empty strings where a callback says null."""
    fail_code, fail_msg = _FAILURE if task.state == "fail" else ("", "")
    ended: dict[str, Any] = {}
    if task.ready_at is not None:
        ended = {"costTime": round(task.took.total_seconds() * 1000), "completeTime": _ms(task.changed_at)}
    return _envelope(
        _claim(task, task.state)
        | {
            "resultJson": _result(links) if task.state == "success" else "",
            "failCode": fail_code,
            "failMsg": fail_msg,
        }
        | ended
        | {"createTime": _ms(task.created_at), "updateTime": _ms(task.changed_at)}
    )


def called_back(task: Task, state: State, links: Sequence[str]) -> dict[str, Any]:
    """Return the body of a callback that claims *state*."""
    if state == "generating":
        return {"code": 200, "msg": "Playground task is generating.", "data": _claim(task, state)}
    cost = round(task.took.total_seconds())
    if state == "fail":
        fail_code, fail_msg = _FAILURE
        facts = {
            "resultJson": None,
            "failCode": fail_code,
            "failMsg": fail_msg,
            "costTime": cost,
            "creditsConsumed": 0,
        }
        return {"code": 501, "msg": "Playground task failed.", "data": _claim(task, state) | facts}
    facts = {
        "resultJson": _result(links),
        "failCode": None,
        "failMsg": None,
        "costTime": cost,
        "completeTime": _ms(task.changed_at),
        "createTime": _ms(task.created_at),
        "updateTime": _ms(task.changed_at),
        "creditsConsumed": _CREDITS,
    }
    return {
        "code": 200,
        "msg": "Playground task completed successfully.",
        "data": _claim(task, state) | facts,
    }


def _claim(task: Task, state: State) -> dict[str, Any]:
    """The four keys the callback page requires. `param` echoes the request with its callback URL."""
    echo: dict[str, Any] = {"input": _json(task.request["input"])}
    if "callBackUrl" in task.request:
        echo["callBackUrl"] = task.request["callBackUrl"]
    echo["model"] = task.request["model"]
    return {"taskId": task.id, "model": task.request["model"], "state": state, "param": _json(echo)}


def _result(links: Sequence[str]) -> str:
    return _json({"resultUrls": list(links)})


def _envelope(data: dict[str, Any]) -> dict[str, Any]:
    return {"code": 200, "msg": "success", "data": data}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
