"""
A TCP proxy on 127.0.0.1 that does to a connection what networks do. It runs in a thread of its own.

The words are toxiproxy's. Each fault counts how often it has happened: one that never did has tested nothing, so
`FaultProxy.playing` fails where that is so. `tests.http_faults` has the proxy that knows requests from answers.
"""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, TypeVar

Way = Literal["up", "down"]  # to the server; to the client
Dial = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
PIECE: Final = 1 << 16  # bytes


class Cut(Exception):  # noqa: N818 (no error: it is what was asked for)
    """End the connection here: by RST, or by FIN."""

    def __init__(self, *, reset: bool = True) -> None:
        super().__init__()
        self.reset = reset


@dataclass
class Flow:
    """One direction of one connection. `passed` is what has left in this direction, in bytes."""

    way: Way
    writer: asyncio.StreamWriter
    passed: int = 0

    async def send(self, data: bytes) -> None:
        self.passed += len(data)
        self.writer.write(data)
        await self.writer.drain()


@dataclass(kw_only=True)
class Fault:
    """Something that goes wrong: a *share* of the times at which it could, *times* at most."""

    share: float = 1.0
    times: int | None = None
    fired: int = field(default=0, init=False)
    over: asyncio.Event = field(default_factory=asyncio.Event, init=False)  # set when it is taken away

    def fires(self, dice: random.Random) -> bool:
        """Decide for one time, and count it."""
        if (self.times is not None and self.fired >= self.times) or dice.random() >= self.share:
            return False
        self.fired += 1
        return True


F = TypeVar("F", bound=Fault)


@dataclass(kw_only=True)
class Toxic(Fault):
    """A fault of a connection, in one direction. `share` is of connections, `fired` counts them."""

    way: Way = "down"

    async def play(self, flow: Flow, data: bytes) -> bytes:
        """Do it to *data*, and return what is still to be sent."""
        return data

    async def at_end(self, flow: Flow) -> None:
        """The sender has ended."""


@dataclass(kw_only=True)
class Latency(Toxic):
    seconds: float

    async def play(self, flow: Flow, data: bytes) -> bytes:
        await asyncio.sleep(self.seconds)
        return data


@dataclass(kw_only=True)
class Bandwidth(Toxic):
    rate: int  # bytes a second

    async def play(self, flow: Flow, data: bytes) -> bytes:
        step = max(self.rate // 20, 1)
        for start in range(0, len(data), step):
            await flow.send(data[start : start + step])
            await asyncio.sleep(min(step, len(data) - start) / self.rate)
        return b""


@dataclass(kw_only=True)
class SlowClose(Toxic):
    seconds: float

    async def at_end(self, flow: Flow) -> None:
        await asyncio.sleep(self.seconds)


@dataclass(kw_only=True)
class Timeout(Toxic):
    """Nothing passes any more; the connection ends after *seconds*, or when the fault is taken away."""

    seconds: float | None = None

    async def play(self, flow: Flow, data: bytes) -> bytes:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), self.seconds)
        raise Cut(reset=False)


@dataclass(kw_only=True)
class ResetPeer(Toxic):
    """RST to both sides, *seconds* after the first byte that came when *after* bytes had passed."""

    seconds: float = 0.0
    after: int = 0

    async def play(self, flow: Flow, data: bytes) -> bytes:
        room = self.after - flow.passed
        if len(data) < room:
            return data
        await flow.send(data[: max(room, 0)])
        await asyncio.sleep(self.seconds)
        raise Cut


@dataclass(kw_only=True)
class Slicer(Toxic):
    size: int  # bytes
    seconds: float = 0.0  # between two slices

    async def play(self, flow: Flow, data: bytes) -> bytes:
        for start in range(0, len(data), self.size):
            await flow.send(data[start : start + self.size])
            await asyncio.sleep(self.seconds)
        return b""


@dataclass(kw_only=True)
class LimitData(Toxic):
    """*size* bytes pass, then the connection ends as if the sender had finished."""

    size: int

    async def play(self, flow: Flow, data: bytes) -> bytes:
        room = self.size - flow.passed
        if len(data) <= room:
            return data
        await flow.send(data[: max(room, 0)])
        raise Cut(reset=False)


