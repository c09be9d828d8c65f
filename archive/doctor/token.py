"""
The last part of a probe's URL: that it is ours, and until when. Pure.

`rkpb_`, then in lower-case hex 16 bytes of nonce, 4 of expiry (Unix seconds) and 32 of HMAC-SHA256, then a tail that is
not signed. What is signed begins with another word than in a callback URL's token, so neither opens the other's door.
The tail holds what is changed where a path is not passed on as it came; the receiver says what has become of it.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from archive.documents import dump
from archive.errors import VerificationError
from archive.signature import matches_any

PREFIX = "rkpb_"
TAIL = "~Aa.Zz-_%41"  # capitals, all that stands unescaped in a token, and an escape that need not be one
LIFE = timedelta(minutes=10)
SKEW = timedelta(minutes=10)  # between two clocks: seen in the answer, it need not be guessed from a refusal
_FORM = re.compile(PREFIX + "([0-9a-f]{32})([0-9a-f]{8})([0-9a-f]{64})(?:~.{0,40})?")


def mint(nonce: str, now: datetime, key: str) -> str:
    """The token for *nonce* (32 hex digits), good from *now* for `LIFE`; without a tail."""
    expiry = f"{int((now + LIFE).timestamp()):08x}"
    return f"{PREFIX}{nonce}{expiry}{_signature(nonce, expiry, key)}"


def read(token: str, keys: Sequence[str], *, now: datetime) -> tuple[str, str]:
    """
    Return the nonce of *token* and the one of *keys* that signed it.

    Raises:
        VerificationError: `token_mismatch`; `probe_expired` where it is over, or longer than any probe would be good.
    """
    form = _FORM.fullmatch(token)
    nonce, expiry, given = form.groups() if form else ("", "", "")
    signers = [key for key in keys if matches_any(given, [_signature(nonce, expiry, key)])]
    if not signers:
        raise VerificationError("token_mismatch")
    if not now - SKEW <= datetime.fromtimestamp(int(expiry, 16), UTC) <= now + LIFE + SKEW:
        raise VerificationError("probe_expired")
    return nonce, signers[0]


def _signature(nonce: str, expiry: str, key: str) -> str:
    return hmac.new(key.encode(), dump(["probe", nonce, expiry]).encode(), hashlib.sha256).hexdigest()
