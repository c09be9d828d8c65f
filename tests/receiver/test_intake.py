"""The group-committing door: one commit for all that wait, and nobody pays for a neighbour."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event as sql_event
from sqlalchemy import func, select, text

from archive.errors import LedgerError
from archive.ledger.database import Database
from archive.ledger.deliveries import Receipt, Received
from archive.ledger.schema import assets, deliveries
from archive.model import Outcome
from receiver.intake import MAX_BATCH, MAX_WAITING, PATIENCE, Intake
from tests.builders import event, output, received, statement

Result = Receipt | LedgerError


class Commits:
    """Counts what the database is told to commit."""

    def __init__(self, db: Database) -> None:
        self.number = 0
        sql_event.listen(db.engine, "commit", self._count)

    def _count(self, _conn: object) -> None:
        self.number += 1


@contextmanager
def locked(db: Database) -> Iterator[None]:
    """Another process holds the ledger."""
    other = Database(db.engine.url.render_as_string(hide_password=False))
    with other.write() as conn:
        if not other.is_sqlite:
            conn.execute(text("LOCK TABLE deliveries"))
        yield
    other.close()


def item(name: str) -> Received:
    return received(statement(event(name)), body=name.encode())


def stored(db: Database) -> dict[str, tuple[str, str | None]]:
    with db.read() as conn:
        rows = conn.execute(select(deliveries.c.body, deliveries.c.outcome, deliveries.c.reason))
        return {row.body.decode(): (row.outcome, row.reason) for row in rows}


def run(db: Database, story: Callable[[Intake], Awaitable[Any]], on_due: Callable[[], None] = lambda: None) -> Any:
    """Make an intake, let *story* happen, stop it as a process would."""

    async def whole() -> Any:
        intake = Intake(db, on_due)
        told = await story(intake)
        intake.stop()
        await intake.run()
        return told

    return asyncio.run(whole())


async def outcome(coming: Coroutine[Any, Any, Receipt]) -> Result:
    try:
        return await coming
    except LedgerError as exc:
        return exc


async def waiting(intake: Intake, items: list[Received]) -> list["asyncio.Task[Result]"]:
    """Submit all *items* while nothing is committed yet."""
    tasks = [asyncio.create_task(outcome(intake.submit(one))) for one in items]
    await asyncio.sleep(0)
    return tasks


async def together(intake: Intake, items: list[Received]) -> list[Result]:
    """Submit *items* so that they wait together, then commit."""
    tasks = await waiting(intake, items)
    committing = asyncio.create_task(intake.run())
    results = await asyncio.gather(*tasks)
    intake.stop()
    await committing
    return results


def outcomes(results: list[Result]) -> list[Outcome | str]:
    return [result.outcome if isinstance(result, Receipt) else result.reason for result in results]


def test_together__share_one_commit(small_db: Database) -> None:
    """A hundred deliveries that wait together cost one commit, and each gets its own receipt."""
    items = [item(f"t{n}") for n in range(100)]
    commits, rung = Commits(small_db), []
    results = run(small_db, lambda intake: together(intake, items), lambda: rung.append(1))
    assert [one.id for one in items] == [r.delivery_id for r in results]
    assert [Outcome.ACCEPTED] * 100 == outcomes(results)
    assert (1, [1]) == (commits.number, rung)
    assert 100 == len(stored(small_db))


def test_together__more_than_a_batch_takes(small_db: Database) -> None:
    """What does not fit into one batch goes with the next; nothing waits for more to come."""
    commits = Commits(small_db)
    results = run(small_db, lambda intake: together(intake, [item(f"t{n}") for n in range(MAX_BATCH + 1)]))
    assert [Outcome.ACCEPTED] * (MAX_BATCH + 1) == outcomes(results)
    assert 2 == commits.number


def test_together__the_same_delivery(small_db: Database) -> None:
    """Of equal deliveries that wait together one is accepted, the others are its repeats."""
    results = run(small_db, lambda intake: together(intake, [item("t1")] * 5))
    assert [Outcome.ACCEPTED] + [Outcome.DUPLICATE] * 4 == outcomes(results)


def hostile(what: str) -> Received:
    """A delivery with a value that a driver or a database does not take."""
    said = statement(event("bad"))
    made = {
        "lone surrogate in the reason": replace(received(said), reason="\ud800"),
        "lone surrogate in the task id": received(statement(event("bad\ud800"))),
        "lone surrogate in a link": received(statement(event("bad", outputs=[output("/\ud800")]))),
        "lone surrogate in the route": received(statement(replace(event("bad"), route="\ud800"))),
        "lone surrogate in the actor": received(replace(said, actor="\ud800")),
        "NUL in the reason": replace(received(said), reason="\x00"),
        "NUL in the task id": received(statement(event("bad\x00"))),
        "NUL in a link": received(statement(event("bad", outputs=[output("/\x00")]))),
        "an integer of 64 bits": received(statement(event("bad", outputs=[output("/v.mp4", ordinal=2**63)]))),
        "an integer of 32 bits": received(statement(event("bad", outputs=[output("/v.mp4", ordinal=2**31)]))),
        "a text longer than its column": replace(received(said), reason="x" * 81),
        "a value of another type": replace(received(said), reason=object()),  # type: ignore[arg-type]
    }
    return replace(made[what], id="0" * 64, body=b"hostile")


# SQLite stores these; PostgreSQL does not.
LENIENT = [
    "NUL in the reason", "NUL in the task id", "NUL in a link", "an integer of 32 bits",
    "a text longer than its column",
]  # fmt: skip
STRICT = [
    "lone surrogate in the reason", "lone surrogate in the task id", "lone surrogate in a link",
    "lone surrogate in the route", "lone surrogate in the actor", "an integer of 64 bits", "a value of another type",
]  # fmt: skip


def test_hostile__harms_only_itself(db: Database) -> None:
    """A value the ledger refuses is kept raw, quarantined; its neighbours in the batch are accepted, each time."""
    for number, what in enumerate([*STRICT, *LENIENT]):
        batch = [item(f"before-{number}"), hostile(what), item(f"after-{number}")]
        results = run(db, partial(together, items=batch))
        expected = Outcome.ACCEPTED if db.is_sqlite and what in LENIENT else Outcome.QUARANTINED
        assert (what, [Outcome.ACCEPTED, expected, Outcome.ACCEPTED]) == (what, outcomes(results))
        kept = stored(db)
        assert (what, expected) == (what, kept["hostile"][0])
        if expected is Outcome.QUARANTINED:
            assert "not_storable" == kept["hostile"][1]
        with db.write() as conn:
            conn.execute(deliveries.delete().where(deliveries.c.id == "0" * 64))
            number_of_assets = conn.execute(select(func.count()).where(assets.c.task_id == f"after-{number}"))
            assert 1 == number_of_assets.scalar_one()


def test_hostile__that_cannot_even_be_kept_raw(small_db: Database) -> None:
    """Where not even the raw bytes can be kept nothing is acknowledged, and the neighbours are."""
    bad = replace(item("bad"), id="\ud800")
    results = run(small_db, lambda intake: together(intake, [item("a"), bad, item("b")]))
    assert [Outcome.ACCEPTED, "not_storable", Outcome.ACCEPTED] == outcomes(results)
    assert {"a", "b"} == set(stored(small_db))


def test_ledger_down__nothing_is_acknowledged(small_db: Database, caplog: pytest.LogCaptureFixture) -> None:
    """While the ledger cannot be written senders are asked to come again, nothing is stored, the log says so."""
    with locked(small_db):
        results = run(small_db, lambda intake: together(intake, [item(f"t{n}") for n in range(5)]))
    assert ["ledger_unavailable"] * 5 == outcomes(results)
    assert ["intake.not_committed"] == [record.getMessage() for record in caplog.records]
    assert {} == stored(small_db)


def test_ledger_slow__senders_are_asked_again_within_two_seconds(db: Database) -> None:
    """A commit that hangs keeps nobody waiting longer than two seconds; what was taken in is committed all the same."""

    async def story(intake: Intake) -> tuple[list[Result], float]:
        loop = asyncio.get_running_loop()
        committing = asyncio.create_task(intake.run())
        with locked(db):
            begun = loop.time()
            tasks = await waiting(intake, [item(f"t{n}") for n in range(3)])
            results = await asyncio.gather(*tasks)
            took = loop.time() - begun
        intake.stop()
        await committing
        return results, took

    results, took = run(db, story)
    assert ["ledger_slow"] * 3 == outcomes(results)
    assert PATIENCE <= took < PATIENCE + 0.5
    assert {"t0", "t1", "t2"} == set(stored(db))


def test_full__the_next_is_asked_to_come_again(small_db: Database) -> None:
    """Memory is bounded: above it nothing more is taken in, and all that was taken in is committed."""

    async def story(intake: Intake) -> list[Result]:
        tasks = await waiting(intake, [item(f"t{n}") for n in range(MAX_WAITING)])
        refused = await outcome(intake.submit(item("one more")))
        for task in tasks:
            task.cancel()
        return [refused]

    assert ["receiver_busy"] == outcomes(run(small_db, story))
    assert MAX_WAITING == len(stored(small_db))


def test_full__in_bytes_too(small_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """F39: a few large bodies are as many as many small ones; once they are committed there is room again."""
    monkeypatch.setattr("receiver.intake.MAX_HELD", 1000)
    large = replace(item("large"), body=b"x" * 600)

    async def story(intake: Intake) -> list[Result]:
        tasks = await waiting(intake, [large])
        with pytest.raises(LedgerError, match="receiver_busy"), intake.holding(600):
            pass
        with intake.holding(100):
            pass
        committing = asyncio.create_task(intake.run())
        results = await asyncio.gather(*tasks)
        with intake.holding(1000):
            pass
        with intake.holding(10**9):  # as large as it may be: alone it is taken
            pass
        intake.stop()
        await committing
        return results

    assert [Outcome.ACCEPTED] == outcomes(run(small_db, story))


def test_stop__commits_what_waits_and_takes_no_more(small_db: Database) -> None:
    """Between the signal to stop and the end, what was taken in is committed and whoever comes is sent away."""

    async def story(intake: Intake) -> list[Result]:
        tasks = await waiting(intake, [item("a"), item("b")])
        intake.stop()
        late = await outcome(intake.submit(item("late")))
        await intake.run()
        return [*await asyncio.gather(*tasks), late]

    assert [Outcome.ACCEPTED, Outcome.ACCEPTED, "receiver_busy"] == outcomes(run(small_db, story))
    assert {"a", "b"} == set(stored(small_db))


def test_cancelled__its_delivery_is_committed_all_the_same(small_db: Database) -> None:
    """A sender that hangs up may never come again; what it said is kept."""

    async def story(intake: Intake) -> None:
        [first, second] = await waiting(intake, [item("gone"), item("there")])
        first.cancel()
        committing = asyncio.create_task(intake.run())
        assert Outcome.ACCEPTED == outcomes([await second])[0]
        with suppress(asyncio.CancelledError):
            await first
        assert first.cancelled()
        intake.stop()
        await committing

    run(small_db, story)
    assert {"gone", "there"} == set(stored(small_db))


def test_arriving_while_one_commits__goes_with_the_next(db: Database) -> None:
    """Whatever comes during a commit shares the one after it."""

    async def story(intake: Intake) -> list[Result]:
        with locked(db):
            first = await waiting(intake, [item("first")])
            committing = asyncio.create_task(intake.run())
            await asyncio.sleep(0)
            others = await waiting(intake, [item(f"t{n}") for n in range(20)])
        results = await asyncio.gather(*first, *others)
        intake.stop()
        await committing
        return results

    commits = Commits(db)
    assert [Outcome.ACCEPTED] * 21 == outcomes(run(db, story))
    assert 2 == commits.number


@pytest.mark.parametrize("times", [1, 2])
def test_on_due__only_when_something_fell_due(small_db: Database, times: int) -> None:
    """A commit that leaves nothing to do rings nobody: a repeat makes no work."""
    rung: list[int] = []
    for _ in range(times):
        run(small_db, lambda intake: together(intake, [item("t1")]), lambda: rung.append(1))
    assert [1] == rung


def test_submit__is_answered_when_the_commit_is_over(db: Database) -> None:
    """F01: nobody hears that a delivery is kept while its transaction can still be undone."""
    heard: list[bool] = []

    async def story(intake: Intake) -> None:
        with locked(db):
            running = asyncio.create_task(intake.run())
            waiting = asyncio.create_task(outcome(intake.submit(item("t1"))))
            await asyncio.sleep(0.3)  # nothing can be waited for: it must not happen
            heard.append(waiting.done())
        assert isinstance(await waiting, Receipt)
        intake.stop()
        await running

    asyncio.run(_with(db, story))
    assert [False] == heard
    assert {"t1"} == stored(db).keys()


async def _with(db: Database, story: Callable[[Intake], Awaitable[Any]]) -> None:
    await story(Intake(db, lambda: None))
