"""A look at a task, over a real local API in KIE's words, into a real ledger."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from archive.ledger import claims, deliveries, looks, tasks
from archive.ledger.database import Database
from archive.ledger.looks import Look
from archive.ledger.schema import assets, audit
from archive.ledger.schema import tasks as tasks_table
from archive.model import Progress, TaskState, Verdict
from archive.providers import kie
from archive.providers.kie import GONE_AFTER, PACE
from archive.schedule import ADOPTION, GIVE_UP, LOOK_CEILING
from archive.trust import Decision
from tests.builders import LINK_LIFE, event, received, source, statement
from tests.doubles import FakeClock
from tests.origin import Origin, Scene, answer, origin
from workers.egress import Egress
from workers.look import Looker
from workers.meter import Meter
from workers.provider_api import ProviderApi

SEEDANCE, MARKET = "/api/v1/seedance/record-info", "/api/v1/jobs/recordInfo"
FILM = "https://files.example/t1.mp4?sig=1"
UNKNOWN = answer({"code": 422, "msg": "recordInfo is null"})


def flat(task_id: str = "t1", status: int = 1) -> Scene:
    return answer({"code": 0, "data": {"taskId": task_id, "status": status, "videoUrl": FILM}})


def market(task_id: str = "t1", state: str = "success") -> Scene:
    result = json.dumps({"resultUrls": [FILM]})
    return answer({"code": 200, "data": {"taskId": task_id, "state": state, "resultJson": result, "failCode": "E7"}})


@pytest.fixture
def host() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture
def looker(db: Database, clock: FakeClock, host: Origin) -> Iterator[Looker]:
    """Of a ledger with one registered task, due to be asked about."""
    claims.register_sources(db, {"kie": 8})
    tasks.register(
        db, [tasks.Registration("kie", "t1", None, None, clock(), timedelta(0), LINK_LIFE, True)], "operator"
    )
    egress = Egress()
    sources = {"kie": source(host.authority)}
    yield Looker(db, sources, ProviderApi(sources, egress), Meter(db, sources), clock, lambda: 0.0)
    egress.close()


def take(db: Database) -> list[Look]:
    taken = looks.take(db, {"kie": source().budget}, {})
    assert 1 == len(taken)
    return taken


def answers(host: Origin, seedance: Scene, third: Scene) -> None:
    """What two of the routes answer; the others know no task."""
    paths = [kie.status_request(route, "t1").path for route in kie.ROUTES]
    host.scenes = {**dict.fromkeys(paths, UNKNOWN), SEEDANCE: seedance, MARKET: third}


def the_task(db: Database) -> tuple[str, str | None, datetime | None]:
    with db.read() as conn:
        row = conn.execute(select(tasks_table)).one()
    return row.state, row.reason, row.look_at


def links(db: Database) -> list[str]:
    with db.read() as conn:
        return list(conn.scalars(select(assets.c.link)))


@pytest.mark.parametrize(
    ("routes", "asked"),
    [((flat(), UNKNOWN), [SEEDANCE]), ((UNKNOWN, market()), [SEEDANCE, MARKET])],
    ids=["seedance", "market"],
)
def test_look__success_on_either_route(
    db: Database, host: Origin, looker: Looker, routes: tuple[Scene, Scene], asked: list[str]
) -> None:
    """The first route that knows the task is believed: its asset is due, and it is not asked about again."""
    answers(host, *routes)
    assert 1 == looker.look(take(db))
    assert (TaskState.SUCCEEDED, None, None) == the_task(db)
    assert [FILM] == links(db)
    assert [f"{path}?taskId=t1" for path in asked] == host.paths


def test_look__asks_the_tasks_own_route_first(db: Database, clock: FakeClock, host: Origin, looker: Looker) -> None:
    """Once a route is known to know the task it is asked before the others."""
    deliveries.record(db, [received(statement(event(progress=Progress.RUNNING)))])
    with db.write() as conn:
        conn.execute(tasks_table.update().values(route="market"))
    answers(host, UNKNOWN, market())
    looker.look(take(db))
    assert [f"{MARKET}?taskId=t1"] == host.paths


@pytest.mark.parametrize("state", ["generating", "a new word"])
def test_look__running(db: Database, clock: FakeClock, host: Origin, looker: Looker, state: str) -> None:
    """A task that is still at work, or in a state nobody documented, is looked at again by its schedule."""
    answers(host, UNKNOWN, market(state=state))
    assert 0 == looker.look(take(db))
    noted = None if state == "generating" else "state_unknown"
    assert (TaskState.OPEN, noted, clock() + PACE.floor) == the_task(db)


def test_look__failed(db: Database, host: Origin, looker: Looker) -> None:
    """The provider's own word of a failure is believed, with its cause."""
    answers(host, UNKNOWN, market(state="fail"))
    assert 0 == looker.look(take(db))
    assert (TaskState.FAILED, "provider_e7", None) == the_task(db)


