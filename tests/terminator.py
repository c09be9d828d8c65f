"""TLS in front of a server that speaks plain TCP: carries bytes, changes none."""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def terminator(port: int, tls: ssl.SSLContext) -> Iterator[int]:
    """While the block lasts, a port of 127.0.0.1 at which *port* is reached by TLS."""
    threads: list[threading.Thread] = []
    stopping = threading.Event()

    def serve(client: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(client)
            secure = stack.enter_context(tls.wrap_socket(client, server_side=True))
            server = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            _join(secure, server, stopping)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(client,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopping.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join(10)
            for thread in threads:
                thread.join(10)


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
