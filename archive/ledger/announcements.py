"""
What is to be told, written in the transaction in which it happens: a notification is a view of an audit transition.

So nothing is told that did not happen, and nothing that happened is forgotten, whatever is killed when.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select

from archive.documents import dump
from archive.ledger.schema import assets, callback_urls, notifications, tasks
from archive.ledger.targets import listeners
from archive.model import AssetState, TaskState
from archive.targets import FORWARD

ALARM = "audit.alert"
_TOLD: dict[tuple[str, str], str] = {
    ("asset", AssetState.ARCHIVED): "asset.archived",
    ("asset", AssetState.LOST): "asset.lost",
    ("asset", AssetState.QUARANTINED): "asset.quarantined",
    ("task", TaskState.FAILED): "task.failed",
    ("task", TaskState.GONE): "task.gone",
    ("alert", "raised"): ALARM,
    ("alert", "cleared"): ALARM,
}


class Transition(Protocol):
    """An audit entry, as far as it is told (`archive.ledger.audit.Entry`)."""

    @property
    def subject(self) -> str: ...
    @property
    def subject_id(self) -> str: ...
    @property
    def was(self) -> str | None: ...
    @property
    def now(self) -> str: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def facts(self) -> Mapping[str, Any] | None: ...


def announce(conn: Connection, at: datetime, entries: Iterable[Transition]) -> None:
    """
    Owe one notification for each of *entries* that is told to each target that wants it.

    Where nothing is told, which is most of what happens, this costs no statement; where nobody listens, one.
    """
    told = [(kind, entry) for entry in entries if entry.was != entry.now and (kind := _kind(entry))]
    if not told or not (audience := listeners(conn)):
        return
    sources = _sources(conn, [entry for _, entry in told])
    rows = []
    for kind, entry in told:
        facts = _facts(entry)
        key, source = entry.subject_id, sources.get(entry.subject_id)
        if kind == ALARM:
            key, source = facts["alert"], facts["source"]
        rows += [
            _row(listener.name, kind, source, entry.subject, key, at, facts=dump(facts))
            for listener in audience
            # An alert about a target goes to the others: what cannot reach it must not be told to it, again and again.
            if listener.wants(kind, source) and facts.get("target") != listener.name
        ]
    if rows:
        conn.execute(insert(notifications), rows)


@dataclass(frozen=True)
class Arrived:
    """A new delivery that may be passed on. `callback` is the reference of the minted URL it came by."""

    delivery: str
    source: str
    callback: str | None


def pass_on(conn: Connection, at: datetime, arrived: Sequence[Arrived]) -> int:
    """
    Owe each delivery to the targets that take the provider's callbacks, and to the URL its caller gave to the proxy.

    Returns:
        How many are owed.
    """
    if not arrived:
        return 0
    audience = [listener for listener in listeners(conn) if listener.format == "provider"]
    wanted = sorted({item.callback for item in arrived if item.callback})
    given = select(callback_urls.c.id).where(callback_urls.c.id.in_(wanted), callback_urls.c.forward_url.is_not(None))
    forwarded = set(conn.scalars(given)) if wanted else set()
    rows = []
    for item in arrived:
        about = (FORWARD, item.source, "delivery", item.delivery, at)
        rows += [_row(listener.name, *about) for listener in audience if listener.wants(FORWARD, item.source)]
        if item.callback in forwarded:
            rows.append(_row("", *about, callback=item.callback))
    if rows:
        conn.execute(insert(notifications), rows)
    return len(rows)


def _kind(entry: Transition) -> str | None:
    return _TOLD.get((entry.subject, entry.now))


def _facts(entry: Transition) -> dict[str, Any]:
    """What may not be true any more when it is told; an audit entry's own facts are for the audit log."""
    if entry.subject == "alert":
        return dict(entry.facts or {})
    return {"state": entry.now, "reason": entry.reason, "was": entry.was}


def _sources(conn: Connection, entries: Sequence[Transition]) -> dict[str, str]:
    found: dict[str, str] = {}
    for subject, table in (("asset", assets), ("task", tasks)):
        if ids := sorted({entry.subject_id for entry in entries if entry.subject == subject}):
            rows = conn.execute(select(table.c.id, table.c.source).where(table.c.id.in_(ids)))
            found.update({row.id: row.source for row in rows})
    return found


def _row(
    target: str, kind: str, source: str | None, subject: str, subject_id: str, at: datetime, *,
    facts: str | None = None, callback: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "id": token_hex(16), "target": target, "callback": callback, "type": kind, "source": source,
        "subject": subject, "subject_id": subject_id, "facts": facts, "state": "pending", "created_at": at,
        "due_at": at,
    }  # fmt: skip
