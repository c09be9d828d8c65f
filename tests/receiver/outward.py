"""The receiver as a real server, before providers that are real servers too: what goes out is seen on the wire."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from sqlalchemy import select

from archive.ledger import claims
from archive.ledger.database import Database
from archive.ledger.schema import callback_urls, tasks
from archive.settings import Settings
from receiver.app import create_app
from receiver.connections import Limits
from receiver.serving import config
from tests.doubles import SilentBell, wait_for
from tests.origin import Origin, Scene, answer

OPERATOR, VIEWER = "operator-token", "viewer-token"
KEY, OTHER_KEY = "our-api-key", "another-key-of-the-account"
SIGNING = "a-signing-key-" + "s" * 32
PROVIDERS = ("kie", "seedanceapi", "seedance2ai", "kyyaipower", "acedata")
GENERATE = "/api/v1/seedance/generate"  # KIE's


@dataclass
class Service:
    """A receiver on a port of its own, and a way to look into its ledger."""

    url: str
    db: Database
    slept: list[float] = field(default_factory=list)

    def ask(self, method: str, path: str, token: str = OPERATOR, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} | more.pop("headers", {})
        with httpx.Client(trust_env=False, timeout=30) as http:
            return http.request(method, self.url + path, headers=headers, **more)

    def rows(self, table: Any) -> list[dict[str, Any]]:
        with self.db.read() as conn:
            return [dict(row) for row in conn.execute(select(table)).mappings()]

    @property
    def tasks(self) -> list[dict[str, Any]]:
        return self.rows(tasks)

    @property
    def urls(self) -> list[dict[str, Any]]:
        return self.rows(callback_urls)


@contextmanager
def serving(db: Database, api: str, *, server: dict[str, Any] | None = None, **sources: Any) -> Iterator[Service]:
    """
    Serve over *db* with a source for each provider, called as it, whose API is at *api*; *sources* changes them.

    Pauses between attempts take no time and are kept in `slept`.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        known: dict[str, Any] = {"api_key": KEY, "api_base": api, "insecure_http": True, "proxy_keys": [OTHER_KEY]}
        told = {
            "server": {"operator_tokens": [OPERATOR], "viewer_tokens": [VIEWER], "public_url": url}
            | {"signing_keys": [SIGNING]} | (server or {}),
            "sources": {name: {"provider": name, **known, **sources.get(name, {})} for name in PROVIDERS},
        }  # fmt: skip
        settings = Settings.model_validate(told, context={"environ": {}, "mints": True})
        claims.register_sources(db, settings.caps)
        service = Service(url, db)

        async def sleep(seconds: float) -> None:
            service.slept.append(seconds)
            await asyncio.sleep(0)

        running = uvicorn.Server(config(create_app(settings, db, SilentBell(), sleep=sleep), Limits()))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_for(lambda: running.started)
            yield service
        finally:
            running.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def takes(server: Origin, *scenes: Scene, path: str = GENERATE) -> None:
    """Let *server* play *scenes* one after the other at *path*, the last one for ever."""
    waiting = list(scenes)

    def play(wire: Any) -> None:
        (waiting.pop(0) if len(waiting) > 1 else waiting[0])(wire)

    server.url(path, play)


def made(task_id: str = "seedance_1") -> Scene:
    """KIE's answer to an order that it took."""
    return answer({"code": 0, "message": "success", "data": {"taskId": task_id, "status": 0}})


def refuses(code: int, **status: Any) -> Scene:
    """KIE's answer to an order that it did not take."""
    return answer({"code": code, "message": "no", "data": None}, **status)


def hangs_up(wire: Any) -> None:
    """The request is read, and then the connection is reset."""
    wire.fire("hung up")
    wire.reset()


def header(head: str, name: str) -> list[str]:
    """Every value of a header in a request's head."""
    lines = [line.partition(":") for line in head.split("\r\n")[1:] if ":" in line]
    return [value.strip() for key, _, value in lines if key.lower() == name.lower()]
