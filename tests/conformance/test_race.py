"""Callback and poll race through one door, for every provider that calls back, on both databases."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select

from archive.documents import parse
from archive.ledger import events
from archive.ledger.database import Database
from archive.ledger.schema import assets, audit, tasks
from archive.model import Callbacks, Verdict
from archive.providers import PROVIDERS
from archive.sources import Source
from archive.statements import state
from receiver.understand import understand
from tests.recorded import Recorded, RecordedAnswer, answers, samples

CALLING = [name for name, provider in PROVIDERS.items() if provider.CALLBACKS is not Callbacks.NONE]


def pair(name: str) -> tuple[Recorded, RecordedAnswer]:
    """A success that is recorded both as callback and as status answer."""

    def succeeded(recorded: Any) -> bool:
        return bool(recorded.expected.get("event", {}).get("outputs"))

    polled = {one.expected["event"]["task_id"]: one for one in answers(name) if succeeded(one)}
    called = {one.expected["event"]["task_id"]: one for one in samples(name) if succeeded(one)}
    task_id = min(polled.keys() & called.keys())
    return called[task_id], polled[task_id]


@pytest.mark.parametrize("name", CALLING)
def test_race__whoever_is_second_changes_nothing(db: Database, name: str) -> None:
    """Callback, poll and their repeats in any order leave the same task, the same assets and one entry a step."""
    call, poll = pair(name)
    provider = PROVIDERS[name]
    found = []
    for number, order in enumerate(permutations(["call", "poll", "call again", "poll again"])):
        label = f"{name}-{number}"
        source = Source.model_validate({"provider": name, "api_key": "k", "tokens": ["t" * 16]}, context={})
        for word in order:
            if word.startswith("call"):
                received = understand(call.delivery, parse(call.body), source, Verdict.TOKEN)
                assert received.statement is not None
                with db.write() as conn:
                    events.apply(conn, [replace(received.statement, source=label)], db.now(conn))
            else:
                event = provider.read_status(poll.expected["route"], poll.answer, at=poll.at)
                with db.write() as conn:
                    events.apply(conn, [state(label, source, event, Verdict.POLLED, "poll")], db.now(conn))
        found.append(_only(db, label))
    assert all(one == found[0] for one in found)
    task, owned, entries = found[0]
    assert ("succeeded", None) == task
    assert owned
    assert [("asset", "", "waiting")] * len(owned) + [("task", "", "open"), ("task", "open", "succeeded")] == entries


def _only(db: Database, label: str) -> Any:
    with db.read() as conn:
        task = conn.execute(select(tasks.c.id, tasks.c.state, tasks.c.look_at).where(tasks.c.source == label)).one()
        columns = (assets.c.role, assets.c.ordinal, assets.c.state, assets.c.link)
        wanted = select(*columns).where(assets.c.task == task.id).order_by(assets.c.role, assets.c.ordinal)
        owned = [tuple(row) for row in conn.execute(wanted)]
        ids = [task.id, *conn.scalars(select(assets.c.id).where(assets.c.task == task.id))]
        audited = select(audit.c.subject, audit.c.was, audit.c.now).where(audit.c.subject_id.in_(ids))
        entries = sorted((row.subject, row.was or "", row.now) for row in conn.execute(audited))
    return (task.state, task.look_at), owned, entries
