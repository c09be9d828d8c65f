"""
The error tree. Every error carries a `reason` slug for counters and answers, and never a link, a header or a body.

ReelkeepError
├── UnknownSourceError          no such source is configured                           404
├── VerificationError           the delivery is not authentic                          401
├── MalformedDeliveryError      the delivery is not JSON                               400
├── NotUnderstoodError          authentic, but no event we know                        quarantined, 200
├── LedgerError                 the ledger cannot be reached                           503, deliver again
├── ClaimLostError              another worker owns the asset now                      stop, write nothing
├── ProbeError                  a probe or poster child failed                         costs only its own result
├── TransientError              the same attempt may work later (`retry_after`)        tried again before must_by
│   ├── WireError               the network gave no whole answer
│   ├── FetchInterruptedError   the file host or the network let us down
│   ├── ProviderBusyError       the status API asks us to come back
│   └── StoreUnavailableError   the S3 store cannot take or give an object now         waits, costs no try
│       └── ObjectHiddenError   it does not say whether the object stands
└── PermanentError              trying the same again cannot help
    ├── LinkExpiredError        the link is dead; a fresh one may be had
    ├── LinkRefusedError        we must not or will not follow this link
    ├── NotMediaError           the bytes are not a whole file of the media they should be
    ├── TooLargeError           above the configured size
    ├── TaskUnknownError        the provider does not know the task
    ├── ProviderRefusedError    the status API refuses our key or our request
    ├── ObjectConflictError     other bytes stand under the asset's key
    └── ProofFailedError        what the store holds is not what was sent

Where one module of the workers has to tell one of these from its like, it refines it beside the code that does so.
"""

from datetime import timedelta


class ReelkeepError(Exception):
    """Base of all errors; `reason` is a lower_snake slug, safe to log and to show."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownSourceError(ReelkeepError):
    """No source of that name is configured."""


class VerificationError(ReelkeepError):
    """The delivery does not prove that it comes from the provider."""


class MalformedDeliveryError(ReelkeepError):
    """The body is not a JSON document, or too much of one."""


class NotUnderstoodError(ReelkeepError):
    """A document that follows no shape the provider documents."""


class LedgerError(ReelkeepError):
    """The ledger cannot be reached; nothing was committed."""


class ClaimLostError(ReelkeepError):
    """The claim's fence is no longer the ledger's: somebody else took the asset over."""


class ProbeError(ReelkeepError):
    """The child process that looks into a media file failed, was stopped, or found nothing."""


class TransientError(ReelkeepError):
    """The same attempt may succeed later; `retry_after` is the other side's own wish, where it stated one."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class WireError(TransientError):
    """
    The other side, or the network between us, gave no whole answer to a request.

    `timed_out`, `name_not_resolved`, `certificate_refused`, `tls_failed`, `answer_malformed`, `unreachable`;
    `proxy_refused`, `proxy_unreachable` where an egress proxy stands between.
    """


class FetchInterruptedError(TransientError):
    """The download did not come to its end."""


class ProviderBusyError(TransientError):
    """The provider's API cannot answer now."""

    UNASKED = frozenset({"rate_budget", "api_rests", "source_paused"})
    TOO_MANY = frozenset({"http_429", "code_429", "code_1005", "rate_limited", "too_many_requests"})

    @property
    def is_too_many(self) -> bool:
        """Whether it is the account that asks too much, so that nothing else should be asked either."""
        return self.reason.removeprefix("provider_") in self.TOO_MANY

    @property
    def is_unasked(self) -> bool:
        """Whether it was we who sent nothing, so that this is no word of the provider's."""
        return self.reason in self.UNASKED


class StoreUnavailableError(TransientError):
    """The store did not do what was asked, and may do it later."""


class ObjectHiddenError(StoreUnavailableError):
    """A 403 to a look: the object may stand, or not, and this identity may not list what does."""


class PermanentError(ReelkeepError):
    """Trying the same again cannot help."""


class LinkExpiredError(PermanentError):
    """The file host no longer honours the link."""


class LinkRefusedError(PermanentError):
    """The link leads where we must not go, or has a form we do not follow."""


class NotMediaError(PermanentError):
    """The bytes are not a whole media file of the kind the asset should be."""


class TooLargeError(PermanentError):
    """The file is larger than the configured limit."""


class TaskUnknownError(PermanentError):
    """The status route does not know the task (yet, or no more)."""


class ProviderRefusedError(PermanentError):
    """The provider's API refused our key or our request."""


class ObjectConflictError(PermanentError):
    """An object with other content already stands under the asset's key."""


class ProofFailedError(PermanentError):
    """Reading the object back showed other bytes than were sent."""
