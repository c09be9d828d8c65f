"""
Speak as KIE.ai's `/api/v1/jobs/*` does: `{code, msg, data}`, code 200 is good, errors too are HTTP 200.

Sources, read 2026-11: https://docs.kie.ai/market/common/get-task-detail for polls, and for callbacks the
schemas of the market pages (wan/3-0-video-prime, elevenlabs/audio-isolation). `param` and `resultJson` are
strings that hold JSON, and `param.input` is one again. `costTime` is in milliseconds in polls and in
seconds in callbacks. UNKNOWN, and chosen as the least that can be said: a poll before the end, a poll of a
failed task, a refused create request, and whether progress is ever called back.
"""

from collections.abc import Mapping
from typing import Any, Final

from simulator import kie_envelope
from simulator.kie_envelope import compact, good, milliseconds, refusal
from simulator.rules import OBJECT, URL, WORD, offending
from simulator.world import Answer, Offer, State, Task

NOT_FOUND: Final = ("code_422", "code_404")  # the first is what clients meet
_STATES: Final[Mapping[State, str]] = {
    "queued": "queuing",
    "generating": "generating",
    "success": "success",
    "fail": "fail",
}
_FAILURE: Final = ("400", "The simulator was told to fail this task.")
_CREDITS: Final = 61

unauthorised = kie_envelope.unauthorised
busy = kie_envelope.busy
refusals = kie_envelope.refusals
created = kie_envelope.created


def not_found(task: Task | None) -> Answer:
    """
    Answer for a task of another route or of nobody: under HTTP 200 indeed, as clients meet it.

    The docs have code 404 too; that its HTTP status is 404 is a guess.
    """
    if task is not None and task.chosen["not_found_as"] == "code_404":
        return 404, {"code": 404, "msg": "Task not found", "data": None}
    return refusal(422, "recordInfo is null")


def complaint(request: dict[str, Any]) -> Answer | None:
    """Return the error that *request* deserves."""
    wrong = offending(request, {"model": WORD, "input": OBJECT, "callBackUrl": URL}, {"model", "input"})
    return refusal(422, f"{', '.join(wrong)} is missing or wrong") if wrong else None


def polled(task: Task, offer: Offer) -> dict[str, Any]:
    """Answer a status request: empty strings where a callback says null."""
    fail_code, fail_msg = _FAILURE if task.state == "fail" else ("", "")
    ended: dict[str, Any] = {}
    if task.ready_at is not None:
        ended = {"costTime": round(task.took.total_seconds() * 1000), "completeTime": milliseconds(task.changed_at)}
    return good(
        _claim(task, task.state)
        | {
            "resultJson": _result(offer) if task.state == "success" else "",
            "failCode": fail_code,
            "failMsg": fail_msg,
        }
        | ended
        | {"createTime": milliseconds(task.created_at), "updateTime": milliseconds(task.changed_at)}
    )


def called_back(task: Task, state: State, offer: Offer) -> dict[str, Any]:
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
        "resultJson": _result(offer),
        "failCode": None,
        "failMsg": None,
        "costTime": cost,
        "completeTime": milliseconds(task.changed_at),
        "createTime": milliseconds(task.created_at),
        "updateTime": milliseconds(task.changed_at),
        "creditsConsumed": _CREDITS,
    }
    return {
        "code": 200,
        "msg": "Playground task completed successfully.",
        "data": _claim(task, state) | facts,
    }


def _claim(task: Task, state: State) -> dict[str, Any]:
    """The four keys the callback page requires. `param` echoes the request with its callback URL."""
    echo: dict[str, Any] = {"input": compact(task.request["input"])}
    if "callBackUrl" in task.request:
        echo["callBackUrl"] = task.request["callBackUrl"]
    echo["model"] = task.request["model"]
    return {"taskId": task.id, "model": task.request["model"], "state": _STATES[state], "param": compact(echo)}


def _result(offer: Offer) -> str:
    return compact({"resultUrls": list(offer.results)})
