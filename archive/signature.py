"""Comparing signatures and judging their age. Pure, in constant time; a hostile header is a VerificationError."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from archive.errors import VerificationError

WINDOW = timedelta(seconds=300)  # on both sides: KIE's public clients use 300 s, Standard Webhooks as well


def hmac_sha256_base64(key: str, message: bytes) -> str:
    return b64encode(hmac.new(key.encode(), message, hashlib.sha256).digest()).decode()


def matches_any(given: str, expected: Iterable[str]) -> bool:
    """Compare with every candidate in constant time, whichever matches."""
    found = False
    for candidate in expected:
        found |= hmac.compare_digest(given.encode("utf-8", "replace"), candidate.encode("utf-8", "replace"))
    return found


def timestamp(text: str) -> datetime:
    """
    Read a header of Unix seconds.

    Raises:
        VerificationError: `timestamp_malformed`.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 11):
        raise VerificationError("timestamp_malformed")
    return datetime.fromtimestamp(int(text), UTC)


def is_fresh(signed_at: datetime, now: datetime) -> bool:
    return abs(now - signed_at) <= WINDOW
