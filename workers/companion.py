"""A task's metadata in the companion bucket, which is never locked: one JSON object for what the user said of it."""

import json
import logging
from datetime import timedelta
from hashlib import sha256
from io import BytesIO

from archive.errors import ObjectConflictError, StoreUnavailableError
from archive.failpoints import reached
from archive.identity import metadata_key
from archive.instants import iso
from archive.ledger import outbox
from archive.ledger.database import Database
from archive.ledger.outbox import MetadataErrand
from archive.store import ArchiveStore

_AGAIN = timedelta(minutes=1)
_log = logging.getLogger(__name__)


def document(errand: MetadataErrand) -> bytes:
    """What is written: the same words give the same bytes, and so the same key."""
    said = {
        "source": errand.source,
        "task_id": errand.task_id,
        "external_id": errand.external_id,
        "metadata": json.loads(errand.metadata),
        "created_at": iso(errand.created_at),
    }
    return json.dumps(said, indent=2, sort_keys=True).encode() + b"\n"


def write_metadata(db: Database, store: ArchiveStore, companion: str, errand: MetadataErrand) -> None:
    """Do *errand*. A store that is away is tried again until it is back."""
    body = document(errand)
    key = metadata_key(errand.source, errand.task_id, body)
    try:
        digest = sha256(body).hexdigest()
        store.put(companion, key, BytesIO(body), size=len(body), sha256=digest, content_type="application/json")
    except ObjectConflictError:
        pass  # the key says what it holds: it was written before
    except StoreUnavailableError as exc:
        _log.warning("metadata.later", extra={"task": errand.task, "reason": exc.reason})
        outbox.later(db, errand, _AGAIN)
        return
    reached("errand.written", errand.task)
    outbox.done(db, errand, key)
