"""
What is said to an egress proxy before it is out of the way: one CONNECT, and its answer. Pure; others send and read.

The credentials go to the proxy, and nothing of what the tunnel is for: no link, no key.
"""

import h11

from archive.egress import Proxy

PATIENCE = 10.0  # seconds for the proxy's answer: it may resolve, and it connects, meanwhile
MAX_HEAD = 16 << 10  # bytes of all it answers; 1xx may come before the one that counts
_NOT_REACHED = frozenset({502, 503, 504})  # a proxy's word for a host that does not answer


class TunnelError(Exception):
    """What was answered cannot be understood, or is too long."""


class Connect:
    """One exchange: send `request`, then hand over what comes until there is a `status`."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._left = MAX_HEAD
        self.status: int | None = None
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        headers = [("Host", target)]
        if proxy.authorization is not None:
            headers.append(("Proxy-Authorization", proxy.authorization))
        self.request: bytes = self._wire.send(h11.Request(method="CONNECT", target=target, headers=headers)) or b""
        self._wire.send(h11.EndOfMessage())

    @property
    def is_open(self) -> bool:
        """Whether the tunnel stands."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_unreached(self) -> bool:
        """Whether the proxy does its work but did not get through to that address."""
        return self.status in _NOT_REACHED

    def hear(self, data: bytes) -> None:
        """Take in *data*, empty where the proxy hung up. Raises TunnelError."""
        self._left -= len(data)
        if not data or self._left < 0:
            raise TunnelError
        try:
            self._wire.receive_data(data)
            while (event := self._wire.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Response):
                    self.status = event.status_code
                    break
                if not isinstance(event, h11.InformationalResponse):
                    raise TunnelError
        except h11.RemoteProtocolError as exc:
            raise TunnelError from exc
        if self.is_open and self._wire.trailing_data[0]:
            raise TunnelError  # we speak first in what follows, so these bytes are nobody's answer to us
