"""A real service for clients: the receiver behind uvicorn on a free port, a ledger, a store, and hands that archive."""

import asyncio
import hashlib
import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import uvicorn

from archive.ledger import claims, results
from archive.ledger.claims import Intent
from archive.ledger.database import Database
from archive.providers import kie
from archive.settings import Settings
from receiver.app import create_app
from receiver.connections import Limits
from receiver.serving import config
from reelkeep.client import AsyncClient, Client
from reelkeep.methods import RunsAsync
from tests.doubles import SilentBell, wait_for

OPERATOR, KEY, BUCKET = "operator-token", "kie-test-hmac-key", "videos"
FILM = bytes(range(256)) * 1000  # several pieces


@dataclass
class Service:
    """What stands behind `url`."""

    url: str
    settings: Settings
    db: Database
    store: Any  # a plain S3 client

    def call_back(self, task_id: str) -> None:
        """The provider's callback for *task_id* arrives."""
        headers, body = kie.sample(task_id, f"https://storage.kie.ai/{task_id}.mp4", key=KEY, now=datetime.now(UTC))
        answer = httpx.post(f"{self.url}/webhooks/kie", content=body, headers=headers, trust_env=False)
        assert "accepted" == answer.json()["outcome"]

    def archive(self, film: bytes = FILM, *, stored: bytes | None = None) -> str:
        """Archive the most urgent asset as a worker would, with *film* (or *stored*) as its object; return its id."""
        claim = claims.take(self.db, "w", self.settings.caps, timedelta(seconds=12))
        assert claim is not None
        key = f"assets/kie/{claim.asset_id}.mp4"
        put = self.store.put_object(Bucket=BUCKET, Key=key, Body=film if stored is None else stored)
        digest = hashlib.sha256(film).hexdigest()
        results.intend(self.db, claim, Intent(BUCKET, key, len(film), digest, "video/mp4", '{"duration": 5.0}'))
        results.archived(self.db, claim, put["VersionId"], {"size": len(film)})
        return claim.asset_id


@contextmanager
def serve(db: Database, store: Any, endpoint_url: str) -> Iterator[Service]:
    """Run the receiver's application as its process would."""
    told = {
        "server": {"operator_tokens": [OPERATOR], "signing_keys": ["k" * 32]},
        "store": {"bucket": BUCKET, "endpoint_url": endpoint_url},
        "sources": {
            "kie": {"provider": "kie", "webhook_keys": [KEY]},
            "unsigned": {"provider": "seedanceapi", "api_key": "api-key"},
        },
    }
    settings = Settings.model_validate(told, context={"environ": {}, "mints": True})
    claims.register_sources(db, settings.caps)
    app = create_app(settings, db, SilentBell())
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config(app, Limits()))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def is_up() -> bool:
        return server.started

    wait_for(is_up)
    yield Service(f"http://127.0.0.1:{listener.getsockname()[1]}", settings, db, store)
    server.should_exit = True
    thread.join(20)
    listener.close()


class Awaited:
    """An `AsyncClient` as it would be with threads, so that both can be held to the same promises."""

    def __init__(self, runner: asyncio.Runner, what: Any) -> None:
        self._runner = runner
        self._what = what

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._what, name)
        if isinstance(found, RunsAsync):
            return Awaited(self._runner, found)

        def call(*args: Any, **kwargs: Any) -> Any:
            made = found(*args, **kwargs)
            return iter(self._runner.run(_all(made))) if inspect.isasyncgen(made) else self._runner.run(made)

        return call


async def _all(items: Any) -> list[Any]:
    return [item async for item in items]


Sleep = Callable[[float], object]


def awake(seconds: float) -> None:
    """For who never has to wait."""
    raise AssertionError(f"nothing here is a reason to sleep for {seconds} s")


@contextmanager
def opened(kind: str, url: str, token: str = OPERATOR, *, sleep: Sleep = awake, **more: Any) -> Iterator[Client]:
    """A client of *kind* that does *sleep* where it would sleep."""
    if kind == "threads":
        with Client(url, token, sleep=sleep, **more) as client:
            yield client
        return

    async def sleeping(seconds: float) -> None:
        sleep(seconds)

    with asyncio.Runner() as runner:
        looped = runner.run(_made(url, token, sleep=sleeping, **more))
        yield cast("Client", Awaited(runner, looped))
        runner.run(looped.aclose())


async def _made(url: str, token: str, **more: Any) -> AsyncClient:
    return AsyncClient(url, token, **more)
