"""What a failed step means for its asset: another try with the deadline in view, or an end with one cause."""

import logging
from datetime import datetime, timedelta

from archive.errors import (
    ClaimLostError,
    LedgerError,
    LinkExpiredError,
    LinkRefusedError,
    NotMediaError,
    PermanentError,
    ReelkeepError,
    StoreUnavailableError,
    TransientError,
)
from archive.ledger import accounts, results
from archive.ledger.claims import Claim
from archive.ledger.database import Database
from archive.ledger.outages import API_RESTS, SOURCE_PAUSED
from archive.model import AssetState
from archive.schedule import RETRY_FLOOR, next_try
from workers.archive_asset import KeptElsewhereError
from workers.fetch import SPOOL_UNAVAILABLE, StoppedError
from workers.file_hosts import HostRestsError
from workers.store_rests import StoreRestsError

MAX_BAD_FILES = 3  # a bad file, or a name that leads inside, is tried this often before a person has to look
MAX_CRASHES = 10  # mistakes of our own on one asset before a person has to look
MIN_TRIES = 3  # however late it is
UNASKED = timedelta(days=1)  # past its deadline, while neither file host nor provider said that there is no file
_OURS = {SPOOL_UNAVAILABLE, API_RESTS, SOURCE_PAUSED}
ELSEWHERE = timedelta(seconds=30)  # before a file that waits on another machine is claimed again, perhaps there
_log = logging.getLogger(__name__)


def settle(
    db: Database, claim: Claim, failure: Exception, *, now: datetime, spread: float, steady: datetime | None = None
) -> None:
    """
    Write down what *failure* means. Without a ledger nothing is written, and the lease runs out by itself.

    *steady* is the time without the clock's leaps (`workers.steady`): no asset is lost by the others.
    """
    reason = failure.reason if isinstance(failure, ReelkeepError) else "unexpected_error"
    fields = {"asset": claim.asset_id, "source": claim.source, "reason": reason, "attempts": claim.attempts}
    if isinstance(failure, ClaimLostError | LedgerError):
        _log.warning("asset.claim_abandoned", extra=fields)
        return
    if isinstance(failure, StoppedError):
        results.hand_back(db, claim)
        return
    state = end_of(failure, claim, steady or now)
    if state is not None:
        _log.error("asset.%s", state, extra=fields)
        results.end(db, claim, state, reason)
        return
    if isinstance(failure, StoreUnavailableError | KeptElsewhereError):
        _wait(db, claim, failure, now, spread)
        return
    deadline = claim.link.expires_at if claim.link.expires_at > now else claim.must_by
    wish = failure.retry_after if isinstance(failure, TransientError) else None
    is_untried = isinstance(failure, HostRestsError)
    at = next_try(
        now=now, attempts=0 if is_untried else claim.attempts, must_by=min(deadline, claim.must_by), spread=spread,
        asked=min(wish, accounts.MAX_REST) if wish else None,
    )  # fmt: skip
    if is_untried:
        results.postpone(db, claim, at)
        return
    _log.warning("asset.retry", extra={**fields, "at": at.isoformat(timespec="seconds")})
    results.retry(db, claim, reason, at)


def _wait(
    db: Database, claim: Claim, failure: StoreUnavailableError | KeptElsewhereError, now: datetime, spread: float
) -> None:
    """What is no fault of the file's costs none of its tries; they are for its link."""
    if isinstance(failure, KeptElsewhereError):
        results.postpone(db, claim, now + ELSEWHERE * (0.1 + spread), failure.reason)
        return
    # Spread wide: of thousands of files that wait for one store, none needs to be the first.
    at = now + (failure.retry_after or RETRY_FLOOR) * (1 + spread)
    if isinstance(failure, StoreRestsError):
        results.postpone(db, claim, at, failure.reason)
        return
    fields = {"asset": claim.asset_id, "source": claim.source, "reason": failure.reason}
    _log.warning("asset.store_away", extra={**fields, "at": at.isoformat(timespec="seconds")})
    results.wait(db, claim, failure.reason, at)


def end_of(failure: Exception, claim: Claim, now: datetime) -> AssetState | None:
    """The state in which the asset ends, or None where it is worth another try. Pure."""
    tries = claim.attempts + 1
    match failure:
        case TransientError() if isinstance(failure, StoreUnavailableError) or failure.reason in _OURS:
            return None  # our own side, or nobody was asked for another link: it costs no video to wait for it
        case TransientError():
            # The deadline may be assumed, and nobody has said yet that the link is dead.
            is_tried = tries >= MIN_TRIES or isinstance(failure, KeptElsewhereError)
            return AssetState.LOST if now >= claim.must_by + UNASKED and is_tried else None
        case LinkExpiredError():
            return AssetState.LOST if now >= claim.must_by and tries >= MIN_TRIES else None
        case NotMediaError() | LinkRefusedError() if _may_pass(failure):
            # The same in a row: what went wrong before on the network counts for nothing here.
            again = claim.reason == failure.reason
            return AssetState.QUARANTINED if again and tries >= MAX_BAD_FILES else None
        case PermanentError():
            return AssetState.QUARANTINED
        case _:
            return AssetState.QUARANTINED if tries >= MAX_CRASHES else None


def _may_pass(failure: ReelkeepError) -> bool:
    """Whether a refusal may be a moment's: a host that gives half a file, a name server that is not itself."""
    return isinstance(failure, NotMediaError) or failure.reason == "address_not_public"
