"""What the operations share: paths, what is said, and lists that are read page by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypedDict, TypeVar
from urllib.parse import quote

from reelkeep.errors import UnreachableError
from reelkeep.model import Page
from reelkeep.reading import Row
from reelkeep.steps import Request, Steps

R = TypeVar("R", bound=Row)


class Filter(TypedDict, total=False):
    """What lists understand. `q` is the start of an id or digest, `limit` the rows on a page (200 at most)."""

    source: str
    state: str
    task_id: str
    external_id: str
    since: datetime
    until: datetime
    q: str
    limit: int


@dataclass(frozen=True)
class Pages(Generic[R]):
    """A list that is read page by page."""

    kind: type[R]
    path: str
    params: Mapping[str, Any]

    def at(self, cursor: str | None) -> Steps[Page[R]]:
        found = yield Request("GET", self.path, said(**self.params, cursor=cursor))
        return Page(tuple(map(self.kind.of, list_of(found, "items"))), found.get("next_cursor"))

    def all(self) -> Steps[list[R]]:
        items: list[R] = []
        cursor = None
        while True:
            page = yield from self.at(cursor)
            items += page.items
            cursor = page.next_cursor
            if cursor is None:
                return items


def said(**words: Any) -> dict[str, Any]:
    """What is not None, as JSON and query strings have it."""
    return {name: _plain(word) for name, word in words.items() if word is not None}


def _plain(word: Any) -> Any:
    if isinstance(word, datetime):
        if word.tzinfo is None:
            raise ValueError("an instant needs its offset (an aware datetime)")
        return word.astimezone(UTC).isoformat()
    return word


def path_to(what: str, key: str, *rest: str) -> str:
    """An id stays one segment, whatever it holds."""
    segment = quote(key, safe="").replace(".", "%2E") if key.strip(".") == "" else quote(key, safe="")
    return "/".join((f"/api/{what}", segment, *rest))


def list_of(found: Any, name: str) -> list[Any]:
    items = found.get(name)
    if not isinstance(items, list):
        raise UnreachableError(f"the answer has no list of {name}")
    return items
