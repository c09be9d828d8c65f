"""What requests to providers cost: each is paid for from the account's bucket in the ledger."""

from collections.abc import Mapping
from datetime import timedelta

from archive.errors import ProviderBusyError
from archive.ledger import accounts, outages
from archive.ledger.database import Database
from archive.sources import Source

OVER_BUDGET = "rate_budget"
NO_WISH = timedelta(seconds=30)  # an account that is told "too many" without being told for how long


class Meter:
    """The accounts of *sources*, as one process pays for them."""

    def __init__(self, db: Database, sources: Mapping[str, Source]) -> None:
        self._db = db
        self._budgets = {name: source.budget for name, source in sources.items()}

    def admit(self, name: str) -> None:
        """
        Pay for one request.

        Raises:
            ProviderBusyError: `rate_budget`, `api_rests`, `source_paused`; it has to wait, and nothing was paid.
        """
        if wait := accounts.spend(self._db, name, self._budgets[name]):
            raise ProviderBusyError(OVER_BUDGET, wait)

    def charge(self, name: str, *, vouched: bool = True) -> None:
        """
        Pay for one request that waits for no bucket; for what nobody *vouched* for out of its own.

        Raises:
            ProviderBusyError: `api_rests`, `source_paused`; nothing was paid.
        """
        accounts.charge(self._db, name, self._budgets[name], vouched=vouched)

    def heed(self, name: str, busy: ProviderBusyError) -> None:
        """Leave the account alone for as long as its provider wishes, or for a while where it says too many."""
        wish = busy.retry_after or (NO_WISH if busy.is_too_many else None)
        if wish and not busy.is_unasked:
            accounts.rest(self._db, name, self._budgets[name], wish)

    def hear(self, name: str, trouble: str | None) -> None:
        """A request was answered, or was not for *trouble*."""
        outages.hear(self._db, name, trouble)