def test_look__unknown_is_gone_only_past_its_age(db: Database, clock: FakeClock, host: Origin, looker: Looker) -> None:
    """A task no route knows stays open until the provider's age of certainty, and is gone from then on."""
    answers(host, UNKNOWN, answer({"code": 404, "msg": "no such task"}, status="404 Not Found"))
    clock.advance(seconds=GONE_AFTER.total_seconds() - 1)
    looker.look(take(db))
    state, _, again = the_task(db)
    assert (TaskState.OPEN, clock() + LOOK_CEILING) == (state, again)
    clock.advance(minutes=11)
    looker.look(take(db))
    assert (TaskState.GONE, "task_not_found", None) == the_task(db)


@pytest.mark.parametrize(
    "other",
    [answer({"code": 500}), answer("oops", status="502 Bad Gateway"), answer({"code": 401}), answer({"code": 0})],
    ids=["busy", "down", "refused", "not-understood"],
)
def test_look__gone_needs_every_route(
    db: Database, clock: FakeClock, host: Origin, looker: Looker, other: Scene
) -> None:
    """However old a task, one route that did not say `unknown` keeps it open."""
    answers(host, UNKNOWN, other)
    clock.advance(days=9)
    looker.look(take(db))
    assert TaskState.OPEN == the_task(db)[0]
    assert 2 <= len(host.heads)


@pytest.mark.parametrize(
    ("scene", "seconds"),
    [
        (answer({}, "Retry-After: 120", status="429 Too Many Requests"), 120),
        (answer({"code": 455}, "Retry-After: 90"), 90),
        (answer({}, "Retry-After: 99999999", status="503 Busy"), 600),
        (answer({}, "Retry-After: 1", status="503 Busy"), 5),
        (answer({}, "Retry-After: tomorrow", status="503 Busy"), 5),
        (answer({}, status="500 Oops"), 5),
    ],
    ids=["429", "in-the-body", "too-long", "too-soon", "garbage", "silent"],
)
def test_look__busy(db: Database, clock: FakeClock, host: Origin, looker: Looker, scene: Scene, seconds: int) -> None:
    """A provider that asks for time gets it within bounds, and never less than the schedule gives."""
    answers(host, scene, scene)
    assert 0 == looker.look(take(db))
    state, reason, again = the_task(db)
    assert (TaskState.OPEN, clock() + timedelta(seconds=seconds)) == (state, again)
    assert reason in {"http_429", "code_455", "http_503", "http_500"}


@pytest.mark.parametrize(
    "scene",
    [answer({"code": 401}, status="401 Unauthorized"), flat("t2"), answer({"code": 0})],
    ids=["refused-key", "other-task", "other-shape"],
)
def test_look__what_needs_a_person_changes_nothing(
    db: Database, clock: FakeClock, host: Origin, looker: Looker, scene: Scene
) -> None:
    """
    A refused key, or an answer that is not about this task or not understood, leaves the task open and says why.
    """
    answers(host, scene, scene)
    assert 0 == looker.look(take(db))
    state, reason, again = the_task(db)
    assert (TaskState.OPEN, clock() + LOOK_CEILING) == (state, again)
    assert reason in {"http_401", "code_401", "state_missing", "not_an_object"}
    assert [] == links(db)


