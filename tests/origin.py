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
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from archive.tls import authorities


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
        self._tls = tls
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.authority = f"127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

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

    def close(self) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            connection.settimeout(10)
            if self._tls:
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
            head, _, body = head.partition(b"\r\n\r\n")
            stated = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            while stated and len(body) < int(stated[1]):
                body += connection.recv(65536)
            text = head.decode("latin-1") + "\r\n\r\n"
            self.heads.append(text)
            self.bodies.append(body)
            self.scenes[text.split(" ")[1].split("?")[0]](Wire(connection, text, body, self.fired, self._stopping))


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


class Authority:
    """A certificate authority made at run time, and what it signs."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test CA")])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._build(self._name, self._key.public_key()).add_extension(constraints, critical=True)
        self.pem = certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def trust(self) -> ssl.SSLContext:
        """A client's context: what the service trusts, and this authority."""
        context = authorities()
        context.load_verify_locations(cadata=self.pem.decode())
        return context

    def server(self, name: str, folder: str, *also: str, expired: bool = False) -> ssl.SSLContext:
        """A server's context with a certificate for *name* and what it is *also* called, host names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test server")])
        alternatives = [_named(one) for one in (name, *also)]
        certificate = self._build(subject, key.public_key(), expired).add_extension(
            x509.SubjectAlternativeName(alternatives), critical=False
        )
        path = f"{folder}/{name}.pem"
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
            pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            file.write(key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _build(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, expired: bool = False
    ) -> x509.CertificateBuilder:
        # Certificates live by the machine's clock.
        now = datetime.now(UTC) - timedelta(days=30 if expired else 0)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=7))
        )


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
