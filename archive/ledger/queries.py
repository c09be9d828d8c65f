"""Lists and single rows for people: filters, keyset pages, and counts. Reads only; never a link, a secret or a body."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, and_, func, literal, or_, select, tuple_

from archive.ledger.database import Database
from archive.ledger.looks import ANSWERS
from archive.ledger.schema import assets, attempts, audit, deliveries, notifications, sources, targets, tasks
from archive.model import TaskState


@dataclass(frozen=True)
class Filter:
    """What to list. `after` is the (instant, id) of the last row of the page before."""

    source: str | None = None
    state: str | None = None
    reason: str | None = None
    task_id: str | None = None
    external_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None
    limit: int = 50
    after: tuple[datetime, str] | None = None


_SAME_TASK = and_(tasks.c.source == deliveries.c.source, tasks.c.task_id == deliveries.c.task_id)


def list_tasks(db: Database, wanted: Filter) -> list[Mapping[str, Any]]:
    return _list(db, tasks, wanted)


def list_assets(db: Database, wanted: Filter) -> list[Mapping[str, Any]]:
    return _list(db, assets, wanted)


def list_deliveries(db: Database, wanted: Filter) -> list[Mapping[str, Any]]:
    return _list(db, deliveries, wanted)


def instant_of(table: Table) -> Column[datetime]:
    """By what its rows are ordered."""
    return table.c.received_at if table is deliveries else table.c.created_at


def joined(listed: Select[Any], table: Table) -> Select[Any]:
    """*listed* of *table*, with the tasks its filters may ask for."""
    if table is assets:
        return listed.join(tasks, assets.c.task == tasks.c.id)
    return listed.outerjoin(tasks, _SAME_TASK) if table is deliveries else listed


def fitting(table: Table, wanted: Filter) -> list[ColumnElement[bool]]:
    """What *wanted* says of the rows of *table*, its page left out."""
    instant, columns = instant_of(table), table.c
    where: list[ColumnElement[bool]] = []
    if wanted.source:
        where.append(columns.source == wanted.source)
    if wanted.state:
        where.append((columns.outcome if table is deliveries else columns.state) == wanted.state)
    if wanted.reason:
        where.append(columns.reason == wanted.reason)
    if wanted.task_id:
        where.append(columns.task_id == wanted.task_id)
    if wanted.external_id and table is tasks:
        where.append(tasks.c.external_id == wanted.external_id)
    elif wanted.external_id:
        named = select(tasks.c.source, tasks.c.task_id).where(tasks.c.external_id == wanted.external_id)
        where.append(tuple_(columns.source, columns.task_id).in_(named))
    if wanted.since:
        where.append(instant >= wanted.since)
    if wanted.until:
        where.append(instant < wanted.until)
    if wanted.q:
        searched = [columns.task_id, tasks.c.external_id, *([] if table is tasks else [columns.id])]
        searched += [assets.c.sha256] if table is assets else []
        where.append(or_(*(column.startswith(wanted.q, autoescape=True) for column in searched)))
    return where


def _list(db: Database, table: Table, wanted: Filter) -> list[Mapping[str, Any]]:
    """Newest first, one row more than asked for tells the caller that there is another page."""
    instant = instant_of(table)
    where = fitting(table, wanted)
    if wanted.after:
        where.append(tuple_(instant, table.c.id) < tuple_(literal(wanted.after[0], instant.type), wanted.after[1]))
    hidden = {"link", "second_link", "body", "claimed"}
    listed = joined(select(*[column for column in table.c if column.name not in hidden]), table)
    if table is assets:
        listed = listed.add_columns(tasks.c.external_id, tasks.c.metadata)
    elif table is deliveries:
        listed = listed.add_columns(tasks.c.external_id)
    statement = listed.where(*where).order_by(instant.desc(), table.c.id.desc()).limit(wanted.limit + 1)
    with db.read() as conn:
        return [dict(row) for row in conn.execute(statement).mappings()]


def task(db: Database, key: str) -> Mapping[str, Any] | None:
    """A task with its assets and audit entries."""
    with db.read() as conn:
        row = conn.execute(select(tasks).where(tasks.c.id == key)).mappings().first()
        if row is None:
            return None
        ids = conn.scalars(
            select(assets.c.id).where(assets.c.task == key).order_by(assets.c.role, assets.c.ordinal)
        ).all()
        history = conn.execute(_history("task", key)).mappings().all()
    return {**row, "assets": list(ids), "history": [dict(entry) for entry in history]}


def asset(db: Database, key: str) -> Mapping[str, Any] | None:
    """An asset with its task's metadata, its attempts and its audit entries."""
    with db.read() as conn:
        row = conn.execute(select(assets).where(assets.c.id == key)).mappings().first()
        if row is None:
            return None
        owner = (
            conn.execute(select(tasks.c.external_id, tasks.c.metadata).where(tasks.c.id == row["task"]))
            .mappings()
            .one()
        )
        tried = (
            conn.execute(select(attempts).where(attempts.c.asset == key).order_by(attempts.c.fence)).mappings().all()
        )
        history = conn.execute(_history("asset", key)).mappings().all()
    return {**row, **owner, "tries": [dict(t) for t in tried], "history": [dict(entry) for entry in history]}


