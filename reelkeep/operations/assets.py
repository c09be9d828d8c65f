"""Assets: the files of tasks, where they stand, and how to get them."""

import os
from typing import IO, Unpack

from reelkeep.download import Sink, landing
from reelkeep.errors import DownloadError, NotInTimeError, TaskFailedError
from reelkeep.model import Asset, Content, Page, Retried
from reelkeep.operations import tasks
from reelkeep.operations.asking import Filter, Pages, path_to
from reelkeep.steps import Fetch, Now, Request, Sleep, Steps

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0  # seconds between looks at a task that is waited for


def get(key: str) -> Steps[Asset]:
    """An asset by its `id`."""
    return Asset.of((yield Request("GET", path_to("assets", key))))


def each(**wanted: Unpack[Filter]) -> Pages[Asset]:
    """Every asset that fits, newest first; pages are asked for as they are needed."""
    return Pages(Asset, "/api/assets", wanted)


def list_page(cursor: str | None = None, **wanted: Unpack[Filter]) -> Steps[Page[Asset]]:
    """One page of the assets that fit, newest first."""
    return each(**wanted).at(cursor)


def retry(key: str) -> Steps[Retried]:
    """Try a waiting, quarantined or lost asset now."""
    return Retried.of((yield Request("POST", path_to("assets", key, "retry"))))


def content(key: str) -> Steps[Content]:
    """A presigned link to the archived file, and when it dies."""
    asked = Request("GET", path_to("assets", key, "content"), headers={"Accept": "application/json"})
    return Content.of((yield asked))


def download(key: str, to: str | os.PathLike[str] | IO[bytes]) -> Steps[Asset]:
    """
    Write the archived file to *to* and return its asset. Size and SHA-256 are checked against the ledger's.

    A path has the whole file at the end, in place of what stood there, or is left as it was. In a file that you have
    opened, trust what was written only when no error was raised; an interrupted transfer is repeated if it can seek.

    Raises:
        DownloadError: the bytes are not those that were archived, or could not be had.
    """
    link = yield from content(key)
    asset = yield from get(key)
    if asset.size is None or asset.sha256 is None:
        raise DownloadError(key, "not_archived")
    with landing(to) as file:
        yield Fetch(key, link.url, Sink(file, asset.size, asset.sha256))
    return asset


def wait(task: str, timeout: float = 900.0) -> Steps[list[Asset]]:
    """
    Wait up to *timeout* seconds until *task* (Reelkeep's `id`) and all its assets have ended, and return these.

    They may be archived, or lost or quarantined: see their `state`.

    Raises:
        TaskFailedError: the provider made nothing, or says so no more.
        NotInTimeError: they have not ended yet.
    """
    end = (yield Now()) + timeout
    pause = _FIRST_PAUSE
    while True:
        found = yield from tasks.get(task)
        assets = yield from each(source=found.source, task_id=found.task_id, limit=200).all()
        if found.has_ended and all(asset.has_ended for asset in assets):
            if found.state != "succeeded":
                raise TaskFailedError(task, found.state, found.reason)
            return assets
        left = end - (yield Now())
        if left <= 0:
            raise NotInTimeError(task, timeout)
        yield Sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
