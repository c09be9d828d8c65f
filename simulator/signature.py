"""
Sign callbacks as KIE.ai does. https://docs.kie.ai/common-api/webhook-verification (read 2026-11)

The signature covers the task id and the time and *not* the body: the scheme's limit, which our attackers use.
"""

import base64
import hmac


def sign(key: str, task_id: str, timestamp: int) -> str:
    """Return base64(HMAC-SHA256(key, "taskId.timestamp")), the key being plain text as in the docs."""
    message = f"{task_id}.{timestamp}".encode()
    return base64.b64encode(hmac.digest(key.encode(), message, "sha256")).decode()


def signed_headers(key: str | None, task_id: str, timestamp: int) -> dict[str, str]:
    """Return the two headers of a callback; none at all while the account has no key, as documented."""
    if key is None:
        return {}
    return {"X-Webhook-Timestamp": str(timestamp), "X-Webhook-Signature": sign(key, task_id, timestamp)}
