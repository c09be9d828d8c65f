"""Looks at several tasks by one request, over a real local API in AceData's words."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from archive.ledger import claims, looks, tasks
from archive.ledger.database import Database
from archive.ledger.looks import Look
from archive.ledger.schema import tasks as tasks_table
from archive.providers import acedata
from archive.schedule import LOOK_CEILING
from archive.sources import Source
from tests.builders import LINK_LIFE
from tests.doubles import FakeClock, MeterDouble
from tests.origin import Origin, Scene, Wire, answer, origin
from workers.egress import Egress
from workers.look import Looker
from workers.provider_api import MAX_ANSWER, ProviderApi

PATH = "/seedance/tasks"
IDS = ("t1", "t2", "t3", "t4")


def record(task_id: str, **data: Any) -> dict[str, Any]:
    """One record as the status API gives it."""
    return {
        "id": task_id,
        "created_at": 1766329436.091,
        "request": {},
        "finished_at": 1766329500.0,
        "response": {"success": True, "task_id": task_id, "data": {"status": "succeeded", **data}},
    }


def film(task_id: str) -> dict[str, Any]:
    return record(task_id, video_url=f"https://platform.cdn.acedata.cloud/seedance/{task_id}.mp4")


@pytest.fixture
def host() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture
def source(host: Origin) -> Source:
    known = {"provider": "acedata", "api_key": "k", "api_base": f"http://{host.authority}", "insecure_http": True}
    return Source.model_validate(known, context={})


@pytest.fixture
def meter() -> MeterDouble:
    return MeterDouble()


@pytest.fixture
def looker(db: Database, clock: FakeClock, source: Source, meter: MeterDouble) -> Iterator[Looker]:
    """Of a ledger with four registered tasks, all due."""
    claims.register_sources(db, {"ace": 8})
    wanted = [tasks.Registration("ace", i, None, None, clock(), timedelta(0), LINK_LIFE, True) for i in IDS]
    tasks.register(db, wanted, "operator")
    egress = Egress()
    yield Looker(db, {"ace": source}, ProviderApi({"ace": source}, egress), meter, clock, lambda: 0.0)
    egress.close()


def take(db: Database, source: Source) -> list[Look]:
    taken = looks.take(db, {"ace": source.budget}, {"ace": source.pace.batch})
    assert set(IDS) == {look.task_id for look in taken}
    return taken


def states(db: Database) -> dict[str, str]:
    with db.read() as conn:
        return {row.task_id: row.state for row in conn.execute(select(tasks_table.c.task_id, tasks_table.c.state))}


def test_batch__each_task_gets_its_own_answer(
    db: Database, clock: FakeClock, host: Origin, source: Source, looker: Looker, meter: MeterDouble
) -> None:
    """One request tells about all: what is done, what runs, what is not there, what nobody understands."""
    running = {"id": "t2", "created_at": 1.0, "request": {}}
    odd = record("t4", video_url=None)

    def scene(wire: Wire) -> None:
        together = "ids" in json.loads(host.bodies[-1])
        answer({"items": [film("t1"), running, odd], "count": 3} if together else {})(wire)

    host.scenes[PATH] = scene
    assert 1 == looker.look(take(db, source))
    assert {"t1": "succeeded", "t2": "open", "t3": "open", "t4": "open"} == states(db)
    first, second = map(json.loads, host.bodies)
    assert ({"t1", "t2", "t3", "t4"}, "retrieve_batch") == (set(first["ids"]), first["action"])
    assert {"id": "t3", "action": "retrieve"} == second  # that it is unknown has to be said of itself
    assert ["ace"] == meter.paid  # the take has paid for the first
    with db.read() as conn:
        again = {row.task_id: row.look_at for row in conn.execute(select(tasks_table))}
    assert again["t1"] is None
    assert again["t4"] == clock() + LOOK_CEILING
    assert clock() < again["t2"] == again["t3"] < again["t4"]


@pytest.mark.parametrize(
    "together",
    [
        answer({"items": [], "padding": "x" * MAX_ANSWER}),
        answer({"error": {"code": "bad_request"}}, status="400 Bad Request"),
        answer({"error": {"code": "not_found"}}, status="404 Not Found"),
        answer({}),
        answer({"items": []}),
        answer([]),
    ],
    ids=["too-large", "refused", "not-found", "empty", "no-items", "other-shape"],
)
def test_batch__that_fails_as_a_whole(
    db: Database, clock: FakeClock, host: Origin, source: Source, looker: Looker, meter: MeterDouble, together: Scene
) -> None:
    """A batch that is no answer says nothing of its tasks: a few at a time they are asked about by themselves."""

    def scene(wire: Wire) -> None:
        asked = json.loads(host.bodies[-1])
        (together if "ids" in asked else answer(film(asked["id"])))(wire)

    host.scenes[PATH] = scene
    assert 3 == looker.look(take(db, source))
    assert (["ace"] * 3, 4) == (meter.paid, len(host.heads))
    assert 1 == list(states(db).values()).count("open")
    clock.advance(minutes=5)
    [left] = looks.take(db, {"ace": source.budget}, {"ace": 20})
    assert 1 == looker.look([left])
    assert {"succeeded"} == set(states(db).values())


def test_batch__busy_is_everybodys_answer(
    db: Database, clock: FakeClock, host: Origin, source: Source, looker: Looker, meter: MeterDouble
) -> None:
    """A refused batch postpones all of its tasks and rests the account once."""
    host.scenes[PATH] = answer({}, "Retry-After: 60", status="429 Too Many Requests")
    assert 0 == looker.look(take(db, source))
    assert {"open"} == set(states(db).values())
    assert (1, 1) == (len(host.heads), len(meter.heeded))
    clock.advance(seconds=59)
    assert [] == looks.take(db, {"ace": source.budget}, {"ace": 20})
    clock.advance(seconds=1)
    assert 4 == len(looks.take(db, {"ace": source.budget}, {"ace": 20}))


def register_past(db: Database) -> None:
    """The four tasks are of a list from the past: so they were registered, and no other way."""
    with db.write() as conn:
        conn.execute(tasks_table.delete())
    known = (None, None, None, timedelta(0), LINK_LIFE, True, None, acedata.GONE_AFTER)
    tasks.register(db, [tasks.Registration("ace", task_id, *known) for task_id in IDS], "operator")


def test_batch__names_what_is_gone_among_many(
    db: Database, clock: FakeClock, host: Origin, source: Source, looker: Looker
) -> None:
    """Old tasks of which a batch says nothing are asked about one by one, and all are gone by name within minutes."""
    register_past(db)
    host.scenes[PATH] = answer({})
    until = clock() + timedelta(minutes=6)
    while clock() < until and "open" in states(db).values():
        if taken := looks.take(db, {"ace": source.budget}, {"ace": source.pace.batch}):
            looker.look(taken)
        clock.advance(seconds=5)
    assert dict.fromkeys(IDS, "gone") == states(db)


def test_batch__what_is_left_over_keeps_what_it_was_told(
    db: Database, clock: FakeClock, host: Origin, source: Source, looker: Looker
) -> None:
    """A task that was denied, and then stood in a batch that nobody asked about singly, is gone at its next denial."""
    register_past(db)
    with db.write() as conn:
        conn.execute(tasks_table.update().values(reason="task_not_found"))
    host.scenes[PATH] = answer({})
    looker.look(take(db, source))
    assert {"gone": 3, "open": 1} == Counter(states(db).values())
    clock.advance(seconds=61)
    looker.look(looks.take(db, {"ace": source.budget}, {"ace": source.pace.batch}))
    assert dict.fromkeys(IDS, "gone") == states(db)
