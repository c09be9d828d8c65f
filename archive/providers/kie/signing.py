"""What proves a callback of KIE's. https://docs.kie.ai/common-api/webhook-verification (read 2026-11)"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from archive.errors import VerificationError
from archive.model import Delivery, Verdict
from archive.providers.kie.fields import record
from archive.signature import hmac_sha256_base64, is_fresh, matches_any, timestamp


def verify(delivery: Delivery, document: Any, keys: Sequence[str], *, now: datetime) -> Verdict:
    """
    Check `X-Webhook-Signature`, base64 HMAC-SHA256 over "<task id>.<X-Webhook-Timestamp>".

    The body is not covered: whoever has seen one callback can send another body under the same signature while the
    window lasts. So the best verdict here is SIGNED_ID.

    Raises:
        VerificationError: `signature_missing`, `timestamp_malformed`, `task_id_missing`, `task_ids_differ`,
            `signature_mismatch`.
    """
    given = delivery.headers.get("x-webhook-signature")
    signed_at = delivery.headers.get("x-webhook-timestamp")
    if not given or not signed_at:
        raise VerificationError("signature_missing")
    instant = timestamp(signed_at)
    message = f"{_signed_task_id(document)}.{signed_at}".encode("utf-8", "surrogatepass")
    if not matches_any(given, [hmac_sha256_base64(key, message) for key in keys]):
        raise VerificationError("signature_mismatch")
    return Verdict.SIGNED_ID if is_fresh(instant, now) else Verdict.STALE


def sign(task_id: str, key: str, *, now: datetime) -> dict[str, str]:
    """The headers of a callback about *task_id* signed with *key* at *now*."""
    signed_at = str(int(now.timestamp()))
    signature = hmac_sha256_base64(key, f"{task_id}.{signed_at}".encode("utf-8", "surrogatepass"))
    return {"X-Webhook-Timestamp": signed_at, "X-Webhook-Signature": signature}


def resign(document: Any, *, key: str, now: datetime) -> dict[str, str]:
    """The headers of *document*, a callback of KIE's, signed anew; none where it names no task, or two."""
    try:
        return sign(_signed_task_id(document), key, now=now)
    except VerificationError:
        return {}


def _signed_task_id(document: Any) -> str:
    """
    The id the signature speaks of: `data.task_id`, `data.taskId` or `taskId`, whichever exists.

    A body that names two different ones is refused, or the signature of one task could vouch for another.
    """
    root = record(document)
    data = record(root.get("data"))
    named = {value for value in (data.get("task_id"), data.get("taskId"), root.get("taskId")) if isinstance(value, str)}
    named.discard("")
    if not named:
        raise VerificationError("task_id_missing")
    if len(named) > 1:
        raise VerificationError("task_ids_differ")
    return named.pop()
