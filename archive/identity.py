"""Names fixed at first sight: task ids, asset ids, object keys. Pure; no id from outside is trusted as a path."""

import hashlib
import re
from urllib.parse import quote

from archive.documents import dump
from archive.model import Output

_ID = re.compile("[0-9a-f]{32,64}")


def _digest(*parts: str) -> str:
    """128 bits over the parts, which as a JSON list cannot run into each other, as 32 hex digits."""
    return hashlib.sha256(dump(parts).encode()).hexdigest()[:32]


def task_key(source: str, task_id: str) -> str:
    """The ledger's id of a task."""
    return _digest("task", source, task_id)


def asset_id(source: str, task_id: str, output: Output) -> str:
    """
    The ledger's id of an output: from the provider's own output id, else from the URL path without query.

    Links are signed anew at each poll; the path is what stays.
    """
    return _digest("asset", source, task_id, output.role, output.output_id or f"path:{output.link.path}")


def delivery_id(source: str, body: bytes, sender_id: str | None, callback: str | None = None) -> str:
    """
    The sender's id where it gives one, else the SHA-256 of source and raw body: a repeat has the same id.

    The same bytes by two callback URLs of ours (*callback* is the reference) are no repeat: a failure that names no
    task says something about each.
    """
    seed = sender_id.encode("utf-8", "surrogatepass") if sender_id else body
    kind = b"id" if sender_id else b"body"
    place = [b"callback", callback.encode()] if callback else []
    return hashlib.sha256(b"\x00".join((source.encode(), *place, kind, seed))).hexdigest()


def can_be_ours(key: str) -> bool:
    """Whether *key* can be an id made here; the database need not be asked about anything else."""
    return _ID.fullmatch(key) is not None


def object_prefix(source: str, task_id: str, role: str, asset: str) -> str:
    """
    The key of an asset without its ending: `assets/{source}/{task}/{role}-{asset_id}`.

    The task id is percent-encoded, dots included, and long ones are cut (the asset id keeps them apart), so that no
    id can climb out of its folder or exceed S3's 1,024 bytes.
    """
    return f"assets/{source}/{_encoded(task_id)}/{role}-{asset}"


def metadata_key(source: str, task_id: str, document: bytes) -> str:
    """
    The key of a task's metadata in the companion bucket: `metadata/{source}/{task}-{digest}.json`.

    The digest is the first 16 hex digits of the document's SHA-256: other metadata is another object.
    """
    return f"metadata/{source}/{_encoded(task_id)}-{hashlib.sha256(document).hexdigest()[:16]}.json"


def _encoded(task_id: str) -> str:
    quoted = quote(task_id, safe="")
    return (quoted.replace(".", "%2E") if task_id.strip(".") == "" else quoted)[:200]


def manifest_key(object_key: str) -> str:
    """The manifest stands beside its object: same name, ending `.manifest.json`."""
    return object_key.rsplit(".", 1)[0] + ".manifest.json"
