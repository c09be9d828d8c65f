"""
What the receiver says of a probe that reached it, and the proof that nobody else said it. Pure.

The proof covers all but itself, the nonce included: a cache, a parking page or another server cannot give it, and no
answer serves twice. Receiver and doctor both take their form from here.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archive.documents import Reader, dump, parse
from archive.errors import MalformedDeliveryError, NotUnderstoodError
from archive.signature import matches_any

# Headers whose values are told: what a signature needs, and how the body and the path came. Of all others the name.
TOLD = (
    "x-webhook-timestamp", "x-webhook-signature", "webhook-id", "webhook-timestamp", "webhook-signature",
    "content-type", "content-length", "content-encoding", "transfer-encoding", "host", "user-agent",
    "forwarded", "x-forwarded-proto", "x-forwarded-host", "via",
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """
    A probe as it arrived: `clock` in Unix milliseconds, `size` and `max_body` in bytes, `path` as it stood in the
    request line. `headers` has each name in lower case with its values; for names outside `TOLD` there are none.
    """

    version: str
    nonce: str
    clock: int
    method: str
    http_version: str
    path: str
    query: str
    headers: Mapping[str, tuple[str, ...]]
    size: int
    sha256: str
    max_body: int


def seal(seen: Seen, key: str) -> dict[str, Any]:
    """The answer for who holds *key*."""
    said = {**vars(seen), "headers": {name: list(values) for name, values in seen.headers.items()}}
    return {"reelkeep": said, "proof": _proof(said, key)}


@dataclass(frozen=True)
class Echo:
    """An answer of ours. `is_proved`: none of it was changed; `is_verbatim`: nor was its form."""

    seen: Seen
    is_proved: bool
    is_verbatim: bool


def read(body: bytes, key: str) -> Echo | None:
    """The answer in *body*, None where it is none of a Reelkeep."""
    try:
        document = parse(body)
        told = Reader(document)
        said = told.object("reelkeep")
        values = said.object("headers")
        headers = {name: tuple(values.texts(name)) for name in said.raw("headers")}
        seen = Seen(
            version=said.text("version") or "",
            nonce=said.text("nonce") or "",
            clock=said.integer("clock") or 0,
            method=said.text("method") or "",
            http_version=said.text("http_version") or "",
            path=said.text("path") or "",
            query=said.text("query") or "",
            headers=headers,
            size=said.integer("size") or 0,
            sha256=said.text("sha256") or "",
            max_body=said.integer("max_body") or 0,
        )
        proof = told.text("proof") or ""
    except (MalformedDeliveryError, NotUnderstoodError):
        return None
    is_proved = matches_any(proof, [_proof(document["reelkeep"], key)])
    return Echo(seen, is_proved, body == dump(document).encode())


def _proof(said: Any, key: str) -> str:
    return hmac.new(key.encode(), dump(["probe_answer", said]).encode(), hashlib.sha256).hexdigest()
