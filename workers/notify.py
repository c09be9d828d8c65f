"""
Send one notification: to a target of the settings, or to the URL that a caller gave to the proxy.

2xx is delivered, and nothing else is; redirects are not followed; what is answered is thrown away. Whether a failure is
the target's or this one notification's decides whether the target rests (`archive.ledger.notifications`).
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from archive import instants
from archive import notifications as message
from archive.documents import parse
from archive.errors import LinkRefusedError, ReelkeepError, WireError
from archive.failpoints import reached
from archive.ledger import notifications
from archive.ledger.database import Database
from archive.ledger.notifications import Claim, Failure
from archive.model import Verdict
from archive.providers import PROVIDERS
from archive.sources import Source
from archive.targets import FORWARD, Target
from workers.egress import Egress, Policy, origin_of, time_limit

MAX_TIME = timedelta(seconds=15)  # of one send, all waits together
MAX_ANSWER = 4 << 10  # bytes that are read, so that the connection can be used again
_BUSY = (408, 429)
_GONE = 410
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Letter:
    """One request, ready to be sent."""

    url: str = field(repr=False)
    policy: Policy
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Notifier:
    """
    Takes, sends and settles, one notification at a time; safe for threads.

    Args:
        targets, sources: of the settings; *companion* is the bucket that holds metadata.
        presign: a GET link to an archived asset that lives so long.
        spread: in [0, 1), scatters what is tried again.
    """

    def __init__(
        self,
        db: Database,
        targets: Mapping[str, Target],
        sources: Mapping[str, Source],
        companion: str,
        egress: Egress,
        presign: message.Presign,
        clock: Callable[[], datetime],
        spread: Callable[[], float],
        *,
        max_time: timedelta = MAX_TIME,
    ) -> None:
        self._db = db
        self._targets = targets
        self._sources = sources
        self._companion = companion
        self._egress = egress
        self._presign = presign
        self._clock = clock
        self._spread = spread
        self._max_time = max_time

    def take(self) -> Claim | None:
        return notifications.take(self._db, self._targets)

    def send(self, claim: Claim) -> None:
        """Try once, and write down what became of it. Raises LedgerError: it is sent again when the lease ends."""
        fields = {"target": claim.target, "type": claim.type, "notification": claim.id, "attempts": claim.attempts + 1}
        try:
            failure = self._post(self._letter(claim))
        except LinkRefusedError as exc:
            failure = Failure(exc.reason, is_targets=True)
        except ReelkeepError as exc:  # the store gives no link, a body cannot be read again
            failure = Failure(exc.reason)
        except Exception:  # a mistake of ours about this one must not be repeated without pause
            _log.exception("notification.crashed", extra=fields)
            failure = Failure("unexpected_error")
        reached("notify.sent", claim.id)
        if failure is None:
            notifications.delivered(self._db, claim)
            _log.info("notification.delivered", extra=fields)
            return
        state = notifications.failed(self._db, claim, failure, spread=self._spread())
        level = logging.ERROR if state == "dead" else logging.WARNING
        _log.log(level, "notification.%s", state, extra={**fields, "reason": failure.reason})

    def _letter(self, claim: Claim) -> Letter:
        now = self._clock()
        if claim.type == FORWARD:
            return self._forwarded(claim, now)
        target = self._targets[claim.target]
        content = message.body(
            claim.type, claim.created_at, claim.facts or {"target": claim.target}, claim.about,
            companion=self._companion, now=now, presign=self._presign, content_life=target.content_life,
        )  # fmt: skip
        return Letter(
            target.url, target_policy(target), content, message.headers(claim.id, content, _keys(target), now)
        )

    def _forwarded(self, claim: Claim, now: datetime) -> Letter:
        """
        The provider's body as it came, under its own signature made anew where we had verified one.

        The provider's own headers are hours old by the last attempt, so whoever checks their age would refuse them.
        """
        target = self._targets.get(claim.target)
        content = bytes(claim.about["body"])
        kind = json.loads(claim.about["headers"]).get("content-type", "")
        kind = kind if kind.isascii() and kind.isprintable() and kind else message.CONTENT_TYPE
        said = message.headers(claim.id, content, _keys(target) if target else (), now, kind)
        said["reelkeep-delivery-id"] = claim.subject_id
        source = self._sources.get(claim.about["source"])
        if source and source.webhook_keys and Verdict[claim.about["verdict"].upper()] >= Verdict.SIGNED_ID:
            key = source.webhook_keys[0].get_secret_value()
            said |= PROVIDERS[source.provider].resign(parse(content), key=key, now=now)
        if target is not None:
            return Letter(target.url, target_policy(target), content, said)
        return Letter(claim.forward_url or "", caller_policy(source), content, said)

    def _post(self, letter: Letter) -> Failure | None:
        end = time.monotonic() + self._max_time.total_seconds()
        status, asked = 0, ""
        try:
            with (
                time_limit(lambda: end - time.monotonic()),
                self._egress.stream(
                    "POST", letter.url, letter.policy, headers=letter.headers, body=letter.body
                ) as response,
            ):
                status, asked = response.status_code, response.headers.get("retry-after", "")
                left = MAX_ANSWER
                for piece in response.iter_raw():
                    left -= len(piece)
                    if left < 0:
                        break
        except WireError as exc:
            if not status:  # with a status it has been answered, however its body ends
                return Failure(exc.reason, True)
        return judge(status, asked, self._clock())


def judge(status: int, retry_after: str, now: datetime) -> Failure | None:
    """What an answer means; None where it was taken. Pure."""
    if 200 <= status < 300:
        return None
    reason = f"http_{status}"
    if status == _GONE:
        return Failure(reason, is_final=True)
    if 400 <= status < 500 and status not in _BUSY:
        return Failure(reason)
    return Failure(reason, is_targets=True, asked=instants.retry_after(retry_after, at=now))


def target_policy(target: Target) -> Policy:
    """A target of the settings may have any port; an address that is not public only where it says so."""
    origin = frozenset({origin_of(target.url)})
    return Policy(origin if target.private else frozenset(), target.insecure_http, origin)


def caller_policy(source: Source | None) -> Policy:
    """What callers of the proxy may have callbacks passed on to: the public, and what their source names."""
    return Policy(frozenset(source.forward_hosts), source.insecure_http) if source else Policy()


def _keys(target: Target) -> list[str]:
    return [secret.get_secret_value() for secret in target.secrets]
