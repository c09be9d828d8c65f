"""
What a client raises. No error holds a token, a presigned link or a body.

ClientError
├── RefusedError         the service answered with a problem
├── UnreachableError     nothing answers there, or something that is no Reelkeep
├── DownloadError        the file could not be had whole
├── TaskFailedError      waited for a task that brought nothing
├── NotInTimeError       waited long enough (a TimeoutError too)
└── NotificationError    not a notification of ours, or one that was changed on its way
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_OF_EVERY_PROBLEM = frozenset({"type", "title", "status", "detail", "reason"})


class ClientError(Exception):
    """Base of all errors of this package."""


class RefusedError(ClientError):
    """
    The service answered with a problem (RFC 9457).

    `reason` is its lower_snake slug, `retry_after` how many seconds it wants to be left alone, `problem` all that it
    said: an order that was taken but could not be registered has its `task_ids` there. What is special to it is in the
    message too.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        retry_after: float | None = None,
        problem: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        more = "".join(f" {name}={value}" for name, value in problem.items() if name not in _OF_EVERY_PROBLEM)
        super().__init__(f"{detail} ({reason}){more}")
        self.status = status
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after
        self.problem = problem


class UnreachableError(ClientError):
    """Nothing answers, or no Reelkeep does. Where `is_unsent`, the request surely did not arrive."""

    def __init__(self, message: str, *, is_unsent: bool = False) -> None:
        super().__init__(message)
        self.is_unsent = is_unsent


class DownloadError(ClientError):
    """`reason`: `size_mismatch`, `digest_mismatch`, `interrupted`, `not_archived`, or `http_403` and the like."""

    def __init__(self, asset: str, reason: str) -> None:
        super().__init__(f"asset {asset} could not be downloaded ({reason})")
        self.asset = asset
        self.reason = reason


class TaskFailedError(ClientError):
    """The task ended as `failed` or `gone`."""

    def __init__(self, task: str, state: str, reason: str | None) -> None:
        super().__init__(f"task {task} is {state} ({reason or 'no reason told'})")
        self.task = task
        self.state = state
        self.reason = reason


class NotInTimeError(ClientError, TimeoutError):
    """The task or some of its assets have not ended yet."""

    def __init__(self, task: str, seconds: float) -> None:
        super().__init__(f"task {task} has not ended within {seconds:g} s")
        self.task = task


class NotificationError(ClientError):
    """
    `reason`: `headers_missing`, `headers_malformed`, `timestamp_stale`, `signature_mismatch`, `not_understood`, or
    `secret_unusable`, which is the receiver's own mistake.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