@dataclass(kw_only=True)
class Down(Fault):
    """The port is closed and every connection is reset. `fired`: that a connection was refused has been tried."""


class FaultProxy:
    """
    Passes connections at `port` to *upstream* on 127.0.0.1, as the faults in play allow.

    Faults of connections are drawn for each connection when its first byte passes under them. *seed* is that of the
    draws, so that a run can be had again.
    """

    def __init__(self, upstream: int, *, seed: int = 0) -> None:
        self._upstream = upstream
        self.dice = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._faults: list[Fault] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy")
        self._thread.start()
        self._do(self._open())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and every connection."""
        self._do(self._close())
        self._do(self._end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def add(self, fault: F) -> F:
        """Put *fault* in play, for connections that stand as well."""
        self._faults.append(fault)
        if isinstance(fault, Down):
            self._do(self._close())
            with socket.socket() as probe:
                fault.fired += probe.connect_ex(("127.0.0.1", self.port)) != 0
        return fault

    def remove(self, fault: Fault) -> None:
        self._faults = [other for other in self._faults if other is not fault]
        self._loop.call_soon_threadsafe(fault.over.set)
        if isinstance(fault, Down):
            self._do(self._open())

    @contextmanager
    def playing(self, fault: F) -> Iterator[F]:
        """Have *fault* in play for the block, which fails where it did not happen."""
        self.add(fault)
        try:
            yield fault
        finally:
            self.remove(fault)
        assert fault.fired, f"{type(fault).__name__} did not happen"

    @property
    def faults(self) -> list[Fault]:
        """Those in play."""
        return list(self._faults)

    def _of(self, way: Way) -> list[Toxic]:
        return [fault for fault in self._faults if isinstance(fault, Toxic) and fault.way == way]

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, dial: Dial) -> None:
        """Carry one connection; *dial* opens one to the server."""
        server, to_server = await dial()
        drawn: dict[int, bool] = {}  # by fault, once for both directions
        ways = ((client, Flow("up", to_server)), (server, Flow("down", to_client)))
        pumps = [asyncio.ensure_future(self._pump(reader, flow, drawn)) for reader, flow in ways]
        try:
            await asyncio.gather(*pumps)
        finally:
            for pump in pumps:
                pump.cancel()

    async def pass_on(self, flow: Flow, data: bytes, drawn: dict[int, bool]) -> None:
        """Send *data* as the faults of its direction allow; *drawn* remembers which of them this connection has."""
        for toxic in self._of(flow.way):
            if data and self._has(toxic, drawn):
                data = await toxic.play(flow, data)
        if data:
            await flow.send(data)

    async def _pump(self, reader: asyncio.StreamReader, flow: Flow, drawn: dict[int, bool]) -> None:
        while data := await reader.read(PIECE):
            await self.pass_on(flow, data, drawn)
        for toxic in self._of(flow.way):
            if self._has(toxic, drawn):
                await toxic.at_end(flow)
        with suppress(OSError, RuntimeError):  # the other direction has ended it already
            flow.writer.write_eof()

    def _has(self, toxic: Toxic, drawn: dict[int, bool]) -> bool:
        if id(toxic) not in drawn:
            drawn[id(toxic)] = toxic.fires(self.dice)
        return drawn[id(toxic)]

    async def _connection(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.connections += 1
        opened = [to_client]
        self._writers.add(to_client)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)

        async def dial() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._upstream)
            opened.append(to_server)
            self._writers.add(to_server)
            return server, to_server

        try:
            await self.serve(client, to_client, dial)
        except Cut as cut:
            if cut.reset:
                for writer in opened:
                    _reset(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            for writer in opened:
                self._writers.discard(writer)
                writer.close()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            _reset(writer)

    async def _end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # what was aborted closes its socket in the rounds that follow

    def _do(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(10)


def _reset(writer: asyncio.StreamWriter) -> None:
    """An RST in place of a FIN."""
    if (connection := writer.get_extra_info("socket")) is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