@pytest.mark.parametrize(
    "first",
    [
        answer({"code": 401}), answer({}, status="410 Gone"), answer({"code": 0}), flat("t2"),
        answer("oops", status="502 Bad Gateway"), answer({"code": 455}), answer("<html>"),
    ],
    ids=["refused", "retired", "not-understood", "other-task", "down", "maintenance", "a-page"],
)  # fmt: skip
def test_look__a_route_out_of_order_hides_no_other(db: Database, host: Origin, looker: Looker, first: Scene) -> None:
    """A task that a later route knows is found, though an earlier one is down, refuses or cannot be understood."""
    answers(host, first, market())
    assert 1 == looker.look(take(db))
    assert [FILM] == links(db)


def test_look__what_never_ends_is_given_up(db: Database, clock: FakeClock, host: Origin, looker: Looker) -> None:
    """A task still said to run when nothing of it could be left is gone, by name; a success reopens it."""
    answers(host, flat(status=0), UNKNOWN)
    clock.advance(seconds=GIVE_UP.total_seconds() - 1)
    looker.look(take(db))
    assert TaskState.OPEN == the_task(db)[0]
    clock.advance(minutes=12)
    looker.look(take(db))
    assert (TaskState.GONE, "never_finished", None) == the_task(db)
    deliveries.record(db, [received()])
    assert TaskState.SUCCEEDED == the_task(db)[0]


def test_look__what_is_not_there_yet_makes_way(db: Database, clock: FakeClock, host: Origin, looker: Looker) -> None:
    """An answer that there is nothing yet moves the deadline: what comes can be had for a link's life from then on."""
    answers(host, UNKNOWN, UNKNOWN)
    looker.look(take(db))
    with db.read() as conn:
        assert clock() + LINK_LIFE == conn.execute(select(tasks_table.c.must_by)).scalar_one()


def test_look__an_account_told_to_rest_is_left_alone(
    db: Database, clock: FakeClock, host: Origin, looker: Looker
) -> None:
    """After 429 no task of the account is asked about until the time it named, however due."""
    more = [tasks.Registration("kie", f"t{n}", None, None, clock(), timedelta(0), LINK_LIFE, True) for n in (2, 3)]
    tasks.register(db, more, "operator")
    answers(host, answer({}, "Retry-After: 90", status="429 Too Many Requests"), UNKNOWN)
    looker.look(take(db))
    budgets = {"kie": source().budget}
    clock.advance(seconds=89)
    assert [] == looks.take(db, budgets, {})
    clock.advance(seconds=1)
    assert looks.take(db, budgets, {})


def test_look__overtaken_writes_nothing(db: Database, clock: FakeClock, host: Origin, looker: Looker) -> None:
    """A look whose lease ran out is refused, whatever it found."""
    old = take(db)
    clock.advance(seconds=91)
    take(db)
    for seedance in (flat(), UNKNOWN, answer({}, status="503 Busy"), answer({"code": 401})):
        answers(host, seedance, UNKNOWN)
        assert 0 == looker.look(old)
    assert (TaskState.OPEN, []) == (the_task(db)[0], links(db))


def adopt(db: Database, clock: FakeClock, **more: Any) -> None:
    """The task is one of a list from the past: so it was registered, and no other way."""
    known = tasks.Registration("kie", "t1", None, None, None, PACE.typical, LINK_LIFE, True, None, GONE_AFTER)
    with db.write() as conn:
        conn.execute(tasks_table.delete())
        conn.execute(audit.delete())
    tasks.register(db, [replace(known, **more)], "operator")


def test_past__unknown_once_is_not_gone_and_twice_is(
    db: Database, clock: FakeClock, host: Origin, looker: Looker
) -> None:
    """A task from the past that every route denies is asked about once more, a minute later, and then gone by name."""
    adopt(db, clock)
    answers(host, UNKNOWN, UNKNOWN)
    [first] = take(db)
    looker.look([first])
    assert (TaskState.OPEN, "task_not_found", clock() + timedelta(minutes=1)) == the_task(db)
    clock.advance(seconds=59)
    assert [] == looks.take(db, {"kie": source().budget}, {})
    clock.advance(seconds=1)
    looker.look(take(db))
    assert (TaskState.GONE, "task_not_found", None) == the_task(db)


