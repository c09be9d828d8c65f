"""What must come to its end although nobody waits for it."""

import asyncio

import pytest

from receiver.errands import Errands


def test_run__outlives_its_caller() -> None:
    """An errand whose caller is cancelled goes on, and the end of the server waits for it."""

    async def scenario() -> tuple[list[str], int]:
        errands, ended, go = Errands(), [], asyncio.Event()

        async def errand() -> None:
            await go.wait()
            ended.append("done")

        caller = asyncio.create_task(errands.run(errand(), "kie"))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        assert [] == ended
        go.set()
        return ended, await errands.finish(5)

    assert (["done"], 0) == asyncio.run(scenario())


def test_run__gives_what_comes_of_it() -> None:
    """A caller who waits hears the result or the error."""

    async def scenario() -> None:
        async def good() -> int:
            return 7

        async def bad() -> int:
            raise ValueError("no")

        errands = Errands()
        assert 7 == await errands.run(good(), "kie")
        with pytest.raises(ValueError, match="no"):
            await errands.run(bad(), "kie")
        assert 0 == await errands.finish(5)

    asyncio.run(scenario())


def test_finish__has_an_end(caplog: pytest.LogCaptureFixture) -> None:
    """An errand that does not end in time is given up, so that the process can; the log says at which source."""

    async def scenario() -> int:
        errands = Errands()
        caller = asyncio.create_task(errands.run(asyncio.Event().wait(), "acedata"))
        await asyncio.sleep(0)
        given_up = await errands.finish(0.01)
        await asyncio.gather(caller, return_exceptions=True)
        return given_up

    assert 1 == asyncio.run(scenario())
    [record] = [vars(record) for record in caplog.records]
    assert ("order.given_up", "acedata") == (record["message"], record["source"])