def delivery(db: Database, key: str) -> Mapping[str, Any] | None:
    """A delivery with its raw body, which whoever shows it redacts, and its task's external id."""
    with db.read() as conn:
        named = select(deliveries, tasks.c.external_id).outerjoin(tasks, _SAME_TASK)
        row = conn.execute(named.where(deliveries.c.id == key)).mappings().first()
    return dict(row) if row else None


def _history(subject: str, key: str) -> Any:
    columns = (audit.c.at, audit.c.was, audit.c.now, audit.c.reason, audit.c.actor, audit.c.facts)
    return select(*columns).where(audit.c.subject == subject, audit.c.subject_id == key).order_by(audit.c.id)


@dataclass(frozen=True)
class Work:
    """
    What waits now. `overdue` assets are past their deadline and still waiting. Notifications of a target that rests
    are not due. `held` assets wait for the store, such as for `store_reason`; of the `kept` ones a spool has the file.
    """

    due: int
    running: int
    overdue: int
    looks_due: int
    notifications_due: int = 0
    held: int = 0
    kept: int = 0
    store_reason: str | None = None


def work(db: Database, at_most: int = 1000) -> Work:
    """Count what waits, up to *at_most* each, so that the question costs the same with any backlog."""
    with db.read() as conn:
        now = db.now(conn)

        def count(*where: Any, table: Table = assets) -> int:
            bounded = select(table.c.id).where(*where).limit(at_most).subquery()
            return conn.execute(select(func.count()).select_from(bounded)).scalar_one()

        names = conn.scalars(select(sources.c.name)).all()
        return Work(
            **_held(conn, names, at_most),
            due=count(assets.c.due_at <= now),
            running=count(assets.c.owner.is_not(None), assets.c.due_at > now),
            overdue=count(assets.c.due_at.is_not(None), assets.c.must_by < now),
            looks_due=count(tasks.c.look_at <= now, table=tasks),
            notifications_due=count(
                notifications.c.target.in_(_awake(conn, now)), notifications.c.due_at <= now, table=notifications
            ),
        )


def _held(conn: Connection, names: Collection[str], at_most: int) -> dict[str, Any]:
    """Those that wait for the store among the most urgent *at_most* of each source, which are tried first."""
    held = kept = 0
    reasons = set()
    for name in names:
        waiting = (assets.c.source == name, assets.c.due_at.is_not(None))
        columns = (assets.c.reason, assets.c.kept_in)
        some = select(*columns).where(*waiting).order_by(assets.c.must_by).limit(at_most).subquery()
        counted = select(func.count(), func.count(some.c.kept_in), func.max(some.c.reason))
        row = conn.execute(counted.where(some.c.reason.startswith("store_", autoescape=True))).one()
        held, kept = held + row[0], kept + row[1]
        reasons.add(row[2])
    return {"held": held, "kept": kept, "store_reason": max(reasons - {None}, default=None)}


def _awake(conn: Connection, now: datetime) -> list[str]:
    """The targets that do not rest, and the callers of the proxy, who have no row."""
    resting = targets.c.rests_until > now
    return ["", *conn.scalars(select(targets.c.name).where(or_(targets.c.rests_until.is_(None), ~resting)))]


