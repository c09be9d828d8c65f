"""Notifications as the service keeps them, and the targets they go to."""

from datetime import datetime
from typing import TypedDict, Unpack

from reelkeep.model import Notification, Page, Retried, Target
from reelkeep.operations.asking import Pages, list_of, path_to, said
from reelkeep.steps import Request, Steps


class RedriveFilter(TypedDict, total=False):
    """Which dead notifications; the target "" are those to URLs that callers of the proxy gave."""

    target: str
    type: str
    source: str
    since: datetime
    until: datetime


class NotificationFilter(RedriveFilter, total=False):
    """What lists of notifications understand."""

    state: str
    q: str
    limit: int


def get(key: str) -> Steps[Notification]:
    """A notification by its `id`."""
    return Notification.of((yield Request("GET", path_to("notifications", key))))


def each(**wanted: Unpack[NotificationFilter]) -> Pages[Notification]:
    """Every notification that fits, newest first."""
    return Pages(Notification, "/api/notifications", wanted)


def list_page(cursor: str | None = None, **wanted: Unpack[NotificationFilter]) -> Steps[Page[Notification]]:
    """One page of the notifications that fit, newest first."""
    return each(**wanted).at(cursor)


def redrive(key: str) -> Steps[Retried]:
    """Send a dead or a delivered notification again."""
    return Retried.of((yield Request("POST", path_to("notifications", key, "redrive"))))


def redrive_all(**wanted: Unpack[RedriveFilter]) -> Steps[int]:
    """Send every dead notification that fits again, and return how many."""
    found = yield Request("POST", "/api/notifications/redrive", body=said(**wanted))
    return int(found.get("redriven", 0))


def targets() -> Steps[tuple[Target, ...]]:
    """The applications that are told."""
    found = yield Request("GET", "/api/targets")
    return tuple(map(Target.of, list_of(found, "items")))


def try_target(name: str) -> Steps[Notification]:
    """Send a test notification to the target *name*."""
    return Notification.of((yield Request("POST", path_to("targets", name, "test"))))
