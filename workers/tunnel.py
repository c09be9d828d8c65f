"""Through an egress proxy: one CONNECT exchange, bounded in bytes and time. Credentials go to the proxy alone."""

import time

import h11
import httpcore

from archive.egress import Proxy
from archive.errors import WireError
from workers.patience import bounded

PATIENCE = 10.0  # seconds for the proxy's answer: it resolves and connects meanwhile
MAX_HEAD = 16 << 10  # bytes
_NOT_REACHED = frozenset({502, 503, 504})  # the proxy's word for a host that does not answer
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
    end = time.monotonic() + PATIENCE
    try:
        status = _exchange(stream, proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", end)
    except (httpcore.TimeoutException, httpcore.NetworkError, h11.RemoteProtocolError) as exc:
        raise WireError("proxy_unreachable") from exc
    if status in _NOT_REACHED:
        raise NotReachedError("proxy_refused")
    if not 200 <= status < 300:
        raise WireError("proxy_refused")


def _exchange(stream: httpcore.NetworkStream, proxy: Proxy, target: str, end: float) -> int:
    headers = [("Host", target)]
    if proxy.authorization is not None:
        headers.append(("Proxy-Authorization", proxy.authorization))
    wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    request = wire.send(h11.Request(method="CONNECT", target=target, headers=headers)) or b""
    stream.write(request + (wire.send(h11.EndOfMessage()) or b""), bounded(PATIENCE))
    left = MAX_HEAD  # over all answers: 1xx may come before the one that counts
    while True:
        event = wire.next_event()
        if isinstance(event, h11.Response):
            early, _ = wire.trailing_data
            if early and event.status_code < 300:
                # We speak first in what follows, so this is nobody's answer to us.
                raise h11.RemoteProtocolError("bytes before our own")
            return event.status_code
        if event is h11.NEED_DATA:
            if end - time.monotonic() <= 0 or left <= 0:
                raise h11.RemoteProtocolError("no end of it")
            piece = stream.read(min(_PIECE, left), bounded(end - time.monotonic()))
            left -= len(piece)
            if not piece:
                raise h11.RemoteProtocolError("hung up")
            wire.receive_data(piece)
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("no answer")
