"""An application that tells what it was asked, behind the receiver's server, within limits that are quickly reached."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

from receiver.connections import Limits
from receiver.serving import config
from tests.doubles import wait_for

QUICK = Limits(head_time=0.5, body_time=0.5, linger=0.5, tick=0.05, connections=64)


@dataclass
class Echo:
    """`/early` answers before it reads, `/wait` when told to, `/big` at length; all others say what they heard."""

    port: int = 0
    begun: list[str] = field(default_factory=list)  # paths of all requests
    heard: list[dict[str, Any]] = field(default_factory=list)  # requests whose body came whole
    broken: list[str] = field(default_factory=list)  # paths of requests whose body did not
    go_on: threading.Event = field(default_factory=threading.Event)
    big: int = 8 << 20
    sockets: Callable[[], int] = lambda: 0  # how many are open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        told = {
            "method": scope["method"],
            "path": scope["path"],
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        }
        body = b""
        self.begun.append(scope["path"])
        if scope["path"] != "/early":
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.broken.append(scope["path"])
                    return
                body += message["body"]
                if not message["more_body"]:
                    break
            told["body"] = body.decode("latin-1")
            self.heard.append(told)
        if scope["path"] == "/wait":
            await asyncio.to_thread(self.go_on.wait, 20)
        said = b"x" * self.big if scope["path"] == "/big" else json.dumps(told).encode()
        headers = [(b"content-length", str(len(said)).encode())]
        await send({"type": "http.response.start", "status": 401 if scope["path"] == "/early" else 200,
                    "headers": headers})  # fmt: skip
        await send({"type": "http.response.body", "body": said})


@contextmanager
def echo(**limits: Any) -> Iterator[Echo]:
    """Serve one, within `QUICK` but for *limits*."""
    made = Echo()
    settings = config(made, replace(QUICK, **limits), port=0, lifespan="off")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        made.sockets = lambda: len(server.server_state.connections)
        made.port = server.servers[0].sockets[0].getsockname()[1]
        yield made
    finally:
        made.go_on.set()
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
