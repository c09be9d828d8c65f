"""The requests that the doctor sends: a callback as a provider would, with all that is lost on bad ways. Pure."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from archive.doctor import token
from archive.doctor.place import Place
from archive.doctor.wire import Request

QUERY = "order=7&next=a%20b"
# Key order, blanks, escapes and the same letters raw, numbers that no float holds, slashes escaped, lines left empty.
_BODY = (
    '{"taskId":"probe","data" : {"b":1,"a":"\\u00e9\\u4e2d\\ud83c\\udfac é中🎬",'
    '"url":"https:\\/\\/files.example\\/v.mp4?a=1&b=%20"},  "cost":0.10000000000000000000000000000001,'
    '"n":1234567890123456789012345678901234567890, "e": null,"pad":"'
)
_END = '"}\r\n\n'


@dataclass(frozen=True)
class Probe:
    """A request, and what must arrive of it: `headers` are those that a proxy has no business with."""

    nonce: str
    request: Request
    path: str
    headers: Mapping[str, str]
    authority: str

    @property
    def size(self) -> int:
        return len(self.request.body)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.request.body).hexdigest()


def make(
    place: Place,
    nonce: str,
    key: str,
    now: datetime,
    *,
    size: int = 0,
    is_chunked: bool = False,
    is_false: bool = False,
) -> Probe:
    """A probe with a body of *size* bytes (or what it takes); one that *is_false* has a token that opens nothing."""
    minted = token.mint(nonce, now, key)
    if is_false:
        minted = minted[:-1] + ("0" if minted[-1] != "0" else "1")
    # The receiver's route takes its path without the prefix; which of both arrives is the proxy's choice.
    path = f"/webhooks/-/{minted}{token.TAIL}"
    digest = hmac.new(nonce.encode(), b"no secret: only its form matters", hashlib.sha256).digest()
    signature, seconds = f"+/{b64encode(digest).decode()}", str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "X-Webhook-Timestamp": seconds,
        "X-Webhook-Signature": signature,
        "webhook-id": f"msg_{nonce}",
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{signature} v1a,{signature}",
    }
    sent = [("Host", place.authority), ("Accept", "*/*"), ("User-Agent", f"reelkeep-doctor/{version('reelkeep')}")]
    request = Request(
        "POST", f"{place.prefix}{path}?{QUERY}", [*sent, *headers.items()], _body(nonce, size), is_chunked
    )
    return Probe(nonce, request, path, headers, place.authority)


def _body(nonce: str, size: int) -> bytes:
    """Nothing that compresses well fills it up: a limit that counts compressed bytes is a limit as well."""
    front, end = _BODY.encode(), _END.encode()
    missing = max(size - len(front) - len(end), 32)
    filling = hashlib.shake_256(nonce.encode()).hexdigest((missing + 1) // 2)[:missing]
    return front + filling.encode() + end
