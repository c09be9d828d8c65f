"""HTTP by hand, over a socket: what a well-behaved client would never send, and exactly what comes back."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO


@dataclass(frozen=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def ends(self) -> bool:
        """Whether it announces the end of the connection."""
        return self.headers.get("connection") == "close"


def read_reply(stream: BinaryIO, *, to_head: bool = False) -> Reply | None:
    """The next answer in *stream*, None at its end. Anything that is no whole, well-framed answer fails."""
    line = stream.readline()
    if not line:
        return None
    version, status, _ = line.decode("ascii").split(" ", 2)
    assert "HTTP/1.1" == version
    headers: dict[str, str] = {}
    while (line := stream.readline()) != b"\r\n":
        name, colon, value = line.decode("latin-1").partition(":")
        assert colon, f"no header: {line!r}"
        assert line.endswith(b"\r\n")
        assert name not in headers, f"twice: {name}"
        headers[name] = value.strip()
    if to_head or status in {"100", "204", "304"}:
        return Reply(int(status), headers, b"")
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            assert b"\r\n" == stream.read(2)
        assert b"\r\n" == stream.readline()
        return Reply(int(status), headers, body)
    body = stream.read(int(headers["content-length"]))
    assert len(body) == int(headers["content-length"])
    return Reply(int(status), headers, body)


class Wire:
    """One connection. Nothing on it takes longer than *patience* seconds: whatever does has failed."""

    def __init__(self, port: int, patience: float = 8.0, **options: int) -> None:
        self.socket = socket.socket()
        for name, value in options.items():
            self.socket.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        self.socket.settimeout(patience)
        self.socket.connect(("127.0.0.1", port))
        self._stream = self.socket.makefile("rb")

    def send(self, *pieces: bytes) -> "Wire":
        for piece in pieces:
            self.socket.sendall(piece)
        return self

    def read(self, *, to_head: bool = False) -> Reply | None:
        """The next answer, None where the connection ended."""
        return read_reply(self._stream, to_head=to_head)

    def reply(self, *, to_head: bool = False) -> Reply:
        found = self.read(to_head=to_head)
        assert found, "no answer"
        return found

    def replies(self) -> list[Reply]:
        """Every answer until the other side ends the connection."""
        return list(iter(self.read, None))

    def is_ended(self) -> bool:
        """Whether the other side ends the connection without another byte; fails where it keeps it open."""
        try:
            return not self._stream.read(1)
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self._stream.close()
        self.socket.close()


@contextmanager
def wire(port: int, patience: float = 8.0, **options: int) -> Iterator[Wire]:
    made = Wire(port, patience, **options)
    try:
        yield made
    finally:
        made.close()


def request(method: str = "POST", target: str = "/", *fields: str, body: bytes | None = None) -> bytes:
    """A request with *fields* as its header lines, and the length of *body* where there is one."""
    lines = [f"{method} {target} HTTP/1.1", "Host: reelkeep.test", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")
