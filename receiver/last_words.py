"""What is said before a connection is closed that cannot go on: problem documents as bytes. Pure."""

from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from receiver.problems import RETRY_AFTER, ProblemError, problem


def malformed(detail: str) -> ProblemError:
    return ProblemError(400, "malformed_request", detail)


def large_head() -> ProblemError:
    return ProblemError(431, "header_too_large", "The header section is too large.")


def slow(what: str) -> ProblemError:
    return ProblemError(408, "request_timeout", f"The request took too long to send {what}.")


def busy(detail: str) -> ProblemError:
    return ProblemError(503, "receiver_busy", detail, {"Retry-After": RETRY_AFTER})


def encoded(word: ProblemError, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """*word* as an HTTP/1.1 answer, the server's own header *fields* first."""
    answer = problem(word.status, word.reason, word.detail, {**word.headers, "Connection": "close"})
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in (*fields, *answer.raw_headers))
    return STATUS_LINE[word.status] + lines + b"\r\n" + bytes(answer.body)
