"""
How the doctor reaches out: names, connections, one request at a time as it stands. No proxy of the environment is used.

Written on sockets and `http.client`, since each address is tried by itself, no redirect is followed, no header added,
and a refusal is read although the body was not taken.
"""

import http.client
import socket
import threading
import zlib
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

CONNECT_TIMEOUT = 5.0  # seconds
ANSWER_TIMEOUT = 20.0  # seconds between two bytes; whoever takes longer has lost every provider
_MAX_ANSWER = 1 << 18  # bytes


class SilenceError(Exception):
    """Nothing came of it; `reason` says how."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Request:
    """`target` and header values as they go out; a chunked body has no Content-Length."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""
    is_chunked: bool = False


@dataclass(frozen=True)
class Answered:
    """An answer; `body` as it was before somebody compressed it."""

    status: int
    headers: dict[str, str]
    body: bytes
    was_compressed: bool


def resolve(host: str, port: int, timeout: float = 15.0) -> list[str]:
    """
    The addresses of *host*, as the system resolves them.

    Raises:
        SilenceError: `unknown`, `no_answer` (also after *timeout* seconds: the system's own patience has no bound).
    """
    found: list[str] = []
    reasons: list[str] = []

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(info[4][0]) for info in infos))
        except socket.gaierror as exc:
            reasons.append("unknown" if exc.errno in {socket.EAI_NONAME, socket.EAI_NODATA} else "no_answer")
        except UnicodeError:
            reasons.append("unknown")

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(timeout)
    if not found:
        raise SilenceError(next(iter(reasons), "no_answer"))
    return found


def connect(address: str, port: int) -> socket.socket:
    """
    A connection to *address* itself.

    Raises:
        SilenceError: `refused`, `timed_out`, `no_route`.
    """
    try:
        return socket.create_connection((address, port), CONNECT_TIMEOUT)
    except TimeoutError as exc:
        raise SilenceError("timed_out") from exc
    except ConnectionError as exc:
        raise SilenceError("refused") from exc
    except OSError as exc:
        raise SilenceError("no_route") from exc


def exchange(sock: socket.socket, request: Request) -> Answered:
    """
    Send *request*, read the answer, and close *sock*.

    Raises:
        SilenceError: `timed_out`; `cut` where the connection ends first; `not_http`.
    """
    sock.settimeout(ANSWER_TIMEOUT)
    connection = http.client.HTTPConnection("unused")  # Host is among the request's headers
    connection.sock = sock
    with closing(connection):
        try:
            with suppress(OSError):  # whoever refuses a body need not read it; the answer tells
                _send(connection, request)
            response = connection.getresponse()
            encoded = response.read(_MAX_ANSWER)
            if response.length and len(encoded) < _MAX_ANSWER:
                raise SilenceError("cut")
            body, was_compressed = _plain(encoded, response.getheader("Content-Encoding", ""))
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answered(response.status, headers, body, was_compressed)
        except TimeoutError as exc:
            raise SilenceError("timed_out") from exc
        except (OSError, http.client.RemoteDisconnected, http.client.IncompleteRead) as exc:
            raise SilenceError("cut") from exc
        except (http.client.HTTPException, ValueError) as exc:
            raise SilenceError("not_http") from exc


def _send(connection: http.client.HTTPConnection, request: Request) -> None:
    connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers:
        connection.putheader(name, value)
    if request.is_chunked:
        connection.putheader("Transfer-Encoding", "chunked")
        half = len(request.body) // 2
        connection.endheaders(iter((request.body[:half], request.body[half:])), encode_chunked=True)
    else:
        connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)


def _plain(body: bytes, encoding: str) -> tuple[bytes, bool]:
    """*body* without gzip or deflate, whether it had any; what cannot be undone stays."""
    if encoding.lower() in {"", "identity"}:
        return body, False
    with suppress(zlib.error):
        return zlib.decompressobj(wbits=47).decompress(body, _MAX_ANSWER), True
    return body, True
