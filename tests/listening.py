"""The part that every raw server of ours has in common: a port, a thread for each connection, an end."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable


class Listening:
    """Accepts at a free port of 127.0.0.1 until `close`; *serve* has each connection in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.stopping = threading.Event()
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def refuse(self) -> None:
        """Take no more connections; those that stand go on."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        self.stopping.set()
        self.refuse()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serving, args=(connection,)))
            self._threads[-1].start()

    def _serving(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            connection.settimeout(10)
            if self._tls:
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
            self._serve(connection)


def read_head(connection: socket.socket) -> bytes:
    """A request's head and what came along with it; nothing where it never ends."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65536)
        if not piece:
            return b""
        head += piece
    return head
