"""
What becomes of a claimed asset: an intent, a fresh link, the archive, another try, or an end with one cause.

Whatever ends an attempt after something was tried says that its process lived: `crashes` is 0 again.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from archive.failpoints import reached
from archive.ledger import audit, losses, outbox, tallies
from archive.ledger.claims import Claim, Intent, held
from archive.ledger.database import Database
from archive.ledger.schema import assets, attempts
from archive.ledger.tallies import Tally
from archive.model import AssetState, Link, Verdict

OTHER_BYTES = "other_bytes_served"
_AT_A_TIME = 500  # values of one statement


def waiting_intents(db: Database, ids: Collection[str]) -> dict[str, str]:
    """Of the assets *ids* those that wait with an intent, and the digest in it."""
    listed = sorted(ids)
    found: dict[str, str] = {}
    with db.read() as conn:
        for start in range(0, len(listed), _AT_A_TIME):
            these = assets.c.id.in_(listed[start : start + _AT_A_TIME])
            wanted = (these, assets.c.state == AssetState.WAITING, assets.c.sha256.is_not(None))
            found |= {row.id: row.sha256 for row in conn.execute(select(assets.c.id, assets.c.sha256).where(*wanted))}
    return found


def intend(db: Database, claim: Claim, intent: Intent) -> None:
    """
    Write down what is about to be put. After this a crash never needs the link again.

    Where an earlier attempt was about to put other bytes, the audit log keeps both digests: the link served two files.
    """
    before = claim.intent
    with db.write() as conn:
        held(conn, claim, {
            "bucket": intent.bucket, "key": intent.key, "size": intent.size, "sha256": intent.sha256,
            "content_type": intent.content_type, "media": intent.media,
            "kept_in": claim.kept_in if before is not None and before.sha256 == intent.sha256 else None,
        })  # fmt: skip
        if before is not None and before.sha256 != intent.sha256:
            facts = {"sha256": intent.sha256, "size": intent.size, "before": before.sha256, "size_before": before.size}
            _audit(conn, claim, db.now(conn), AssetState.WAITING, OTHER_BYTES, facts)
        reached("worker.intending", claim.asset_id)


def relink(db: Database, claim: Claim, link: Link) -> Claim:
    """Keep a fresh link from the provider's API; return the claim with it."""
    with db.write() as conn:
        held(conn, claim, {
            "link": link.url, "link_expires_at": link.expires_at, "link_origin": link.origin,
            "verdict": Verdict.POLLED.label,
        })  # fmt: skip
        tallies.raise_(conn, Tally(tallies.LINKS_REFRESHED, claim.source))
    return replace(claim, link=link, verdict=Verdict.POLLED.label)


def archived(db: Database, claim: Claim, version_id: str | None, facts: Mapping[str, Any]) -> None:
    """The object is proved and its manifest stands: the asset is archived; a film is owed a poster."""
    with db.write() as conn:
        now = db.now(conn)
        held(conn, claim, {
            "state": AssetState.ARCHIVED, "reason": None, "due_at": None, "owner": None, "attempts": 0,
            "crashes": 0, "version_id": version_id, "archived_at": now, "kept_in": None,
        })  # fmt: skip
        row = conn.execute(select(assets).where(assets.c.id == claim.asset_id)).one()
        if row.content_type.startswith("video/"):
            outbox.owe_poster(conn, claim.asset_id, now)
        # A link that was had anew may outlive the deadline, which is kept: until the later of both the file was there.
        deadline = max(row.must_by, row.link_expires_at)
        tallies.raise_(
            conn,
            tallies.observed(tallies.MARGIN, claim.source, deadline - now),
            tallies.observed(tallies.ARCHIVING, claim.source, now - row.created_at),
            Tally(tallies.BYTES, claim.source, count=row.size),
        )
        _close(conn, claim, now, "archived", None)
        reached("worker.archiving", claim.asset_id)
        _audit(conn, claim, now, AssetState.ARCHIVED, None, facts)


def retry(db: Database, claim: Claim, reason: str, at: datetime) -> None:
    """A transient failure: due again at *at*. The asset's state does not change, so nothing is audited."""
    with db.write() as conn:
        tried = {"reason": reason, "attempts": assets.c.attempts + 1, "crashes": 0}
        held(conn, claim, {"due_at": at, "owner": None, **tried})
        _close(conn, claim, db.now(conn), "transient", reason)
        tallies.raise_(conn, Tally(tallies.RETRIES, claim.source, (reason,)))
        reached("worker.retrying", claim.asset_id)


def keep(db: Database, claim: Claim, spool: str) -> None:
    """The intent's file stands in *spool*, for when the store is back."""
    with db.write() as conn:
        held(conn, claim, {"kept_in": spool})


def wait(db: Database, claim: Claim, reason: str, at: datetime) -> None:
    """Something of ours is away: due again at *at*, and none of its tries is spent."""
    with db.write() as conn:
        held(conn, claim, {"due_at": at, "owner": None, "reason": reason, "crashes": 0})
        _close(conn, claim, db.now(conn), "transient", reason)
        tallies.raise_(conn, Tally(tallies.RETRIES, claim.source, (reason,)))


def postpone(db: Database, claim: Claim, at: datetime, reason: str | None = None) -> None:
    """
    Nothing could be tried yet: due again at *at*, as if it had not been claimed; no trace is left but the fence.

    A *reason* is shown in place of that of the last try. A suspect stays one: that its process lived says nothing of
    what it would do with the file.
    """
    with db.write() as conn:
        held(conn, claim, {"due_at": at, "owner": None} | ({"reason": reason} if reason else {}))
        conn.execute(delete(attempts).where(attempts.c.asset == claim.asset_id, attempts.c.fence == claim.fence))


def hand_back(db: Database, claim: Claim) -> None:
    """Stopping: due at once, and the attempt does not count."""
    with db.write() as conn:
        now = db.now(conn)
        held(conn, claim, {"due_at": now, "owner": None})
        _close(conn, claim, now, "handed_back", None)


def end(db: Database, claim: Claim, state: AssetState, reason: str) -> None:
    """An end short of the archive: quarantined (a person may help) or lost."""
    with db.write() as conn:
        now = db.now(conn)
        ended = {"state": state, "reason": reason, "due_at": None, "owner": None, "crashes": 0, "kept_in": None}
        held(conn, claim, ended)
        _close(conn, claim, now, "permanent", reason)
        losses.of_asset(conn, claim.source, claim.task, state, reason)
        reached("worker.ending", claim.asset_id)
        _audit(conn, claim, now, state, reason, None)


def _close(conn: Connection, claim: Claim, at: datetime, outcome: str, reason: str | None) -> None:
    this = update(attempts).where(attempts.c.asset == claim.asset_id, attempts.c.fence == claim.fence)
    conn.execute(this.values(ended_at=at, outcome=outcome, reason=reason))


def _audit(
    conn: Connection,
    claim: Claim,
    at: datetime,
    state: AssetState,
    reason: str | None,
    facts: Mapping[str, Any] | None,
) -> None:
    entry = audit.Entry("asset", claim.asset_id, AssetState.WAITING, state, f"worker:{claim.owner}", reason, facts)
    audit.write(conn, at, [entry])
