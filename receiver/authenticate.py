"""Who sent this? Judge a delivery by what its source is configured to demand. Pure; every refusal is a 401."""

from datetime import datetime
from typing import Any

from archive.errors import VerificationError
from archive.model import Delivery, Verdict
from archive.providers import PROVIDERS
from archive.settings import Source
from archive.signature import matches_any


def authenticate(delivery: Delivery, document: Any, source: Source, *, now: datetime) -> Verdict:
    """
    Return how far *delivery* proves itself. Everything that is configured is demanded: a token that leaked (KIE echoes
    the callback URL) does not open a source that has webhook keys.

    Raises:
        VerificationError: `token_missing`, `token_mismatch`, `timestamp_stale`, `unsigned_not_allowed`, and the
            provider's own reasons.
    """
    verdict = Verdict.UNSIGNED
    if source.tokens:
        if delivery.token is None:
            raise VerificationError("token_missing")
        if not matches_any(delivery.token, [token.get_secret_value() for token in source.tokens]):
            raise VerificationError("token_mismatch")
        verdict = Verdict.TOKEN
    if source.webhook_keys:
        keys = [key.get_secret_value() for key in source.webhook_keys]
        signed = PROVIDERS[source.provider].verify(delivery, document, keys, now=now)
        if signed is Verdict.STALE and source.api_key is None:
            raise VerificationError("timestamp_stale")  # nobody to ask whether it is true
        verdict = signed
    if verdict is Verdict.UNSIGNED and not source.allow_unsigned:
        raise VerificationError("unsigned_not_allowed")  # this source is only polled
    return verdict
