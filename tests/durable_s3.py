"""
An S3 server on plain files that survives SIGKILL: `python -m tests.durable_s3 FOLDER PORT`. It takes any credentials.

Versions of everything, `If-None-Match: *`, and SHA-256 checksums that are verified and shown. What it acknowledged is
synced and was made visible by one rename, so that a server killed in mid-put leaves no object, nor does a client that
hangs up in mid-body. Not spoken: ranges, parts, deletion, locks.
"""

import base64
import hashlib
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from uuid import uuid4
from xml.sax.saxutils import escape

_PIECE = 1 << 16
_XML = {"Content-Type": "text/xml"}
_NONE: Mapping[str, str] = {}


class Shelf:
    """The versions on disk: `{bucket}/{key, quoted}/{number}.json`, each naming the file with its bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._turn = threading.Lock()

    def versions(self, bucket: str, key: str) -> list[dict[str, Any]]:
        """Oldest first."""
        place = self._place(bucket, key)
        return [json.loads(each.read_text()) for each in sorted(place.glob("*.json"))] if place.is_dir() else []

    def every(self, bucket: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        for place in sorted((self.folder / bucket).iterdir()):
            yield unquote(place.name), self.versions(bucket, unquote(place.name))

    def publish(self, bucket: str, key: str, facts: dict[str, Any], *, only_new: bool) -> dict[str, Any] | None:
        """Make a version whose bytes are on disk visible; None where *only_new* and there is one."""
        with self._turn:
            known = len(self.versions(bucket, key))
            if only_new and known:
                return None
            facts = {**facts, "version": f"{known + 1:06}-{uuid4().hex[:8]}", "at": datetime.now(UTC).isoformat()}
            place = self._place(bucket, key)
            place.mkdir(exist_ok=True)
            half = self.folder / "bytes" / f"{facts['version']}.{uuid4().hex}"
            with half.open("w") as file:
                json.dump(facts, file)
                _sync(file.fileno())
            half.rename(place / f"{known + 1:06}.json")
            for folder in (place, place.parent):
                descriptor = os.open(folder, os.O_RDONLY)
                _sync(descriptor)
                os.close(descriptor)
            return facts

    def _place(self, bucket: str, key: str) -> Path:
        name = quote(key, safe="")
        if len(name) > 255:
            raise ValueError("this double keeps no key that long")
        return self.folder / bucket / name


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shelf: Shelf

    def do_HEAD(self) -> None:
        bucket, key, query = self._target()
        if not key:
            self._say(200 if (self.shelf.folder / bucket).is_dir() else 404)
        elif found := self._find(bucket, key, query):
            self._say(200, {**self._headers_of(found), "Content-Length": str(found["size"])})
        else:
            self._say(404)

    def do_GET(self) -> None:
        bucket, key, query = self._target()
        if "versions" in query:
            self._list(bucket, query.get("prefix", [""])[0])
        elif found := self._find(bucket, key, query):
            body = Path(found["bytes"]).read_bytes()
            self._say(200, self._headers_of(found), body)
        else:
            self._refuse(404, "NoSuchKey")

    def do_PUT(self) -> None:
        bucket, key, _ = self._target()
        if not key:
            (self.shelf.folder / bucket).mkdir(parents=True, exist_ok=True)
            self._say(200)
            return
        if self.headers.get("Content-Encoding") or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self._refuse(501, "NotImplemented")
            return
        bytes_at = self.shelf.folder / "bytes" / uuid4().hex
        size, digest, left = 0, hashlib.sha256(), int(self.headers["Content-Length"])
        with bytes_at.open("wb") as file:
            while left and (piece := self.rfile.read1(min(left, _PIECE))):
                file.write(piece)
                digest.update(piece)
                size, left = size + len(piece), left - len(piece)
            file.flush()
            _sync(file.fileno())
        if left:  # the client hung up
            bytes_at.unlink()
            self.close_connection = True
            return
        sha256 = base64.b64encode(digest.digest()).decode()
        if self.headers.get("x-amz-checksum-sha256", sha256) != sha256:
            bytes_at.unlink()
            self._refuse(400, "BadDigest")
            return
        kind = self.headers.get("Content-Type", "binary/octet-stream")
        facts = {"bytes": str(bytes_at), "size": size, "sha256": sha256, "type": kind}
        made = self.shelf.publish(bucket, key, facts, only_new=self.headers.get("If-None-Match") == "*")
        if made is None:
            bytes_at.unlink()
            self._refuse(412, "PreconditionFailed")
        else:
            self._say(200, self._headers_of(made))

    def _target(self) -> tuple[str, str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        bucket, _, key = parts.path.lstrip("/").partition("/")
        return bucket, unquote(key), parse_qs(parts.query, keep_blank_values=True)

    def _find(self, bucket: str, key: str, query: dict[str, list[str]]) -> dict[str, Any] | None:
        known = self.shelf.versions(bucket, key)
        wanted = query.get("versionId")
        return next((each for each in reversed(known) if wanted is None or each["version"] in wanted), None)

    def _headers_of(self, found: dict[str, Any]) -> dict[str, str]:
        return {
            "ETag": f'"{base64.b64decode(found["sha256"]).hex()[:32]}"',
            "Content-Type": found["type"],
            "Last-Modified": format_datetime(datetime.fromisoformat(found["at"]), usegmt=True),
            "x-amz-version-id": found["version"],
            "x-amz-checksum-sha256": found["sha256"],
            "x-amz-checksum-type": "FULL_OBJECT",
        }

    def _list(self, bucket: str, prefix: str) -> None:
        rows = "".join(
            f"<Version><Key>{escape(key)}</Key><VersionId>{each['version']}</VersionId>"
            f"<IsLatest>{str(each is versions[-1]).lower()}</IsLatest><LastModified>{each['at']}</LastModified>"
            f'<ETag>"x"</ETag><Size>{each["size"]}</Size><StorageClass>STANDARD</StorageClass></Version>'
            for key, versions in self.shelf.every(bucket)
            if key.startswith(prefix)
            for each in versions
        )
        head = f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>"
        self._say(200, _XML, f"<ListVersionsResult>{head}{rows}</ListVersionsResult>".encode())

    def _refuse(self, status: int, code: str) -> None:
        self._say(status, _XML, f"<Error><Code>{code}</Code></Error>".encode())

    def _say(self, status: int, headers: Mapping[str, str] = _NONE, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are killed here all the time."""


def main() -> None:
    """Serve until killed."""
    folder, port = sys.argv[1:]
    handler = type("Handler", (_Handler,), {"shelf": Shelf(Path(folder))})
    _Server(("127.0.0.1", int(port)), handler).serve_forever()


if __name__ == "__main__":
    main()
