"""Who sent this? Judge a delivery by what its source is configured to demand. Pure; every refusal is a 401."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive import callback_token
from archive.errors import VerificationError
from archive.model import Delivery, Verdict
from archive.providers import PROVIDERS
from archive.signature import matches_any
from archive.sources import Source


@dataclass(frozen=True)
class Proof:
    """How far a delivery proves itself, and the reference of the minted URL it came by."""

    verdict: Verdict
    callback: str | None = None


def by_url(token: str | None, name: str, source: Source, *, signing_keys: Sequence[str], now: datetime) -> Proof:
    """
    Judge the URL a delivery came by, before its body is read. One that we minted serves as well as a *token* of the
    source (*name*).

    Raises:
        VerificationError: `token_missing`, `token_mismatch`, `callback_url_expired`, `unsigned_not_allowed`.
    """
    proof = _by_token(token, name, source, signing_keys, now)
    if proof.verdict is Verdict.UNSIGNED and not source.webhook_keys and not source.allow_unsigned:
        # Without any token this is a source that is only polled, or called by minted URLs.
        raise VerificationError("unsigned_not_allowed" if token is None else "token_mismatch")
    return proof


def by_signature(delivery: Delivery, document: Any, source: Source, proof: Proof, *, now: datetime) -> Proof:
    """
    Judge the signature as well, where *source* has keys. Everything that is configured is demanded: a token that leaked
    (KIE echoes the callback URL) does not open a source that has webhook keys.

    Raises:
        VerificationError: `timestamp_stale`, and the provider's own reasons.
    """
    if not source.webhook_keys:
        return proof
    keys = [key.get_secret_value() for key in source.webhook_keys]
    signed = PROVIDERS[source.provider].verify(delivery, document, keys, now=now)
    if signed is Verdict.STALE and source.api_key is None:
        raise VerificationError("timestamp_stale")  # nobody to ask whether it is true
    return Proof(signed, proof.callback)


def _by_token(token: str | None, name: str, source: Source, signing_keys: Sequence[str], now: datetime) -> Proof:
    if token is None:
        if source.tokens:
            raise VerificationError("token_missing")
        return Proof(Verdict.UNSIGNED)
    if matches_any(token, [known.get_secret_value() for known in source.tokens]):
        return Proof(Verdict.TOKEN)
    if callback_token.looks_minted(token):
        return Proof(Verdict.TOKEN, callback_token.read(token, name, signing_keys, now=now))
    if source.tokens:
        raise VerificationError("token_mismatch")
    return Proof(Verdict.UNSIGNED)
