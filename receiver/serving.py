"""How the receiver is served: uvicorn on our terms. Every process and test that serves it does so through here."""

from typing import Any

import uvicorn
from starlette.types import ASGIApp

from receiver.connections import BACKLOG, Limits
from receiver.protocol import guarded

GRACE = 10  # seconds for requests that run when the process is told to stop


def config(app: ASGIApp, limits: Limits, **more: Any) -> uvicorn.Config:
    """uvicorn's settings for *app* within *limits*; *more* says where to listen."""
    return uvicorn.Config(
        app,
        http=guarded(limits),  # type: ignore[arg-type]  # it is only called; uvicorn asks for a class
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # the application does it, by server.trusted_proxies
        timeout_keep_alive=int(limits.idle_time),
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE,
        **more,
    )
