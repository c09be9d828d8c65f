"""Connections to the providers' APIs through the egress proxy of the settings."""

import asyncio
import socket
from typing import Any

import httpcore

from archive.addresses import is_public
from archive.egress import Proxy
from archive.tunnel import PATIENCE, Connect, TunnelError

_CONNECT = 5.0  # seconds
_PIECE = 4096


class TunnelBackend(httpcore.AsyncNetworkBackend):
    """
    Sits under httpx, whose own way through a proxy would show it the path of each call.

    It is given names: an `api_base` is ours, so nothing has to be judged. What stands on our own side is reached
    without it.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the base class's)
        *_: Any,
        **__: Any,
    ) -> httpcore.AsyncNetworkStream:
        if await _is_inside(host):
            return await self._inner.connect_tcp(host, port, timeout)
        stream = await self._inner.connect_tcp(self._proxy.host, self._proxy.port, timeout)
        try:
            await self._dig(stream, Connect(self._proxy, host, port))
        except BaseException:
            await stream.aclose()
            raise
        return stream

    @staticmethod
    async def _dig(stream: httpcore.AsyncNetworkStream, asked: Connect) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await stream.write(asked.request, PATIENCE)
                while asked.status is None:
                    asked.hear(await stream.read(_PIECE, PATIENCE))
        except (TimeoutError, httpcore.TimeoutException, httpcore.NetworkError, TunnelError) as exc:
            raise httpcore.ConnectError("no answer of the proxy") from exc
        if not asked.is_open:
            raise httpcore.ProxyError("refused by the proxy")


async def _is_inside(host: str) -> bool:
    """Whether *host* stands on our own side of the proxy; what our own DNS does not know stands on the other."""
    try:
        async with asyncio.timeout(_CONNECT):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # TimeoutError is an OSError
        return False
    return not all(is_public(str(info[4][0])) for info in found)
