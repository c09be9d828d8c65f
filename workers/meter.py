"""What requests to providers cost: each is paid for from the account's bucket in the ledger."""

from collections.abc import Mapping
from datetime import timedelta

from archive.errors import ProviderBusyError
from archive.ledger import accounts
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
        """Pay for one request. Raises ProviderBusyError, `rate_budget`, where it has to wait; nothing is paid then."""
        if wait := accounts.spend(self._db, name, self._budgets[name]):
            raise ProviderBusyError(OVER_BUDGET, wait)

    def charge(self, name: str, *, vouched: bool = True) -> None:
        """Pay for one request that goes out in any case; for what nobody *vouched* for out of its own bucket."""
        accounts.charge(self._db, name, self._budgets[name], vouched=vouched)

    def heed(self, name: str, busy: ProviderBusyError) -> None:
        """Leave the account alone for as long as its provider wishes, or for a while where it says too many."""
        wish = busy.retry_after or (NO_WISH if busy.is_too_many else None)
        if wish and busy.reason != OVER_BUDGET:
            accounts.rest(self._db, name, self._budgets[name], wish)
