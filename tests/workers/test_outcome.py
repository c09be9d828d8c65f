"""What a failed step means for its asset."""

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from archive import errors
from archive.errors import ReelkeepError
from archive.ledger import claims, deliveries
from archive.ledger.claims import Claim
from archive.ledger.database import Database
from archive.ledger.outages import API_RESTS, SOURCE_PAUSED
from archive.ledger.schema import assets
from archive.model import AssetState
from archive.schedule import RETRY_CEILING
from tests.builders import output, received
from tests.doubles import START, FakeClock
from workers.fetch import SPOOL_UNAVAILABLE, StoppedError
from workers.file_hosts import HostRestsError
from workers.outcome import MAX_BAD_FILES, MAX_CRASHES, MIN_TRIES, UNASKED, end_of, settle

MUST_BY = START + timedelta(hours=1)
CLAIM = Claim("a", "kie", "task", "t1", "video", 0, 1, "w1", 0, "polled", output().link, None, MUST_BY)
LATE = MUST_BY + timedelta(seconds=1)
Q, L = AssetState.QUARANTINED, AssetState.LOST


def after(failed: int, reason: str | None = None) -> Claim:
    """The claim of an asset that failed so often before, the last time for *reason*."""
    return dataclasses.replace(CLAIM, attempts=failed, reason=reason)


@pytest.mark.parametrize(
    ("failure", "attempts", "late", "expected"),
    [
        (errors.FetchInterruptedError("short_body"), 50, False, None),
        (errors.FetchInterruptedError("short_body"), 0, True, None),
        (errors.FetchInterruptedError("short_body"), 50, True, None),
        (errors.FetchInterruptedError(SPOOL_UNAVAILABLE), 500, True, None),
        (errors.ProviderBusyError("http_503"), 50, False, None),
        (errors.ProviderBusyError("http_503"), 50, True, None),
        (errors.LinkExpiredError("http_403"), 50, False, None),
        (errors.LinkExpiredError("http_403"), 50, True, L),
        (errors.StoreUnavailableError("store_slow_down"), 500, True, None),
        (errors.NotMediaError("truncated"), MAX_BAD_FILES - 2, False, None),
        (errors.NotMediaError("truncated"), MAX_BAD_FILES - 1, False, Q),
        (errors.LinkRefusedError("port_not_allowed"), 0, False, Q),
        (errors.LinkRefusedError("address_not_public"), MAX_BAD_FILES - 2, False, None),
        (errors.LinkRefusedError("address_not_public"), MAX_BAD_FILES - 1, False, Q),
        (errors.TooLargeError("too_large"), 0, False, Q),
        (errors.ObjectConflictError("other_bytes_under_key"), 0, True, Q),
        (errors.ProofFailedError("digest_differs"), 0, False, Q),
        (RuntimeError("a mistake of ours"), MAX_CRASHES - 2, True, None),
        (RuntimeError("a mistake of ours"), MAX_CRASHES - 1, False, Q),
    ],
)
def test_end_of__table(failure: Exception, attempts: int, late: bool, expected: AssetState | None) -> None:
    """Waiting ends by the deadline for what the provider does, never for our store, and by a person for the rest."""
    reason = getattr(failure, "reason", None)
    assert expected == end_of(failure, after(attempts, reason), LATE if late else START)


def test_end_of__bad_files_count_in_a_row() -> None:
    """Failures of the network before a bad file do not make it the third bad one."""
    bad = errors.NotMediaError("html_page")
    assert end_of(bad, after(MAX_BAD_FILES + 5, "unreachable"), START) is None
    assert Q == end_of(bad, after(MAX_BAD_FILES + 6, "html_page"), START)


def test_end_of__nobody_could_be_asked() -> None:
    """
    The deadline is no end while neither file host nor provider said that there is no file: a day longer, our own
    downtime and theirs included; and a full disk of ours, an API at rest or a paused source never ends anything.
    """
    for unsaid in (errors.ProviderBusyError("rate_budget", timedelta(minutes=1)), errors.FetchInterruptedError("x")):
        assert end_of(unsaid, after(50), MUST_BY + UNASKED - timedelta(seconds=1)) is None
        assert L == end_of(unsaid, after(50), MUST_BY + UNASKED)
    unasked = map(errors.ProviderBusyError, (API_RESTS, SOURCE_PAUSED))
    for ours in (errors.FetchInterruptedError(SPOOL_UNAVAILABLE), *unasked):
        assert end_of(ours, after(500), MUST_BY + 9 * UNASKED) is None


def kinds(base: type[ReelkeepError] = ReelkeepError) -> list[type[ReelkeepError]]:
    return [base, *(kind for direct in base.__subclasses__() for kind in kinds(direct))]


FAILURES = st.sampled_from([*kinds(), RuntimeError, OSError, MemoryError]).map(lambda kind: kind("reason"))
NEAR = st.timedeltas(timedelta(days=-30), timedelta(days=30))