def test_past__keeps_its_place_behind_fresh_tasks(db: Database, clock: FakeClock, host: Origin, looker: Looker) -> None:
    """That a task from the past is unknown makes it no more urgent."""
    adopt(db, clock)
    answers(host, UNKNOWN, UNKNOWN)
    looker.look(take(db))
    with db.read() as conn:
        assert clock() + ADOPTION == conn.execute(select(tasks_table.c.must_by)).scalar_one()


@pytest.mark.parametrize("expected_in", [timedelta(0), timedelta(minutes=5), timedelta(hours=-23)])
def test_past__a_fresh_task_is_never_gone_early(
    db: Database, clock: FakeClock, host: Origin, looker: Looker, expected_in: timedelta
) -> None:
    """A task that was just made, or expected less than a day ago, stays open for a day, however often it is denied."""
    adopt(db, clock, expected_by=clock() + expected_in)
    answers(host, UNKNOWN, UNKNOWN)
    clock.advance(minutes=5)
    until = clock() + timedelta(minutes=50)
    while clock() < until:
        looker.look(take(db))
        state, _, again = the_task(db)
        assert TaskState.OPEN == state
        assert again is not None
        clock.now = again


def test_past__an_answer_in_between_counts(db: Database, clock: FakeClock, host: Origin, looker: Looker) -> None:
    """Two denials with another answer between them are not two in a row: a route may have been confused."""
    adopt(db, clock)
    for seedance in (UNKNOWN, answer({"code": 500}), UNKNOWN):
        answers(host, seedance, UNKNOWN)
        looker.look(take(db))
        state, _, again = the_task(db)
        assert TaskState.OPEN == state
        assert again is not None
        clock.now = again
    looker.look(take(db))
    assert TaskState.GONE == the_task(db)[0]


def test_past__a_hint_keeps_it(db: Database, clock: FakeClock, host: Origin, looker: Looker) -> None:
    """A callback that names a task from the past keeps it open for a day, as it does any other."""
    adopt(db, clock)
    answers(host, UNKNOWN, UNKNOWN)
    looker.look(take(db))
    deliveries.record(db, [received(statement(decision=Decision.CONFIRM, verdict=Verdict.SIGNED_ID))])
    looker.look(take(db))
    clock.advance(minutes=30)
    looker.look(take(db))
    assert TaskState.OPEN == the_task(db)[0]


@pytest.mark.parametrize("how", ["callback", "again"])
def test_past__gone_is_not_for_ever(db: Database, clock: FakeClock, host: Origin, looker: Looker, how: str) -> None:
    """A later success, by a callback or by being registered once more, opens it again."""
    adopt(db, clock)
    answers(host, UNKNOWN, UNKNOWN)
    for _ in range(2):
        looker.look(take(db))
        clock.advance(minutes=2)
    assert TaskState.GONE == the_task(db)[0]
    if how == "callback":
        deliveries.record(db, [received()])
    else:
        adopt_again = tasks.Registration("kie", "t1", None, None, None, PACE.typical, LINK_LIFE, True, None, GONE_AFTER)
        tasks.register(db, [adopt_again], "operator")
        answers(host, flat(), UNKNOWN)
        looker.look(take(db))
    assert TaskState.SUCCEEDED == the_task(db)[0]


def test_past__an_answer_nobody_understands_gives_nothing_up(
    db: Database, clock: FakeClock, host: Origin, looker: Looker
) -> None:
    """However long ago it was expected, a task imported just now is not given up for an answer of new shape."""
    adopt(db, clock, expected_by=clock() - 2 * GIVE_UP)
    answers(host, answer({"code": 0}), answer({"code": 0}))
    looker.look(take(db))
    assert TaskState.OPEN == the_task(db)[0]
