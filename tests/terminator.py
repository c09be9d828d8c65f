"""TLS in front of a server that speaks plain TCP: carries bytes, changes none."""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator

from tests.listening import Listening


@contextlib.contextmanager
def terminator(port: int, tls: ssl.SSLContext) -> Iterator[int]:
    """While the block lasts, a port of 127.0.0.1 at which *port* is reached by TLS."""

    def serve(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            assert isinstance(client, ssl.SSLSocket)
            _join(client, server, door.stopping)

    with contextlib.closing(Listening(serve, tls)) as door:
        yield door.port


def _join(secure: ssl.SSLSocket, server: socket.socket, stopping: threading.Event) -> None:
    """Carry bytes both ways until both have ended. One thread: OpenSSL takes no two for one connection."""
    reading: list[socket.socket] = [secure, server]
    while reading and not stopping.is_set():
        ready = [secure] if secure in reading and secure.pending() else select.select(reading, [], [], 0.1)[0]
        for source in ready:
            sink = server if source is secure else secure
            if piece := source.recv(1 << 17):
                sink.sendall(piece)
                continue
            reading.remove(source)
            if source is server:
                return  # an answer's end
            server.shutdown(socket.SHUT_WR)