@given(failure=FAILURES, attempts=st.integers(0, 1000), since=NEAR)
def test_end_of__waiting_never_ends_without_a_cause(failure: Exception, attempts: int, since: timedelta) -> None:
    """Lost is only what is past its deadline after enough tries; no end is any other state than lost or quarantined."""
    now = MUST_BY + since
    state = end_of(failure, after(attempts), now)
    assert state in (None, L, Q)
    if state is L:
        assert now >= MUST_BY
        assert attempts + 1 >= MIN_TRIES
        assert not isinstance(failure, errors.StoreUnavailableError)
    if state is Q:
        assert not isinstance(failure, errors.TransientError | errors.LinkExpiredError)


@pytest.fixture
def claim(db: Database) -> Claim:
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received()])
    taken = claims.take(db, "w1", {"kie": 8}, timedelta(seconds=12))
    assert taken is not None
    return taken


def row(db: Database) -> tuple[object, ...]:
    with db.read() as conn:
        found = conn.execute(select(assets)).one()
    return found.state, found.reason, found.owner, found.attempts, found.due_at


def test_settle__another_try(db: Database, clock: FakeClock, claim: Claim) -> None:
    """A transient failure is written down with its reason, and tried again soon enough for the link to live."""
    settle(db, claim, errors.FetchInterruptedError("short_body"), now=clock(), spread=0.999)
    state, reason, owner, attempts, due_at = row(db)
    assert (AssetState.WAITING, "short_body", None, 1) == (state, reason, owner, attempts)
    assert START < due_at <= START + RETRY_CEILING  # type: ignore[operator]


def test_settle__an_end(db: Database, clock: FakeClock, claim: Claim) -> None:
    """A permanent failure ends the asset with its reason, not to be claimed again."""
    settle(db, claim, errors.TooLargeError("too_large"), now=clock(), spread=0.5)
    assert (AssetState.QUARANTINED, "too_large", None, 0, None) == row(db)


def test_settle__a_mistake_of_ours_shows_no_more_than_that(db: Database, clock: FakeClock, claim: Claim) -> None:
    """An unexpected error is counted under one reason; its text, which may hold a link, is not kept."""
    settle(db, claim, ValueError("https://files.example/?secret"), now=clock(), spread=0.5)
    assert (AssetState.WAITING, "unexpected_error") == row(db)[:2]


def test_settle__stopped_counts_for_nothing(db: Database, clock: FakeClock, claim: Claim) -> None:
    """An asset handed back at a stop is due at once, with no attempt counted."""
    settle(db, claim, StoppedError("stopped"), now=clock(), spread=0.5)
    assert (AssetState.WAITING, None, None, 0, clock()) == row(db)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [(timedelta(seconds=90), 90), (timedelta(minutes=9), 400), (timedelta(days=3650), 400), (timedelta(0), 1)],
)
def test_settle__a_wish_is_kept_within_the_deadline(
    db: Database, clock: FakeClock, claim: Claim, wish: timedelta, seconds: int
) -> None:
    """F44: whoever asked for a pause, it is kept as far as it leaves room for two more tries before the link dies."""
    assert timedelta(minutes=20) == claim.link.expires_at - START
    settle(db, claim, errors.FetchInterruptedError("http_503", wish), now=clock(), spread=0.0)
    assert START + timedelta(seconds=seconds) == row(db)[4]


def test_settle__a_wish_is_bounded(db: Database, clock: FakeClock, claim: Claim) -> None:
    """F44: ten years are ten minutes where the deadline is far or over."""
    far = dataclasses.replace(claim, link=dataclasses.replace(claim.link, expires_at=START + timedelta(days=14)))
    far = dataclasses.replace(far, must_by=START + timedelta(days=14))
    settle(db, far, errors.ProviderBusyError("http_429", timedelta(days=3650)), now=clock(), spread=0.0)
    assert START + timedelta(minutes=10) == row(db)[4]


def test_settle__a_host_at_rest_costs_no_try(db: Database, clock: FakeClock, claim: Claim) -> None:
    """F45: while its host is left alone an asset keeps its place, its tries and its last reason."""
    tired = dataclasses.replace(claim, attempts=9)
    settle(db, tired, HostRestsError("host_rests", timedelta(seconds=40)), now=clock(), spread=0.5)
    assert (AssetState.WAITING, None, None, 0, START + timedelta(seconds=40)) == row(db)


@pytest.mark.parametrize("failure", [errors.ClaimLostError("claim_lost"), errors.LedgerError("ledger_unavailable")])
def test_settle__without_a_claim_nothing_is_written(
    db: Database, clock: FakeClock, claim: Claim, failure: Exception
) -> None:
    """Who lost the claim, or the ledger, leaves the row alone; the lease runs out by itself."""
    before = row(db)
    settle(db, claim, failure, now=clock(), spread=0.5)
    assert before == row(db)
