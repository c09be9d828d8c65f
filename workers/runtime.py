"""
One worker process: four pools over one ledger, a heartbeat, and a timer that needs no Redis.

Transfers, looks, errands and notifications each have their own threads, so that a slow download never keeps a status
request waiting, nor does a target that hangs.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from archive.errors import ClaimLostError, LedgerError
from archive.failpoints import reached
from archive.ledger import claims, looks, outbox, results, suspects
from archive.ledger.claims import Claim
from archive.ledger.database import Database
from archive.ledger.heads import origins
from archive.ledger.outbox import MetadataErrand
from archive.model import Link
from archive.s3 import S3Store
from archive.settings import Settings
from archive.store import link_to
from archive.tls import authorities
from workers.archive_asset import Ports, archive_asset, links_in_turn
from workers.companion import write_metadata
from workers.egress import Egress
from workers.fetch import Fetched, Limits, fetch
from workers.file_hosts import DYING, FileHosts
from workers.kept_files import KeptFiles
from workers.look import Looker
from workers.meter import Meter
from workers.notify import Notifier
from workers.outcome import settle
from workers.pool import Pool
from workers.poster import make_poster
from workers.provider_api import ProviderApi, link_policy
from workers.refresh import Refresher
from workers.steady import Steady
from workers.store_rests import RestingStore, StoreRests

_LAST_SHARE = 0.2  # of the grace, for what is interrupted to end by itself
REAP = timedelta(minutes=5)  # between two looks at what is kept
NOTIFIERS = 8  # sends at a time in one process: twice what one target may have in flight
_log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Runtime:
    """Everything a worker process shares between its threads. *owner* is random per process, never a pid."""

    def __init__(self, settings: Settings, db: Database, owner: str) -> None:
        self._settings = settings
        self._db = db
        self._owner = owner
        self._stopping = threading.Event()  # interrupts downloads
        self._over = threading.Event()  # ends the heartbeat: what still runs is ours until it is handed back
        self._held: dict[str, int] = {}  # assets being worked on, with the fence of their claim
        self._given_up: dict[str, int] = {}  # the same of claims that ended without a word to the ledger
        self._egress = Egress(tls=authorities(settings.egress.ca_file), proxy=settings.egress.way)
        self._hosts = FileHosts(per_host=settings.workers.per_host)
        self._taking = threading.Lock()
        self._is_back = threading.Event()  # the store, after a rest
        self._store = RestingStore(
            S3Store(settings.store, connections=settings.workers.slots + 4),
            StoreRests(random.random, on_back=self._is_back.set),
        )
        self._kept = KeptFiles(settings.workers.spool, settings.workers.spool_reserve)
        meter = Meter(db, settings.sources)
        api = ProviderApi(settings.sources, self._egress, meter.hear)
        self._steady = Steady(_utc_now, time.monotonic)
        self._looker = Looker(db, settings.sources, api, meter, _utc_now, random.random, self._steady)
        refresh = Refresher(settings.sources, api, meter, _utc_now)
        undeclared = frozenset(name for name, source in settings.sources.items() if source.accept_undeclared_end)
        self._ports = partial(
            Ports, db, self._store, settings.store.bucket, refresh=refresh, clock=_utc_now, kept=self._kept,
            length_suffices=undeclared, check_store=self._store.check,
        )  # fmt: skip
        self._notifier = Notifier(
            db, {target.name: target for target in settings.notify}, settings.sources, settings.store.companion,
            self._egress, partial(link_to, self._store), _utc_now, random.random,
        )  # fmt: skip
        self._budgets = {name: source.budget for name, source in settings.askable.items()}
        self._batches = {name: source.pace.batch for name, source in settings.askable.items()}
        self._transfers = Pool("transfer", settings.workers.slots, self._transfer)
        self._lookers = Pool("look", settings.workers.lookers, self._look)
        self._errands = Pool("errand", 1, self._errand)
        self._notices = Pool("notify", NOTIFIERS, self._notify)
        self._pools = (self._transfers, self._lookers, self._errands, self._notices)

    def start(self) -> None:
        self._reap()
        for pool in self._pools:
            pool.start()
        for name, beat, act in (
            ("heartbeat", self._settings.workers.heartbeat, self._beat),
            ("timer", self._settings.workers.sweep, self._tick),
            ("reaper", REAP, self._reap),
        ):
            seconds = beat.total_seconds()
            threading.Thread(target=self._every, args=(seconds, act), name=name, daemon=True).start()
        self.wake()

    def wake(self) -> None:
        """Have each pool look for work."""
        for pool in self._pools:
            pool.wake()

    def drain(self) -> None:
        """What a wake-up does: look for work; while all slots are taken, leave further wake-ups to other processes."""
        self.wake()
        self._transfers.wait_free(timeout=30)

    def stop(self) -> None:
        """
        Start nothing new, let what runs finish within the grace time, then hand the rest back.

        Most of the grace is for finishing; downloads that then still run are interrupted. Looks, notifications and
        errands that take longer are due again when their leases end. Raises LedgerError: so are the transfers.
        """
        grace = self._settings.workers.grace.total_seconds()
        end = time.monotonic() + grace
        for pool in self._pools:
            pool.close()
        finished = [pool.stop(max(0.0, end - _LAST_SHARE * grace - time.monotonic())) for pool in self._pools]
        self._stopping.set()
        if not all(finished):
            self._transfers.stop(max(0.0, end - time.monotonic()))
        released = claims.release(self._db, self._owner)
        self._over.set()
        _log.info("worker.stopped", extra={"handed_back": released})

    def _transfer(self, more: Callable[[], None]) -> bool:
        claim = self._take()
        if claim is None:
            return False
        self._held[claim.asset_id] = claim.fence
        try:
            self._carry(claim, more)
        finally:
            self._leave_host()
            # Held no longer, even if the ledger could not be told: without heartbeats the lease runs out.
            if self._held.get(claim.asset_id) == claim.fence:
                del self._held[claim.asset_id]
        return True

    def _take(self) -> Claim | None:
        """The next claim. Threads take in turn, so that each knows whose hosts those before it are about to ask."""
        with self._taking:
            if self._transfers.is_stopping:
                return None
            avoid = self._hosts.avoid()
            claim = claims.take(self._db, self._owner, self._settings.caps, self._settings.workers.lease, avoid)
            if claim is not None:
                self._hosts.enter(origins(*(link.url for link in links_in_turn(claim))), avoid)
            return claim

    def _leave_host(self) -> None:
        if self._hosts.leave():
            self._transfers.wake()

    def _carry(self, claim: Claim, more: Callable[[], None]) -> None:
        reached("worker.claimed", claim.asset_id)
        more()
        started = time.monotonic()
        try:
            end = started + self._settings.workers.max_transfer.total_seconds()
            archive_asset(claim, self._ports(fetch=partial(self._fetch, end)))
        except Exception as exc:
            if not hasattr(exc, "reason"):
                _log.exception("asset.crashed", extra={"asset": claim.asset_id})
            self._settle(claim, exc)
        else:
            fields = {"asset": claim.asset_id, "source": claim.source, "seconds": round(time.monotonic() - started, 2)}
            _log.info("asset.archived", extra=fields)
            self._errands.wake()
        self._notices.wake()

    def _settle(self, claim: Claim, failure: Exception) -> None:
        try:
            spread = random.random()  # noqa: S311
            settle(self._db, claim, failure, now=_utc_now(), spread=spread, steady=self._steady())
        except (ClaimLostError, LedgerError) as exc:
            _log.warning("asset.claim_abandoned", extra={"asset": claim.asset_id, "reason": exc.reason})
            failure = exc
        if isinstance(failure, ClaimLostError | LedgerError):
            self._given_up[claim.asset_id] = claim.fence

    def _look(self, more: Callable[[], None]) -> bool:
        taken = looks.take(self._db, self._budgets, self._batches)
        if not taken:
            return False
        reached("poll.taken", taken[0].task)
        more()
        if self._looker.look(taken):
            self._transfers.wake()
        self._notices.wake()
        return True

    def _errand(self, _more: Callable[[], None]) -> bool:
        errand = outbox.take(self._db)
        if errand is None:
            return False
        reached("errand.taken")
        companion = self._settings.store.companion
        if isinstance(errand, MetadataErrand):
            write_metadata(self._db, self._store, companion, errand)
        else:
            workers = self._settings.workers
            make_poster(self._db, self._store, companion, workers.spool, workers.spool_reserve, errand)
        return True

    def _notify(self, more: Callable[[], None]) -> bool:
        claim = self._notifier.take()
        if claim is None:
            return False
        reached("notify.taken", claim.id)
        more()
        self._notifier.send(claim)
        return True

    @contextmanager
    def _fetch(self, end: float, claim: Claim, link: Link) -> Iterator[Fetched]:
        """*end*, on the monotonic clock, is that of the whole attempt, however many links it tries."""
        workers = self._settings.workers
        policy = link_policy(self._settings.sources[claim.source])
        limits = Limits(
            workers.max_size, timedelta(seconds=end - time.monotonic()), workers.spool, workers.spool_memory,
            workers.min_rate, workers.spool_reserve,
        )  # fmt: skip
        dies_soon = timedelta(0) < link.expires_at - _utc_now() < DYING
        hosts = None if dies_soon else self._hosts
        with fetch(self._egress, link.url, policy, limits, self._stopping, hosts=hosts) as fetched:
            self._leave_host()
            yield fetched

    def _tick(self) -> None:
        if self._is_back.is_set():
            self._is_back.clear()
            _log.info("store.resumed", extra={"assets": claims.hasten(self._db)})
        self.wake()

    def _reap(self) -> None:
        """Remove what nobody waits for any more. What cannot be removed now may be later."""
        try:
            self._kept.reap(partial(results.waiting_intents, self._db))
        except (LedgerError, OSError) as exc:
            _log.warning("spool.not_reaped", extra={"reason": type(exc).__name__})

    def _beat(self) -> None:
        self._steady()  # a leap is known by its moment
        if held := list(self._held):
            claims.heartbeat(self._db, self._owner, held, self._settings.workers.lease)
        # This process lives, so no file has killed it.
        for asset_id, fence in list(self._given_up.items()):
            suspects.survived(self._db, self._owner, asset_id, fence)
            if self._given_up.get(asset_id) == fence:
                del self._given_up[asset_id]

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        while not self._over.wait(seconds):
            try:
                act()
            except LedgerError as exc:
                _log.warning("worker.ledger_unavailable", extra={"reason": exc.reason})
            except Exception:  # without its heartbeat a process would lose every claim it makes
                _log.exception("worker.beat_failed")
