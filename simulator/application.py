"""Play the user's application: a server that hears notifications and verifies them as their documentation says."""

import base64
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from standardwebhooks import Webhook, WebhookVerificationError

_HOST: Final = "127.0.0.1"


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass
class Application:
    """What was heard: each notification once, by its id, however often it came."""

    url: str = ""
    secret: str = field(
        default_factory=lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(), repr=False
    )
    heard: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: int = 0

    def about(self, kind: str) -> list[dict[str, Any]]:
        """The data of every notification of type *kind*."""
        return [said["data"] for said in list(self.heard.values()) if said["type"] == kind]

    def hear(self, headers: dict[str, str], body: bytes) -> int:
        """Take one request; return the status it is answered."""
        try:
            said = Webhook(self.secret).verify(body, headers)
        except (WebhookVerificationError, ValueError):  # a malformed header raises the latter
            self.refused += 1
            return 401
        self.heard[headers["webhook-id"]] = said
        return 204


@contextmanager
def application() -> Iterator[Application]:
    """One that listens at a free port, until the end."""
    app = Application()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(app.hear({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: the demo prints what matters."""

    with ThreadingHTTPServer((_HOST, 0), Handler) as server:
        app.url = f"http://{_HOST}:{server.server_port}/reelkeep"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield app
        finally:
            server.shutdown()
            thread.join()
