"""
Everything that is not ours, in a process of its own: file hosts on public addresses, and a trap at every other one.

`python -m tests.world.outside FOLDER` takes orders on its standard input, one JSON document a line, and answers each.
"""

import contextlib
import json
import re
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

from tests.world.names import Names
from tests.world.packets import Witness

PORTS = (21, 22, 25, 80, 443, 2375, 3306, 5432, 6379, 8000, 8080, 8443, 9000, 9200, 11211)
PUBLIC = ("1.1.1.1", "8.8.8.8", "2606:4700:4700::1111")
FILM = "/film.mp4"
GONE = "/gone"
LINGER = 2.0  # seconds a trap listens for what it is told


class Outside:
    """Two listeners for each port take connections to every address there is; which, decides who answers."""

    def __init__(self, folder: Path) -> None:
        self.public = set(PUBLIC)
        self.redirects: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.trapped: list[dict[str, Any]] = []
        self._film = (folder / "film.mp4").read_bytes()
        self._server_names: dict[int, str] = {}  # of connections, by number
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(folder / "server.pem")
        self._tls.sni_callback = self._note_name
        for port in PORTS:
            for family, everywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104
                listening = socket.create_server((everywhere, port), family=family, backlog=256)
                threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        address, port, *_ = connection.getsockname()
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            if address not in self.public or port not in (80, 443):
                trapped = {"address": address, "port": port, "said": ""}
                self.trapped.append(trapped)
                connection.settimeout(LINGER)
                trapped["said"] = connection.recv(4096)[:200].decode("latin-1")
                return
            connection.settimeout(30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else an answer waits 40 ms for an ACK
            name = None
            if port == 443:
                secured = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
                name, connection = self._server_names.pop(id(secured), None), secured
            self._converse(connection, {"address": address, "port": port, "server_name": name})

    def _converse(self, connection: socket.socket, about: dict[str, Any]) -> None:
        stream = connection.makefile("rwb")
        while line := stream.readline(1 << 16):
            method, target, _ = line.decode("latin-1").split(" ")
            headers = {}
            while (field := stream.readline(1 << 16).decode("latin-1").strip()) != "":
                name, _, value = field.partition(":")
                headers[name.lower()] = value.strip()
            stream.read(int(headers.get("content-length", 0)))
            self.requests.append(about | {"method": method, "target": target, "host": headers.get("host")})
            stream.write(self._answer(target))
            stream.flush()

    def _answer(self, target: str) -> bytes:
        found = re.fullmatch(r"/to/([0-9]+)", target)
        if found and int(found[1]) < len(self.redirects):
            # As it is, line ends included: whatever that does to the answer is part of the attack.
            location = self.redirects[int(found[1])].encode("utf-8", "surrogatepass")
            return b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
        if target.startswith(GONE):
            return b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        body = self._film if target.startswith(FILM) else b"here"
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    def _note_name(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name is not None:
            self._server_names[id(connection)] = name


def main() -> None:
    outside = Outside(Path(sys.argv[1]))
    names = Names()
    names.start()
    witness = Witness()
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "begin":
            outside.public = {*PUBLIC, *order["public"]}
            outside.redirects = order["redirects"]
            outside.requests.clear()
            outside.trapped.clear()
            names.learn(order["names"])
            witness.forget()
            said: Any = None
        else:
            # The names' own answers are nobody's way out.
            said = {
                "packets": [packet for packet in witness.seen() if (packet.kind, packet.origin) != ("udp", 53)],
                "requests": outside.requests,
                "trapped": outside.trapped,
                "asked": names.asked,
            }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
