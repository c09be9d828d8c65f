"""The manifest: the JSON that describes one archived object, facts at birth only. Pure."""

import json
from datetime import datetime
from typing import Any

from archive.documents import parse
from archive.errors import MalformedDeliveryError
from archive.instants import iso
from archive.ledger.claims import Claim, Intent

CONTENT_TYPE = "application/json"
VERSION = 1


def build(claim: Claim, intent: Intent, version_id: str | None, archived_at: datetime) -> bytes:
    """
    Describe the object. No link, prompt, metadata or person's data: a manifest may be locked for years.

    `media` is what a probe saw, empty where it could see nothing.
    """
    document: dict[str, Any] = {
        "manifest": VERSION,
        "asset": {"id": claim.asset_id, "source": claim.source, "task_id": claim.task_id, "role": claim.role},
        "object": {
            "bucket": intent.bucket,
            "key": intent.key,
            "version_id": version_id,
            "size": intent.size,
            "sha256": intent.sha256,
            "content_type": intent.content_type,
        },
        "media": json.loads(intent.media or "{}"),
        "origin": {"host": claim.link.host, "verdict": claim.verdict},
        "archived_at": iso(archived_at),
    }
    return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"


def describes(manifest: bytes, claim: Claim, intent: Intent) -> bool:
    """Whether a manifest that stands already describes the same asset and object."""
    try:
        document = parse(manifest)
        found = (document["asset"]["id"], document["object"]["key"], document["object"]["sha256"])
    except (MalformedDeliveryError, KeyError, TypeError):
        return False
    return found == (claim.asset_id, intent.key, intent.sha256)
