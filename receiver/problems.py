"""Errors as RFC 9457 problem documents. One table from our errors to HTTP; no detail ever repeats what was sent."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from archive.documents import MAX_DEPTH, MAX_VALUES
from archive.errors import LedgerError, MalformedDeliveryError, ReelkeepError, UnknownSourceError, VerificationError
from receiver.answers import Answer

STATUS: dict[type[ReelkeepError], int] = {
    UnknownSourceError: 404,
    MalformedDeliveryError: 400,
    VerificationError: 401,
    LedgerError: 503,
}
RETRY_AFTER = "2"  # seconds


class ProblemError(Exception):
    """An answer other than 2xx that an endpoint decided on. *more* are members beside those of every problem."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = dict(more or {})


def problem(
    status: int,
    reason: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """A problem document; `type` is `about:blank`, since the status and the reason say all there is."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "reason": reason,
        **(more or {}),
    }
    return Answer(document, status, headers=dict(headers or {}), media_type="application/problem+json")


def on_problem(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, ProblemError)  # noqa: S101 (registered for this type alone)
    return problem(exc.status, exc.reason, exc.detail, exc.headers, exc.more)


def on_error(_request: Request, exc: Exception) -> Response:
    """Our own errors, by the table."""
    assert isinstance(exc, ReelkeepError)  # noqa: S101
    status = next((STATUS[kind] for kind in type(exc).__mro__ if kind in STATUS), 503)
    headers = {"Retry-After": RETRY_AFTER} if status == 503 else {}
    if status == 401:
        headers = {"WWW-Authenticate": "Reelkeep-Webhook"}
    detail = _REASONS.get(exc.reason) or _DETAIL.get(status, "The request cannot be served.")
    return problem(status, exc.reason, detail, headers)


def on_http(request: Request, exc: Exception) -> Response:
    """The router's own: 404 and 405. A path may have several routes; the router names the methods of the first only."""
    assert isinstance(exc, HTTPException)  # noqa: S101
    reasons = {404: "not_found", 405: "method_not_allowed"}
    headers = dict(exc.headers or {})
    if exc.status_code == 405:
        fitting = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
        headers["Allow"] = ", ".join(sorted({method for route in fitting for method in route.methods}))
    return problem(exc.status_code, reasons.get(exc.status_code, "refused"), exc.detail, headers)


def on_crash(_request: Request, _exc: Exception) -> Response:
    """
    A mistake of ours: nothing was committed, so ask for the delivery again rather than answer 500.

    The server hangs up after it. A proxy that is not told would send the next callback into a closed connection.
    """
    headers = {"Retry-After": RETRY_AFTER, "Connection": "close"}
    return problem(503, "internal_error", "Something went wrong here; please try again.", headers)


_REASONS = {
    "too_deep": f"The body is nested deeper than {MAX_DEPTH} levels.",
    "too_many_values": f"The body has more than {MAX_VALUES} brackets and commas.",
}
_DETAIL = {
    400: "The body is not a JSON document.",
    401: "The delivery does not prove that it comes from the provider.",
    404: "No such source is configured.",
    503: "The delivery could not be committed now; please deliver it again.",
}
