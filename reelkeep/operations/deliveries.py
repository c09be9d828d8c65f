"""Deliveries: providers' callbacks as they came."""

from typing import Unpack

from reelkeep.model import Delivery, Page, Replayed
from reelkeep.operations.asking import Filter, Pages, path_to
from reelkeep.steps import Request, Steps


def get(key: str) -> Steps[Delivery]:
    """A delivery by its `id`; operators see its body."""
    return Delivery.of((yield Request("GET", path_to("deliveries", key))))


def each(**wanted: Unpack[Filter]) -> Pages[Delivery]:
    """Every delivery that fits, newest first; `state` is the outcome."""
    return Pages(Delivery, "/api/deliveries", wanted)


def list_page(cursor: str | None = None, **wanted: Unpack[Filter]) -> Steps[Page[Delivery]]:
    """One page of the deliveries that fit, newest first; `state` is the outcome."""
    return each(**wanted).at(cursor)


def replay(key: str) -> Steps[Replayed]:
    """Read a stored delivery again."""
    return Replayed.of((yield Request("POST", path_to("deliveries", key, "replay"))))