@dataclass(frozen=True)
class Polling:
    """
    How a source's open tasks are being asked about.

    A look that tells something later than a link life after the one before may come when the link is dead: that task is
    `late`. `lag` is how long nothing was heard of the task that waits longest, counted from when its result was likely.
    Of those `asked` about at least once, `failing` had a last look without an answer, such as for `trouble`.
    """

    open: int
    due: int
    late: int
    lag: timedelta
    asked: int = 0
    failing: int = 0
    trouble: str | None = None


def unwatched(db: Database, askable: Collection[str], at_most: int = 10_000) -> dict[str, int]:
    """Open tasks whose looks are planned and overdue though nobody can make them: their source lost its key or name."""
    with db.read() as conn:
        planned = (tasks.c.look_at.is_not(None), tasks.c.source.not_in(sorted(askable)))
        some = select(tasks.c.source).where(*planned, tasks.c.look_at <= db.now(conn)).limit(at_most).subquery()
        counted = select(some.c.source, func.count()).group_by(some.c.source)
        return {source: number for source, number in conn.execute(counted)}  # noqa: C416 (rows are no pairs to mypy)


def polling(db: Database, link_lives: Mapping[str, timedelta], at_most: int = 10_000) -> dict[str, Polling]:
    """
    How the sources named in *link_lives* keep up, by how long their links live. Counts up to *at_most* tasks a source.
    """
    found = {}
    with db.read() as conn:
        now = db.now(conn)
        for name, life in link_lives.items():
            watched = (tasks.c.source == name, tasks.c.look_at.is_not(None))
            columns = (tasks.c.look_at, tasks.c.looks, tasks.c.reason, tasks.c.state)
            some = select(*columns).where(*watched).limit(at_most).subquery()
            # A null is none of them, and is not counted either; that of a task that has ended is the provider's word.
            failed = and_(some.c.reason.not_in(ANSWERS), some.c.state == TaskState.OPEN)
            counted = select(
                func.count().label("open"),
                func.count().filter(some.c.look_at <= now).label("due"),
                func.count().filter(some.c.looks > 0).label("asked"),
                func.count().filter(failed).label("failing"),
                func.max(some.c.reason).filter(failed).label("trouble"),
            )
            row = conn.execute(counted).mappings().one()
            # What is vouched for and what is not stand apart in the index: neither hides how late the other is.
            late, firsts = 0, []
            for vouched in (True, False):
                these = (*watched, tasks.c.vouched == vouched)
                overdue = select(tasks.c.id).where(*these, tasks.c.must_by <= now).limit(at_most).subquery()
                late += conn.scalar(select(func.count()).select_from(overdue)) or 0
                firsts.append(conn.scalar(select(func.min(tasks.c.must_by)).where(*these)))
            waiting = [now - (must_by - life) for must_by in firsts if must_by is not None]
            found[name] = Polling(**row, late=late, lag=max(timedelta(0), *waiting) if waiting else timedelta(0))
    return found


RECENT = timedelta(days=1)


def states(db: Database) -> dict[str, dict[str, dict[str, int]]]:
    """Count assets and tasks by source and state, and the deliveries of the last day by source and outcome."""
    counted = {
        "assets": select(assets.c.source, assets.c.state, func.count()).group_by(assets.c.source, assets.c.state),
        "tasks": select(tasks.c.source, tasks.c.state, func.count()).group_by(tasks.c.source, tasks.c.state),
        "deliveries": select(deliveries.c.source, deliveries.c.outcome, func.count()).group_by(
            deliveries.c.source, deliveries.c.outcome
        ),
    }
    found: dict[str, dict[str, dict[str, int]]] = {name: {} for name in counted}
    with db.read() as conn:
        counted["deliveries"] = counted["deliveries"].where(deliveries.c.received_at >= db.now(conn) - RECENT)
        for name, statement in counted.items():
            for source, state, number in conn.execute(statement):
                found[name].setdefault(source, {})[state] = number
    return found


def paused(db: Database) -> set[str]:
    with db.read() as conn:
        return set(conn.scalars(select(sources.c.name).where(sources.c.paused)))
