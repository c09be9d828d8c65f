"""
The use case: one claimed asset becomes one proved object with its manifest.

The order of the steps is the promise. What will be put is written down before it is put; the manifest follows the
proof; the ledger's word comes last. Whoever takes over after a crash finds at each point what is needed to go on. What
a store that is away cannot take is kept in the spool, and put later without the link. What to do when a step fails is
`workers.outcome`'s business.
"""

from collections.abc import Callable, Container
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import IO

from archive import manifest
from archive.documents import dump
from archive.errors import (
    FetchInterruptedError,
    LinkExpiredError,
    LinkRefusedError,
    NotMediaError,
    ObjectConflictError,
    ObjectHiddenError,
    PermanentError,
    ProbeError,
    ProofFailedError,
    ReelkeepError,
    StoreUnavailableError,
    TransientError,
)
from archive.failpoints import reached
from archive.identity import manifest_key, object_prefix
from archive.ledger import results
from archive.ledger.claims import Claim, Intent
from archive.ledger.database import Database
from archive.model import Link
from archive.roles import kinds_of
from archive.store import ArchiveStore, StoredObject
from workers.fetch import Fetched
from workers.file_hosts import HostRestsError
from workers.kept_files import KeptFiles
from workers.media import Media, check_media
from workers.probe import probe
from workers.prove import OBJECT_MISSING, prove

_CUT = {"truncated", "empty_file"}


@dataclass(frozen=True)
class Ports:
    """What the use case needs from outside."""

    db: Database
    store: ArchiveStore
    bucket: str
    fetch: Callable[[Claim, Link], AbstractContextManager[Fetched]]
    refresh: Callable[[Claim], Link | None]  # a link signed anew by the provider; None where it has none to give
    clock: Callable[[], datetime]
    kept: KeptFiles
    length_suffices: Container[str] = frozenset()  # sources that archive a film whose end nothing declares
    check_store: Callable[[str], None] = lambda _bucket: None  # raises StoreRestsError while the bucket rests


class KeptElsewhereError(TransientError):
    """The file waits in the spool of another machine, whose workers will put it; by the link it cannot be had."""


def archive_asset(claim: Claim, ports: Ports) -> None:
    """
    Carry *claim* to the archive.

    Raises:
        ClaimLostError: somebody else has it.
        TransientError, PermanentError, StoppedError: the step that failed, by its reason.
    """
    doubt: TransientError | None = None  # what counts for more than a link that is dead
    if claim.intent is not None:
        try:
            if _finished(claim, claim.intent, ports):
                return
        except StoreUnavailableError as exc:
            if ports.kept.has(claim.asset_id, claim.intent):
                raise
            doubt = exc  # the object may stand; while nobody can look, the file is fetched for as long as it can be
        if doubt is None and claim.kept_in not in (None, ports.kept.spool_id):
            doubt = KeptElsewhereError("kept_elsewhere")
            if claim.link.expires_at <= ports.clock():
                raise doubt
    if not ports.kept.has_room():
        ports.check_store(ports.bucket)  # what neither the store nor the spool can take is not worth a download
    with ExitStack() as stack:
        try:
            claim, fetched = _fetch(claim, ports, stack)
            reached("worker.fetched", claim.asset_id)
            media = _checked(claim, fetched)
            reached("worker.checked", claim.asset_id)
            if not media.complete:
                _judge_end(media, length_known=fetched.length_known, suffices=claim.source in ports.length_suffices)
        except (TransientError, PermanentError) as exc:
            if doubt is None:
                raise
            raise doubt from exc
        intent = _intent(claim, fetched, media, ports.bucket)
        reached("worker.probed", claim.asset_id)
        results.intend(ports.db, claim, intent)
        reached("worker.intended", claim.asset_id)
        try:
            stored = _put(claim, intent, fetched.file, ports.store)
        except StoreUnavailableError:
            _keep(claim, intent, fetched.file, ports)
            raise
    _seal(claim, intent, stored, ports)


def _finished(claim: Claim, intent: Intent, ports: Ports) -> bool:
    """Do what an earlier attempt left undone: by its object, or else by its file, where that was kept here."""
    hidden = None
    try:
        if ports.store.head(intent.bucket, intent.key) is not None:
            # That attempt died after its put. The link may be dead by now; it is not needed any more.
            reached("worker.found", claim.asset_id)
            _seal(claim, intent, prove(ports.store, intent, None), ports)
            return True
    except ObjectHiddenError as exc:
        if not ports.store.capabilities.conditional_put:
            raise
        hidden = exc  # the put will tell
    file = ports.kept.open(claim.asset_id, intent)
    if file is None:
        if hidden is not None:
            raise hidden
        return False
    with file:
        stored = _put(claim, intent, file, ports.store)
    _seal(claim, intent, stored, ports)
    return True


def _keep(claim: Claim, intent: Intent, file: IO[bytes], ports: Ports) -> None:
    """Keep *file* for when the store is back, if there is room; the next attempt then needs no link."""
    spool = ports.kept.keep(claim.asset_id, intent, file)
    if spool is not None:
        reached("worker.kept", claim.asset_id)
        results.keep(ports.db, claim, spool)


