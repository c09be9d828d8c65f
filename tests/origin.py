"""A file host that misbehaves on request: raw sockets, one thread per connection, and a record of what happened."""

import contextlib
import itertools
import json
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import Authority
from tests.listening import Listening, read_head


class Wire:
    """One connection, after its request has been read, whose *head* and *body* they are."""

    def __init__(
        self, connection: socket.socket, head: str, body: bytes, fired: list[str], stopping: threading.Event
    ) -> None:
        self._connection = connection
        self._fired = fired
        self.head = head
        self.body = body
        self.stopping = stopping

    def asked(self, name: str) -> str:
        """A header of the request, empty where it has none."""
        found = re.search(rf"(?im)^{name}: *(.*?)\r?$", self.head)
        return found[1] if found else ""

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def fire(self, fault: str) -> None:
        """Note that the fault has happened on the wire."""
        self._fired.append(fault)

    def reset(self) -> None:
        """End with RST instead of FIN."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Scene = Callable[[Wire], None]


@dataclass(frozen=True)
class Fault:
    """A scene that goes wrong in its own way, and notes that it has."""

    name: str
    play: Scene

    def __call__(self, wire: Wire) -> None:
        try:
            self.play(wire)
        finally:
            wire.fire(self.name)


class Origin:
    """
    Answers each path with its scene; `heads` and `bodies` are the requests, `fired` the faults that happened.

    `trust` is whom a client has to trust to believe it, None where it speaks plain http.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, trust: ssl.SSLContext | None = None) -> None:
        self.trust = trust
        self.scenes: dict[str, Scene] = {}
        self._planned: Counter[str] = Counter()
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.fired: list[str] = []
        self.scheme = "https" if tls else "http"
        self._door = Listening(self._serve, tls)
        self.port = self._door.port
        self.authority = f"127.0.0.1:{self.port}"
        self.close, self.refuse = self._door.close, self._door.refuse

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order, queries included."""
        return [head.split(" ")[1] for head in self.heads]

    @property
    def unfired(self) -> list[str]:
        """The faults that were planned and have not happened."""
        return sorted((self._planned - Counter(self.fired)).elements())

    def url(self, path: str, *scenes: Scene) -> str:
        """Answer *path* with one of *scenes* after the other, request by request; the last one stays."""
        self._planned.update(scene.name for scene in scenes if isinstance(scene, Fault))
        self.scenes[path] = _in_turn(scenes)
        return f"{self.scheme}://{self.authority}{path}"

    def _serve(self, connection: socket.socket) -> None:
        head = read_head(connection)
        if not head:
            return
        head, _, body = head.partition(b"\r\n\r\n")
        stated = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        while stated and len(body) < int(stated[1]):
            body += connection.recv(65536)
        text = head.decode("latin-1") + "\r\n\r\n"
        self.heads.append(text)
        self.bodies.append(body)
        scene = self.scenes[text.split(" ")[1].split("?")[0]]
        scene(Wire(connection, text, body, self.fired, self._door.stopping))


def _in_turn(scenes: Sequence[Scene]) -> Scene:
    if len(scenes) == 1:
        return scenes[0]
    turns = itertools.count()

    def play(wire: Wire) -> None:
        scenes[min(next(turns), len(scenes) - 1)](wire)

    return play


@contextlib.contextmanager
def origin(tls: ssl.SSLContext | None = None, trust: ssl.SSLContext | None = None) -> Iterator[Origin]:
    server = Origin(tls, trust)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def origin_by(scheme: str, folder: Path) -> Iterator[Origin]:
    """An origin that speaks *scheme*; by https as 127.0.0.1 and files.example, by an authority that `trust` knows."""
    if scheme == "http":
        with origin() as server:
            yield server
        return
    authority = Authority()
    with origin(authority.server("127.0.0.1", str(folder), "files.example"), authority.trust()) as server:
        yield server


def whole(body: bytes, *headers: str, status: str = "200 OK") -> Scene:
    """A well-formed answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return lambda wire: wire.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def answer(document: object, *headers: str, status: str = "200 OK") -> Scene:
    """A JSON answer, as an API gives it."""
    return whole(json.dumps(document).encode(), "Content-Type: application/json", *headers, status=status)


def endless(head: bytes, piece: bytes) -> Scene:
    """*piece* after *piece*, until hung up on."""

    def play(wire: Wire) -> None:
        wire.send(head)
        try:
            while not wire.stopping.is_set():
                wire.send(piece)
        except OSError:
            wire.fire("hung up on")
            raise

    return play


def redirect(location: str, status: str = "302 Found") -> Scene:
    return whole(b"", f"Location: {location}", status=status)
