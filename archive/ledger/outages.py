"""
Which providers' APIs are left alone for a while, because they do not answer, and which one request goes ahead then.

It stands in the ledger, not in a process: whoever takes looks passes over such an account before a task is claimed, and
the console shows it. It is about requests that got no answer (no connection, no end, 5xx); what an account is told to
wait for is a matter of its bucket (`archive.ledger.accounts`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, select, update

from archive.errors import ProviderBusyError
from archive.ledger.database import Database
from archive.ledger.schema import sources

TOLERATED = 2  # failures in a row that may be chance
MAX_REST = timedelta(seconds=60)  # between two trials, however long it is away
TRIAL = timedelta(seconds=20)  # what one request may take, so that there is one trial at a time
PAUSE = timedelta(seconds=30)  # how often what a paused source keeps waiting comes back to see
API_RESTS = "api_rests"
SOURCE_PAUSED = "source_paused"


@dataclass(frozen=True)
class Outage:
    """Of `failures` requests in a row none was answered, the last for `trouble`; the next one goes at `rests_until`."""

    failures: int
    trouble: str | None
    rests_until: datetime

    @property
    def is_lasting(self) -> bool:
        """Whether it has not answered for a minute or more."""
        return rest_after(self.failures) == MAX_REST


def rest_after(failures: int) -> timedelta:
    """How long nothing is asked after *failures* in a row: from the third on, doubling from a second to a minute."""
    beyond = min(failures - TOLERATED, 16)
    return min(timedelta(seconds=2.0 ** (beyond - 1)), MAX_REST) if beyond > 0 else timedelta(0)


def wait(account: RowMapping, now: datetime) -> timedelta:
    """How long the API whose row is *account* is left alone yet."""
    return max((account["api_rests_until"] or now) - now, timedelta(0))


def admit(account: RowMapping, now: datetime) -> dict[str, object]:
    """
    What the account's row says once a request is sent now.

    After a rest one goes ahead, and is taken to have failed until it is heard of: others wait.

    Raises:
        ProviderBusyError: `source_paused`, `api_rests`; nothing may be asked.
    """
    if account["paused"]:
        raise ProviderBusyError(SOURCE_PAUSED, PAUSE)
    if left := wait(account, now):
        raise ProviderBusyError(API_RESTS, left)
    failures = account["api_failures"] + 1
    if failures <= TOLERATED + 1:
        return {}
    return {"api_failures": failures, "api_rests_until": now + max(TRIAL, rest_after(failures))}


def hear(db: Database, name: str, trouble: str | None) -> None:
    """A request to the API of *name* was answered, or was not for *trouble*. Writes only where that is news."""
    if trouble is None:
        with db.read() as conn:
            if not conn.scalars(select(sources.c.api_failures).where(sources.c.name == name)).first():
                return
    with db.write() as conn:
        account = conn.execute(select(sources).where(sources.c.name == name).with_for_update()).mappings().one()
        conn.execute(update(sources).where(sources.c.name == name).values(**_heard(account, trouble, db.now(conn))))


def _heard(account: RowMapping, trouble: str | None, now: datetime) -> dict[str, object]:
    if trouble is None:
        return {"api_failures": 0, "api_trouble": None, "api_rests_until": None}
    failures, said = account["api_failures"], {"api_trouble": trouble[:80]}
    if wait(account, now):  # the trial, which is counted already; or many at once, that fail for one cause
        return {**said, "api_rests_until": min(account["api_rests_until"], now + rest_after(failures))}
    rest = rest_after(failures + 1)
    return {**said, "api_failures": failures + 1, "api_rests_until": now + rest if rest else None}


def outages(db: Database) -> dict[str, Outage]:
    """The sources whose API is left alone, or on trial, until it answers."""
    with db.read() as conn:
        return outages_in(conn)


def outages_in(conn: Connection) -> dict[str, Outage]:
    columns = (sources.c.name, sources.c.api_failures, sources.c.api_trouble, sources.c.api_rests_until)
    rows = conn.execute(select(*columns).where(sources.c.api_rests_until.is_not(None))).mappings()
    return {row["name"]: Outage(row["api_failures"], row["api_trouble"], row["api_rests_until"]) for row in rows}
