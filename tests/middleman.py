"""A receiver that really listens, and a proxy before it that does one thing wrong. Both stop when their block ends."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from archive.ledger import migrate
from archive.ledger.database import Database
from archive.settings import Settings
from receiver.app import create_app
from receiver.connections import Limits
from receiver.serving import config
from tests.doubles import SilentBell, wait_for


@dataclass(frozen=True)
class Message:
    """A request or an answer: its first line, its headers as they stand, its body without chunks."""

    start: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def having(self, name: str, value: str | None) -> "Message":
        """With the header *name* as given in place of what it was; None takes it out."""
        rest = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=rest if value is None else (*rest, (name, value)))

    @property
    def encoded(self) -> bytes:
        framed = self.having("Transfer-Encoding", None).having("Content-Length", str(len(self.body)))
        lines = [self.start, *(f"{name}: {value}" for name, value in framed.headers)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def page(status: str, body: bytes = b"<html>a page", **headers: str) -> Message:
    """An answer of somebody in front."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Message(f"HTTP/1.1 {status}", (("Content-Type", "text/html"), ("Connection", "close"), *named), body)


# What a fault makes of a request, or what is answered in its place; None: the connection ends.
OnRequest = Callable[[Message], "Message | None"]
OnAnswer = Callable[[Message], Message]


@dataclass
class Middleman:
    """One request a connection. `heard` are the requests as they came in."""

    upstream: int
    tls: ssl.SSLContext | None
    on_request: OnRequest = lambda request: request
    on_answer: OnAnswer = lambda answer: answer
    heard: list[Message] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self) -> Iterator["Middleman"]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            accepting = threading.Thread(target=self._accept, args=(listener,))
            accepting.start()
            try:
                yield self
            finally:
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                accepting.join(10)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), ExitStack() as stack:
                stack.enter_context(connection)
                connection.settimeout(10)
                if self.tls:
                    connection = stack.enter_context(self.tls.wrap_socket(connection, server_side=True))
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        request = _read(connection)
        if request is None:
            return
        self.heard.append(request)
        passed = self.on_request(request)
        if passed is not None and not passed.start.startswith("HTTP/"):
            with socket.create_connection(("127.0.0.1", self.upstream), 10) as onward:
                onward.sendall(passed.having("Connection", "close").encoded)
                passed = _read(onward)
        if passed is not None:
            connection.sendall(self.on_answer(passed).encoded)


def _read(connection: socket.socket) -> Message | None:
    with connection.makefile("rb") as stream:
        start = stream.readline().decode("latin-1").rstrip("\r\n")
        if not start:
            return None
        headers = []
        while line := stream.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        message = Message(start, tuple(headers))
        if message.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(stream.readline(), 16):
                body += stream.read(size)
                stream.readline()
            stream.readline()
        else:
            body = stream.read(int(message.get("Content-Length") or 0))
        return replace(message, body=body)


@contextmanager
def receiver(
    folder: Path, settings: dict[str, object], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[tuple[int, Database]]:
    """The receiver under uvicorn at a free port; its port and its ledger."""
    db = Database(f"sqlite:///{folder}/ledger.db")
    migrate.upgrade(db)
    read = Settings.model_validate(settings, context={"environ": {}, "mints": True})
    server = uvicorn.Server(config(create_app(read, db, SilentBell(), clock=clock), Limits(), port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1], db
    finally:
        server.should_exit = True
        thread.join(10)
        db.close()


def token_in(message: Message) -> str:
    """The probe's token, as the request line shows it."""
    [token] = re.findall(r"rkpb_[0-9a-f]+", message.start)
    return str(token)
