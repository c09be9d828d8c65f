"""Proof by read-back: is what the store holds what was sent? Nothing is archived on a put's reply alone."""

import hashlib

from archive.errors import ProofFailedError
from archive.ledger.claims import Intent
from archive.store import ArchiveStore, StoredObject

OBJECT_MISSING = "object_missing"


def prove(store: ArchiveStore, intent: Intent, version_id: str | None) -> StoredObject:
    """
    Look the object version up and compare it with *intent*.

    Where the store checks digests itself, its own digest is compared; everywhere else the object is read and hashed.

    Raises:
        ProofFailedError: `object_missing`, `size_differs`, `digest_differs`.
        StoreUnavailableError.
    """
    stored = store.head(intent.bucket, intent.key, version_id)
    if stored is None:
        raise ProofFailedError(OBJECT_MISSING)
    if stored.size != intent.size:
        raise ProofFailedError("size_differs")
    if store.capabilities.checksum_verified and stored.sha256 is not None:
        found = stored.sha256
    else:
        digest = hashlib.sha256()
        for piece in store.read(intent.bucket, intent.key, stored.version_id):
            digest.update(piece)
        found = digest.hexdigest()
    if found != intent.sha256:
        raise ProofFailedError("digest_differs")
    return stored