def links_in_turn(claim: Claim) -> list[Link]:
    """
    The claim's links in the order in which they are tried.

    Every other attempt begins with the second link: the first may give a whole answer that is not the file.
    """
    return [link for link in (claim.link, claim.second) if link is not None][:: -1 if claim.attempts % 2 else 1]


def _fetch(claim: Claim, ports: Ports, stack: ExitStack) -> tuple[Claim, Fetched]:
    """Fetch by the links we have; where one is dead and none serves, by a fresh one, the claim's from then on."""
    failures: list[ReelkeepError] = []
    for link in links_in_turn(claim):
        try:
            return claim, stack.enter_context(ports.fetch(claim, link))
        except (LinkExpiredError, LinkRefusedError, FetchInterruptedError, HostRestsError) as exc:
            failures.append(exc)
    fresh = ports.refresh(claim) if any(isinstance(exc, LinkExpiredError) for exc in failures) else None
    if fresh is None:
        raise min(failures, key=_hopelessness)
    claim = results.relink(ports.db, claim, fresh)
    reached("worker.relinked", claim.asset_id)
    return claim, stack.enter_context(ports.fetch(claim, fresh))


def _hopelessness(failure: ReelkeepError) -> int:
    """
    Of several links the most hopeful decides: one that may work later, one that is dead, one we must not follow.

    One that was tried comes before one whose host rests: this was an attempt.
    """
    return [FetchInterruptedError, HostRestsError, LinkExpiredError, LinkRefusedError].index(type(failure))


def _checked(claim: Claim, fetched: Fetched) -> Media:
    """A file that breaks off where no transfer showed its end was cut on its way: another try, and no bad file."""
    try:
        return check_media(fetched.file, fetched.size, kinds_of(claim.role))
    except NotMediaError as exc:
        if fetched.length_known or exc.reason not in _CUT:
            raise
        raise FetchInterruptedError("short_body") from exc


def _judge_end(media: Media, *, length_known: bool, suffices: bool) -> None:
    """
    Judge a file that declares no end by the transfer's length.

    A film that was cut at the origin, exactly between two fragments, is sent under a length that is right for what is
    left. What real muxers write declares its end, so for a film that length suffices only where an operator says so.
    """
    if not length_known:
        raise FetchInterruptedError("end_unknown")
    if media.format == "mov" and not suffices:
        raise NotMediaError("end_undeclared")


def _intent(claim: Claim, fetched: Fetched, media: Media, bucket: str) -> Intent:
    prefix = object_prefix(claim.source, claim.task_id, claim.role, claim.asset_id)
    try:
        facts = asdict(probe(fetched.file, media))
    except ProbeError as exc:
        # The walk says that it is whole media of its kind. That our one decoder cannot read it, be it a picture's very
        # header, is no reason to lose it: FFmpeg knows no animated WebP, and others will.
        facts = {"probe_error": exc.reason}
    if not media.complete:
        facts["end_declared"] = False
    key = f"{prefix}.{media.extension}"
    return Intent(bucket, key, fetched.size, fetched.sha256, media.content_type, dump(facts))


def _put(claim: Claim, intent: Intent, file: IO[bytes], store: ArchiveStore) -> StoredObject:
    """One request creates the object; then what stands is compared with what was sent."""
    file.seek(0)
    try:
        version_id = store.put(
            intent.bucket,
            intent.key,
            file,
            size=intent.size,
            sha256=intent.sha256,
            content_type=intent.content_type,
        )
    except ObjectConflictError as exc:
        # Ours, if an answer got lost or another worker was faster; else a conflict that a person has to look at.
        try:
            return prove(store, intent, None)
        except ProofFailedError as differs:
            if differs.reason == OBJECT_MISSING:  # it stood a moment ago
                raise StoreUnavailableError("store_object_missing") from exc
            raise ObjectConflictError("other_bytes_under_key") from exc
    reached("worker.put", claim.asset_id)
    return prove(store, intent, version_id)


def _seal(claim: Claim, intent: Intent, stored: StoredObject, ports: Ports) -> None:
    """Manifest, then ledger: a manifest's existence says that its object is proved."""
    reached("worker.proved", claim.asset_id)
    key = manifest_key(intent.key)
    body = manifest.build(claim, intent, stored.version_id, ports.clock())
    digest = sha256(body).hexdigest()
    try:
        ports.store.put(
            intent.bucket, key, BytesIO(body), size=len(body), sha256=digest, content_type=manifest.CONTENT_TYPE
        )
    except ObjectConflictError:
        if not manifest.describes(b"".join(ports.store.read(intent.bucket, key)), claim, intent):
            raise
    reached("worker.manifested", claim.asset_id)
    facts = {"key": intent.key, "version_id": stored.version_id, "size": intent.size, "sha256": intent.sha256}
    results.archived(ports.db, claim, stored.version_id, facts)
    reached("worker.archived", claim.asset_id)
    ports.kept.drop(claim.asset_id, intent)
