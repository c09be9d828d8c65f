"""
What a notification says, and the headers that prove it. Pure: a row and an instant in, bytes out.

The form is Standard Webhooks' (https://www.standardwebhooks.com): `{"type", "timestamp", "data"}`, signed over id, time
and body by the published library. Never the provider's link, nor metadata: of these only where they stand.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from standardwebhooks import Webhook

from archive.documents import dump
from archive.instants import iso

USER_AGENT = "reelkeep"
CONTENT_TYPE = "application/json"
Presign = Callable[[Mapping[str, Any], timedelta], str]  # an archived asset's row and how long: a GET link to it
_OBJECT = ("size", "sha256", "content_type", "bucket", "key", "version_id")


def body(
    kind: str,
    at: datetime,
    facts: Mapping[str, Any],
    about: Mapping[str, Any],
    *,
    companion: str,
    now: datetime,
    presign: Presign,
    content_life: timedelta,
) -> bytes:
    """
    The JSON of a notification of type *kind* about what happened at *at*.

    *facts* are what was true then; *about* is the row of its asset (with `external_id` and `metadata_key` of the task)
    or task as it stands. *companion* is the bucket that holds metadata. The content link is made anew each time.
    """
    family = kind.partition(".")[0]
    if family == "asset":
        data = _asset(facts, about, companion)
        if facts["state"] == "archived":
            link = {"url": presign(about, content_life), "expires_at": iso(now + content_life)}
            data["content"] = link
    elif family == "task":
        data = {**_when(facts), **_whose(about, companion), "id": about["id"]}
    else:
        data = dict(facts)
    return dump({"type": kind, "timestamp": iso(at), "data": data}).encode()


def _asset(facts: Mapping[str, Any], about: Mapping[str, Any], companion: str) -> dict[str, Any]:
    is_kept = facts["state"] == "archived"
    return {
        **_when(facts),
        **_whose(about, companion),
        **{name: about[name] for name in ("id", "role", "ordinal")},
        # Of what was not archived nothing stands, whatever an attempt had meant to put.
        **{name: about[name] if is_kept else None for name in _OBJECT},
        "archived_at": iso(about["archived_at"]) if is_kept else None,
        "must_by": iso(about["must_by"]),
        "content": None,
    }


def _when(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: facts[name] for name in ("state", "reason", "was")}


def _whose(about: Mapping[str, Any], companion: str) -> dict[str, Any]:
    key = about["metadata_key"]
    return {
        "source": about["source"],
        "task_id": about["task_id"],
        "external_id": about["external_id"],
        "metadata": {"bucket": companion, "key": key} if key else None,
    }


def headers(
    notification_id: str, content: bytes, secrets: Sequence[str], now: datetime, content_type: str = CONTENT_TYPE
) -> dict[str, str]:
    """
    The headers of one attempt. The id is the same at every attempt, and what a receiver knows a repeat by.

    Every secret signs (`v1,… v1,…`), so that a receiver may know the old one or the new one. Without secrets, which is
    so for the URL of a caller of the proxy, there is nothing of ours to prove, and nothing is signed.
    """
    said = {"content-type": content_type, "user-agent": USER_AGENT}
    if not secrets:
        return said
    named, text = message_id(notification_id), content.decode()
    signatures = [Webhook(secret).sign(named, now.astimezone(UTC), text) for secret in secrets]
    return said | {
        "webhook-id": named,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def message_id(notification_id: str) -> str:
    return f"msg_{notification_id}"
