"""
Read what Reelkeep sends to your application: verify it with the published `standardwebhooks` library, then read it.

Each notification comes at least once, and in no promised order: keep `Message.id` and pass over what you have seen.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from reelkeep.errors import NotificationError
from reelkeep.reading import instant

__all__ = ["Message", "NotificationError", "read", "verify"]

_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True)
class Message:
    """One notification. `id` is the same however often it comes; `timestamp` is when it happened."""

    id: str
    type: str
    timestamp: datetime
    data: Mapping[str, Any] = field(repr=False, hash=False)  # may hold a presigned link


def read(body: bytes, headers: Mapping[str, str], secrets: str | Sequence[str]) -> Message:
    """
    Verify and read one notification.

    Args:
        body: the request's body exactly as it came, not JSON that was read and written again.
        headers: the request's headers, in any case.
        secrets: the target's secrets (`whsec_…`); any one of them may match, so that they can be rotated.

    Raises:
        NotificationError: for whatever is wrong. Answer 400 or 401: it will be sent again, and then given up.
    """
    key = verify(body, headers, secrets)
    try:
        told = json.loads(body)
        kind, data = told["type"], told["data"]
        if not isinstance(kind, str) or not isinstance(data, dict):
            raise TypeError
        return Message(key, kind, instant(told["timestamp"]), data)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise NotificationError("not_understood") from None


def verify(body: bytes, headers: Mapping[str, str], secrets: str | Sequence[str]) -> str:
    """Verify any Standard Webhooks message, as `read` does, and return its id."""
    hooks = _hooks((secrets,) if isinstance(secrets, str) else secrets)
    known = {name.lower(): value for name, value in headers.items()}
    told = {name: known.get(name) or "" for name in _HEADERS}
    if not all(told.values()):
        raise NotificationError("headers_missing")
    reason = ""
    for hook in hooks:
        try:
            hook.verify(body, told, json_parse=False)
        except WebhookVerificationError as exc:
            reason = "timestamp_stale" if "timestamp too" in str(exc) else "signature_mismatch"
        except (ValueError, TypeError):  # what is not base64, not UTF-8, or no pair of version and signature
            reason = "headers_malformed"
        else:
            return told["webhook-id"]
    raise NotificationError(reason)


def _hooks(secrets: Sequence[str]) -> list[Webhook]:
    try:
        hooks = [Webhook(secret) for secret in secrets]
    except (EmptyWebhookSecretError, ValueError, RuntimeError):
        hooks = []
    if not hooks:
        raise NotificationError("secret_unusable")
    return hooks
