"""A small HTTP server that hears what it is sent: an application of the user's, which may refuse, sleep, or be away."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Heard:
    """One request. Names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Listener:
    """Keeps every request and answers 204, or what `script` says comes next. `close` and `open` keep the port."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._answers: deque[tuple[int, dict[str, str]]] = deque()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/heard"

    def script(self, *statuses: int, **headers: str) -> None:
        """Answer the next requests with *statuses*, in this order; `retry_after="3"` is the header Retry-After."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        self._answers.extend((status, named) for status in statuses)

    def open(self) -> None:
        """Listen, at the port of the first time."""
        self._server = _Server(("127.0.0.1", self.port), self._handler())
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        """Be away: connections are refused."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = self._thread = None

    stop = close

    def wait_for(
        self, number: int, seconds: float = 20.0, *, which: Callable[[Heard], bool] = lambda _heard: True
    ) -> Sequence[Heard]:
        """Wait until *number* requests have come of which *which* is true, and return those."""
        end = time.monotonic() + seconds
        while len(found := [heard for heard in self.heard if which(heard)]) < number:
            assert time.monotonic() < end, f"{len(found)} of {number} heard within {seconds} s"
            time.sleep(0.02)
        return found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                listener.heard.append(Heard(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status, headers = listener._answers.popleft() if listener._answers else (204, {})
                self.send_response(status)
                for name, value in ({"Content-Length": "0"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
                pass

        return Handler


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
