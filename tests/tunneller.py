"""An egress proxy: CONNECT over raw sockets, a record of what it was asked, and one thing wrong on request."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator

from tests.listening import Listening, read_head

Refuse = Callable[[socket.socket], None]  # answers in its own way, in place of a tunnel
OK = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Tunneller:
    """
    `asked` are the targets of CONNECT, `heads` the whole requests, `first` the first bytes that went through each.

    Every tunnel leads to 127.0.0.1, to the port asked for or the one that *leads* has for it: the addresses that are
    asked for are public ones.
    """

    def __init__(self, wrong: Refuse | None = None, leads: dict[int, int] | None = None) -> None:
        self.asked: list[str] = []
        self.heads: list[str] = []
        self.first: list[bytes] = []
        self.wrong = wrong
        self._leads = leads or {}
        door = Listening(self._serve)
        self.port, self.stopping, self.close = door.port, door.stopping, door.close

    def _serve(self, connection: socket.socket) -> None:
        head = read_head(connection)
        if not head:
            return
        self.heads.append(head.decode("latin-1"))
        asked = re.match(r"CONNECT (\S+):(\d+) HTTP/1.1\r\n", self.heads[-1])
        if asked is None:
            connection.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            return
        self.asked.append(f"{asked[1]}:{asked[2]}")
        if self.wrong:
            self.wrong(connection)
            return
        port = int(asked[2])
        with socket.create_connection(("127.0.0.1", self._leads.get(port, port)), 10) as onward:
            connection.sendall(OK)
            self._join(connection, onward)

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=pump, args=(server, client))
        back.start()
        first = client.recv(65536)
        self.first.append(first)
        server.sendall(first)
        pump(client, server)
        back.join(10)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Carry bytes from one to the other until one of them ends."""
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def tunneller(wrong: Refuse | None = None, leads: dict[int, int] | None = None) -> Iterator[Tunneller]:
    server = Tunneller(wrong, leads)
    try:
        yield server
    finally:
        server.close()


def says(data: bytes) -> Refuse:
    """Answers *data* and hangs up."""
    return lambda connection: connection.sendall(data)


def refuses(status: str, *headers: str) -> Refuse:
    lines = [f"HTTP/1.1 {status}", "Content-Length: 4", *headers, "", "page"]
    return says("\r\n".join(lines).encode())
