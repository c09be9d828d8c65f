"""The accounts' rate buckets: paid from, and put to rest when a provider asks for it. All processes share them."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection, RowMapping, select, update

from archive.budget import Budget
from archive.ledger import outages
from archive.ledger.database import Database
from archive.ledger.schema import sources

MAX_REST = timedelta(minutes=10)  # of an account at one word of its provider; then it is asked again


def locked(conn: Connection, budgets: Mapping[str, Budget]) -> list[RowMapping]:
    """The rows of the sources in *budgets* that are not paused, locked by name: whoever pays takes turns."""
    wanted = select(sources).where(sources.c.name.in_(sorted(budgets)), ~sources.c.paused)
    return list(conn.execute(wanted.order_by(sources.c.name).with_for_update()).mappings())


def spend(db: Database, name: str, budget: Budget) -> timedelta:
    """
    Pay for one request now, and return zero; or return how long it has to wait, having paid nothing.

    Raises:
        ProviderBusyError: the source is paused, or its API at rest; nothing was paid.
    """
    with db.write() as conn:
        row, now = _row(conn, name), db.now(conn)
        wait = budget.asks.wait(row["asks_paid_until"], now)
        trial = outages.admit(row, now) if not wait or row["paused"] else {}
        if not wait:
            _pay(conn, name, asks_paid_until=budget.asks.paid(row["asks_paid_until"], now), **trial)
        return wait


def charge(db: Database, name: str, budget: Budget, *, vouched: bool) -> None:
    """
    Pay for a request that cannot wait, since it ends what another began; those after it wait the longer.

    What nobody *vouched* for has a bucket of its own, so that invented tasks are not paid for by true ones.

    Raises:
        ProviderBusyError: the source was paused meanwhile, or its API does not answer; nothing was paid.
    """
    with db.write() as conn:
        row, now = _row(conn, name), db.now(conn)
        trial = outages.admit(row, now)
        if vouched or budget.hints is None:
            _pay(conn, name, asks_paid_until=budget.asks.paid(row["asks_paid_until"], now), **trial)
        else:
            _pay(conn, name, hints_paid_until=budget.hints.paid(row["hints_paid_until"], now), **trial)


def share(db: Database, name: str, budget: Budget) -> None:
    """
    Count a request of the user's own, which goes out in any case: it takes our burst, not our steady rate.

    Where the burst is used up nothing is written: a client that asks often must not crowd callbacks out of the ledger.
    """
    with db.read() as conn:
        paid_until = conn.scalars(select(sources.c.asks_paid_until).where(sources.c.name == name)).one()
        if budget.asks.shared(paid_until, db.now(conn)) == paid_until:
            return
    with db.write() as conn:
        row, now = _row(conn, name), db.now(conn)
        _pay(conn, name, asks_paid_until=budget.asks.shared(row["asks_paid_until"], now))


def rest(db: Database, name: str, budget: Budget, wait: timedelta) -> None:
    """Send nothing more for *wait*, ten minutes at most: the provider said that it is too much."""
    with db.write() as conn:
        row, until = _row(conn, name), db.now(conn) + min(wait, MAX_REST)
        hints = budget.hints.rested(row["hints_paid_until"], until) if budget.hints else None
        _pay(conn, name, asks_paid_until=budget.asks.rested(row["asks_paid_until"], until), hints_paid_until=hints)


def _row(conn: Connection, name: str) -> RowMapping:
    return conn.execute(select(sources).where(sources.c.name == name).with_for_update()).mappings().one()


def _pay(conn: Connection, name: str, **values: object) -> None:
    conn.execute(update(sources).where(sources.c.name == name).values(**values))
