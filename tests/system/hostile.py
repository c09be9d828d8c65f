"""Everybody the service talks to, played by one who repeats all he hears: API, file host, target, store, PostgreSQL."""

import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.listening import Listening


class Parrot:
    """An HTTP server. What a request gets is said by its path; `heard` are all requests, as (line, headers, body)."""

    def __init__(self, film: bytes) -> None:
        self.film = film
        self.links: dict[str, str] = {}  # by task id: what its status answer holds
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.authority = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.authority}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def said(self, text: str) -> bool:
        """Whether *text* stood in any request."""
        return any(text in f"{line} {headers} {body!r}" for line, headers, body in self.heard)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str, query: dict[str, list[str]], echo: bytes) -> tuple[int, dict[str, str], bytes] | bytes:
        """Status, headers and body; or bytes that are no HTTP."""
        name = path.rpartition("/")[2]
        header = echo.replace(b"\n", b" ").decode("ascii", "replace")[:2000]
        if path == "/v2/status":
            return self._status(query.get("task_id", [""])[0], echo)
        if path == "/v2/generate" and b"please" in echo:
            made = {"code": 200, "message": header, "data": {"task_id": "made", "consumed_credits": 240}}
            return 200, {}, json.dumps(made).encode()
        found: dict[str, tuple[int, dict[str, str], bytes] | bytes] = {
            "ok.mp4": (200, {"Content-Type": "video/mp4"}, self.film),
            "hop.mp4": (302, {"Location": f"http://evil.example{header}"}, echo),
            "page.mp4": (200, {"Content-Type": "text/html"}, b"<html>" + echo),
            "short.mp4": (200, {"Content-Length": str(len(self.film)), "ETag": header}, self.film[:100]),
            "garbled.mp4": b"HTTP/1.1 2OO " + header.encode() + b"\r\n\r\n",
            "heard": (204, {"X-Echo": header}, b""),
        }
        return found.get(name, (403, {"X-Echo": header, "Retry-After": "1"}, echo))

    def _status(self, task: str, echo: bytes) -> tuple[int, dict[str, str], bytes] | bytes:
        if task in self.links:
            data = {"task_id": task, "status": "SUCCESS", "response": [self.links[task]], "error_message": None}
            return 200, {}, json.dumps({"code": 200, "message": echo.decode("latin-1"), "data": data}).encode()
        if task == "garbled":
            return b"HTTP/1.1 200 OK\r\n" + echo.replace(b"\n", b" ") + b"\r\n\r\n"
        status = int(task) if task.isdigit() else 200
        return status, {"Retry-After": "1"}, json.dumps({"code": status, "message": echo.decode("latin-1")}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        parrot = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parrot.heard.append((self.path, dict(self.headers.items()), body))
                echo = f"{self.path}\n{json.dumps(dict(self.headers.items()))}\n".encode() + body[:4000]
                parts = urlsplit(self.path)
                answer = parrot.answer(parts.path, parse_qs(parts.query), echo)
                if isinstance(answer, bytes):
                    self.wfile.write(answer)
                    self.close_connection = True
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(content))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)
                self.close_connection = True

            do_GET = do_POST = do_PUT = do_HEAD = handle_one  # noqa: N815 (the base class's names)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
                pass

        return Handler


class Postgres:
    """Asks for the password in clear, refuses it, and says what it was. `heard` is what it was told."""

    def __init__(self) -> None:
        self.heard = b""
        door = Listening(self._serve)
        self.authority, self.stop = f"127.0.0.1:{door.port}", door.close

    def _serve(self, connection: socket.socket) -> None:
        if connection.recv(4096)[4:8] == struct.pack("!I", 80877103):  # SSLRequest
            connection.sendall(b"N")
            connection.recv(4096)
        connection.sendall(b"R" + struct.pack("!II", 8, 3))  # AuthenticationCleartextPassword
        told = connection.recv(4096)
        self.heard += told
        fields = b"SFATAL\0C28P01\0Mno user of the password " + told[5:].rstrip(b"\0") + b"\0\0"
        connection.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)
