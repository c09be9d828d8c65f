"""What the archive asks of an object store, in our words. `archive.s3` is its S3 form."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Any, Protocol


@dataclass(frozen=True)
class StoreCapabilities:
    """What a store is known to do; where it does not, we do more ourselves."""

    conditional_put: bool  # If-None-Match: * makes a second put of a key fail
    checksum_verified: bool  # a put whose SHA-256 header differs from its body is refused, and HEAD shows the digest
    versions: bool  # an overwritten object can still be had
    lock: bool  # object lock holds
    durable_put: bool  # what a put acknowledged survives the loss of power


# `generic` assumes nothing; `rclone` is the embedded store, for trying out. The facts are measured or documented:
# rclone 1.75 and radosgw 16.2 were probed, the others state it in their manuals.
DIALECTS: dict[str, StoreCapabilities] = {
    "aws": StoreCapabilities(True, True, True, True, True),
    "minio": StoreCapabilities(True, True, True, True, True),
    "r2": StoreCapabilities(True, False, False, False, True),
    "ceph": StoreCapabilities(False, False, True, True, True),
    "rclone": StoreCapabilities(False, False, False, False, False),
    "generic": StoreCapabilities(False, False, False, False, False),
}


_WORDS = {
    "lock": "object lock",
    "versions": "versions",
    "conditional_put": "conditional writes",
    "checksum_verified": "checksum check on upload",
    "durable_put": "promise to survive a loss of power",
}


def lacks(capabilities: StoreCapabilities) -> list[str]:
    """What the store cannot do, in words for people."""
    return [words for name, words in _WORDS.items() if not getattr(capabilities, name)]


@dataclass(frozen=True)
class StoredObject:
    """What the store says about one object version. `sha256` is hex, None where the store shows none."""

    bucket: str
    key: str
    version_id: str | None
    size: int
    sha256: str | None


class ArchiveStore(Protocol):
    """One bucket's worth of verbs. All raise StoreUnavailableError where trying later may help."""

    @property
    def capabilities(self) -> StoreCapabilities:
        """What this store is known to do."""

    def put(self, bucket: str, key: str, body: IO[bytes], *, size: int, sha256: str, content_type: str) -> str | None:
        """
        Create the object in one request and return its version id.

        Raises:
            ObjectConflictError: `object_exists`; something stands under the key already.
        """

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """
        Describe the object, None where there is none.

        Raises:
            ObjectHiddenError: the store does not say whether it stands.
        """

    def read(self, bucket: str, key: str, version_id: str | None = None) -> Iterator[bytes]:
        """The object's bytes, in pieces of at most 1 MiB."""

    def link(self, bucket: str, key: str, version_id: str | None, *, seconds: int, filename: str) -> str:
        """A presigned GET that a browser can follow."""


def link_to(store: ArchiveStore, asset: Mapping[str, Any], life: timedelta) -> str:
    """A GET link to the object version of an archived asset's row, good for *life*."""
    filename = str(asset["key"]).rsplit("/", 1)[-1]
    seconds = int(life.total_seconds())
    return store.link(asset["bucket"], asset["key"], asset["version_id"], seconds=seconds, filename=filename)
