"""Requests as they stand, asked of the application itself: no client tidies paths up or waits its turn."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.receiver.house import House


@dataclass(frozen=True)
class Ask:
    """One request; *path* is percent-encoded as on the wire."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


@dataclass(frozen=True)
class Told:
    """What the application answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask_all(house: House, asked: Iterable[Ask], *, at_once: bool = False) -> list[Told]:
    """The answers, in order: one after the other, or *at_once*: all have begun before the first body is there."""

    async def every() -> list[Told]:
        gate = asyncio.Event()
        if not at_once:
            gate.set()
            return [await _one(house, ask, gate) for ask in asked]
        asking = [asyncio.create_task(_one(house, ask, gate)) for ask in asked]
        await asyncio.sleep(0)
        gate.set()
        return list(await asyncio.gather(*asking))

    assert house.client.portal is not None
    return house.client.portal.call(every)


async def _one(house: House, ask: Ask, gate: asyncio.Event) -> Told:
    sent: list[Any] = []
    headers = {"content-type": "application/json", **ask.headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": ask.method, "scheme": "http",
        "path": unquote(ask.path), "raw_path": ask.path.encode(), "query_string": b"", "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("192.0.2.1", 7), "server": ("reelkeep", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        await gate.wait()
        return {"type": "http.request", "body": ask.body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await house.client.app(scope, receive, send)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Told(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))
