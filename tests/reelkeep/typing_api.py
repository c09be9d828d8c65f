"""What a type checker must make of our client. Read by mypy, never run."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import assert_type

import httpx

from reelkeep.client import AsyncClient, Client, RefusedError, Retries
from reelkeep.model import (
    Asset,
    CallbackUrl,
    Content,
    Found,
    Generated,
    Imported,
    Notification,
    Page,
    Retried,
    Status,
    Target,
    Task,
)
from reelkeep.notifications import Message, read

with Client("https://h", "token", timeout=5, retries=Retries(1), http=httpx.Client()) as client:
    assert_type(client, Client)
    assert_type(client.tasks.add("kie", "t1", external_id="o", metadata={"a": 1}), Task)
    assert_type(
        client.tasks.import_([{"source": "kie", "task_id": "t1", "expected_by": datetime.now(UTC)}]), list[Imported]
    )
    assert_type(client.tasks.look_up(["k1"]), list[Found])
    assert_type(client.tasks.list(state="open", limit=5), Page[Task])
    assert_type(client.tasks.each(since=datetime.now(UTC)), Iterator[Task])
    assert_type(client.assets.wait("k1", timeout=60), list[Asset])
    assert_type(client.assets.download("a1", "film.mp4"), Asset)
    assert_type(client.assets.content("a1"), Content)
    assert_type(client.assets.get("a1").archived_at, datetime | None)
    assert_type(client.assets.retry("a1"), Retried)
    assert_type(client.callback_url("kie"), CallbackUrl)
    assert_type(client.generate("kie", {"duration": 5}, prompt="a fox"), Generated)
    assert_type(client.notifications.redrive_all(target="mine"), int)
    assert_type(client.targets.list(), tuple[Target, ...])
    assert_type(client.status(), Status)
    client.tasks.add("kie")  # type: ignore[call-arg]
    client.tasks.add("kie", 5)  # type: ignore[arg-type]
    client.tasks.each(stat="open")  # type: ignore[call-arg]
    client.tasks.import_([{"source": "kie"}])  # type: ignore[typeddict-item]
    client.assets.get("a1").size = 5  # type: ignore[misc]


async def looped() -> None:
    async with AsyncClient("https://h", "token", http=httpx.AsyncClient()) as client:
        assert_type(client, AsyncClient)
        assert_type(await client.tasks.add("kie", "t1"), Task)
        assert_type(client.assets.each(source="kie"), AsyncIterator[Asset])
        assert_type(await client.assets.wait("k1"), list[Asset])
        assert_type(await client.notifications.list(type="asset.lost"), Page[Notification])
        assert_type([task.task_id async for task in client.tasks.each()], list[str])
        Client("https://h", http=httpx.AsyncClient())  # type: ignore[arg-type]


def received(body: bytes, headers: httpx.Headers) -> None:
    message = read(body, headers, ["whsec_x"])
    assert_type(message, Message)
    assert_type(message.timestamp, datetime)


def refused(exc: RefusedError) -> None:
    assert_type((exc.status, exc.reason, exc.detail, exc.retry_after), tuple[int, str, str, float | None])
