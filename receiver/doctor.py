"""
POST /webhooks/-/{token}: where `reelkeep doctor --callback` knocks. Answers what arrived, signed; writes nothing.

It stands beside the sources, whose names cannot be `-`, because proxies are set up by path: what reaches this, reaches
them.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response

from archive.doctor import echo, token
from archive.settings import Settings
from receiver.answers import Answer
from receiver.bodies import read_body

_VERSION = version("reelkeep")


class Doctor:
    """The endpoint."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._keys = settings.signing_keys
        self._max_body = int(settings.server.max_body)
        self._clock = clock

    async def probe(self, request: Request) -> Response:
        """Tell `reelkeep doctor` what arrived of its probe. Without a token of its own: 401, and no body is read."""
        now = self._clock()
        nonce, key = token.read(request.path_params["token"], self._keys, now=now)
        body = await read_body(request, self._max_body)
        headers: dict[str, tuple[str, ...]] = {}
        for name, value in request.headers.items():
            headers[name] = (*headers.get(name, ()), value) if name in echo.TOLD else ()
        seen = echo.Seen(
            version=_VERSION,
            nonce=nonce,
            clock=int(now.timestamp() * 1000),
            method=request.method,
            http_version=request.scope["http_version"],
            path=request.scope.get("raw_path", b"").decode("latin-1"),
            query=request.scope["query_string"].decode("latin-1"),
            headers=headers,
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            max_body=self._max_body,
        )
        return Answer(echo.seal(seen, key), headers={"Cache-Control": "no-store"})
