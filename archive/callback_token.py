"""
The last part of a callback URL that we minted: what it refers to, until when, and that it is ours. Pure.

`rkcb_`, then in lower-case hex 16 bytes of reference, 4 of expiry (Unix seconds) and 32 of HMAC-SHA256. One fixed form
of plain letters and digits: no JSON, no URL encoder changes it, it has no second spelling, and it can be found wherever
a provider echoes it. A library would not be shorter: itsdangerous signs when a token was made (by its own clock, SHA-1
unless told otherwise), while here the expiry and the source are what is signed.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from archive.documents import dump
from archive.errors import VerificationError
from archive.signature import matches_any

PREFIX = "rkcb_"
_FORM = re.compile(PREFIX + "([0-9a-f]{32})([0-9a-f]{8})([0-9a-f]{64})")


def mint(source: str, reference: str, expires_at: datetime, key: str) -> str:
    """The token for *reference* (32 hex digits) at *source* until *expires_at*, which counts in whole seconds."""
    expiry = f"{int(expires_at.timestamp()):08x}"
    return f"{PREFIX}{reference}{expiry}{_signature(source, reference, expiry, key)}"


def looks_minted(token: str) -> bool:
    return token.startswith(PREFIX)


def read(token: str, source: str, keys: Sequence[str], *, now: datetime) -> str:
    """
    Return the reference of *token*, which any one of *keys* may have signed.

    Raises:
        VerificationError: `token_mismatch` where it is not ours, or another source's; `callback_url_expired`.
    """
    form = _FORM.fullmatch(token)
    reference, expiry, given = form.groups() if form else ("", "", "")
    if not matches_any(given, [_signature(source, reference, expiry, key) for key in keys]):
        raise VerificationError("token_mismatch")
    if now >= datetime.fromtimestamp(int(expiry, 16), UTC):
        raise VerificationError("callback_url_expired")
    return reference


def _signature(source: str, reference: str, expiry: str, key: str) -> str:
    message = dump(["callback_url", source, reference, expiry]).encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
