"""Through an egress proxy, on a connection to it: bounded in bytes and time."""

import time

import httpcore

from archive.egress import Proxy
from archive.errors import WireError
from archive.tunnel import PATIENCE, Connect, TunnelError
from workers.patience import bounded

_PIECE = 4096


class NotReachedError(WireError):
    """The proxy itself does its work, but did not get through to that address."""


def dig(stream: httpcore.NetworkStream, proxy: Proxy, host: str, port: int) -> None:
    """
    Have *proxy*, at the other end of *stream*, connect to *host*; what follows on the stream is between us and it.

    Raises:
        NotReachedError: `proxy_refused`, another address may do.
        WireError: `proxy_refused`; `proxy_unreachable` where no answer came that could be understood.
    """
    asked, end = Connect(proxy, host, port), time.monotonic() + PATIENCE
    try:
        stream.write(asked.request, bounded(PATIENCE))
        while asked.status is None:
            asked.hear(stream.read(_PIECE, bounded(max(0.001, end - time.monotonic()))))
    except (httpcore.TimeoutException, httpcore.NetworkError, TunnelError) as exc:
        raise WireError("proxy_unreachable") from exc
    if asked.is_unreached:
        raise NotReachedError("proxy_refused")
    if not asked.is_open:
        raise WireError("proxy_refused")
