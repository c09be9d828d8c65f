"""
From a real file host through the use case to a store: what is cut or foreign is never put, what is whole always.

Whatever the transfer says of it: a consistent length, none, or chunks that end as they should.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from archive.errors import FetchInterruptedError, NotMediaError
from archive.ledger import claims, deliveries
from archive.ledger.claims import Claim
from archive.ledger.database import Database
from archive.model import AssetState, Link
from tests.builders import event, output, received, statement
from tests.doubles import FakeClock, MemoryStore
from tests.films import LAYOUTS, Layout, box, films, starts
from tests.foreign import foreign
from tests.origin import Origin, Scene, origin, whole
from workers.archive_asset import Ports, archive_asset
from workers.egress import Egress, Policy
from workers.fetch import Fetched, Limits, fetch
from workers.kept_files import KeptFiles

HEAD = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {}\r\n"


def with_length(body: bytes, content_type: str = "video/mp4") -> Scene:
    return whole(body, f"Content-Type: {content_type}")


def until_closed(body: bytes, content_type: str = "video/mp4") -> Scene:
    head = HEAD.format(content_type).encode()
    return lambda wire: wire.send(head + b"\r\n" + body)


def in_chunks(body: bytes, content_type: str = "video/mp4") -> Scene:
    head = HEAD.format(content_type).encode() + b"Transfer-Encoding: chunked\r\n\r\n"
    pieces = [body[at : at + 7000] for at in range(0, len(body), 7000)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return lambda wire: wire.send(head + chunks + b"0\r\n\r\n")


FRAMINGS = {"length": with_length, "until closed": until_closed, "chunked": in_chunks}


@pytest.fixture
def todays_ledger(migrated: Path, tmp_path: Path) -> str:
    """One ledger will do: nothing is written before a file is judged."""
    shutil.copy(migrated, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path}/ledger.db"


@dataclass
class Line:
    """A file host, a worker's use case and a store, in a row."""

    db: Database
    host: Origin
    ports: Ports
    store: MemoryStore

    def carry(self, claim: Claim, scene: Scene) -> None:
        """Archive *claim* by a link that leads to *scene*."""
        link = replace(claim.link, url=self.host.url("/v.mp4", scene))
        archive_asset(replace(claim, link=link, second=None), self.ports)

    def refuses(self, claim: Claim, scene: Scene) -> bool:
        """Tell whether carrying *claim* ends by a refusal of its file, and nothing was put."""
        try:
            self.carry(claim, scene)
        except (NotMediaError, FetchInterruptedError) as exc:
            return isinstance(exc, NotMediaError) or exc.reason in {"end_unknown", "short_body"}
        return False

    def states(self) -> set[str]:
        with self.db.read() as conn:
            return set(conn.exec_driver_sql("SELECT state FROM assets").scalars())


@pytest.fixture
def line(db: Database, clock: FakeClock, tmp_path: Path) -> Iterator[Line]:
    store, egress, stopping = MemoryStore(), Egress(), threading.Event()
    limits = Limits(1 << 24, timedelta(seconds=20), tmp_path / "spool", 1 << 16)
    with origin() as host:
        policy = Policy(frozenset({host.authority}), insecure_http=True)

        def fetched(_: Claim, link: Link) -> AbstractContextManager[Fetched]:
            return fetch(egress, link.url, policy, limits, stopping)

        ports = Ports(db, store, "videos", fetched, lambda _: None, clock, KeptFiles(tmp_path, 0))
        yield Line(db, host, ports, store)
    egress.close()


def due(db: Database, number: int = 1) -> list[Claim]:
    """So many due assets, each claimed."""
    claims.register_sources(db, {"kie": number})
    for n in range(number):
        deliveries.record(db, [received(statement(event(f"t{n}", outputs=[output(f"/{n}.mp4")])))])
    taken = [claims.take(db, "w1", {"kie": number}, timedelta(minutes=5)) for _ in range(number)]
    return [claim for claim in taken if claim is not None]


CUT = [layout for layout in LAYOUTS if layout != "indexed"]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("layout", CUT)
def test_cut_film__is_never_put(line: Line, layout: Layout, framing: str) -> None:
    """F42, F64: of 300 films cut at the origin, some at every edge of a fragment, not one reaches the store."""
    film = films(noise=40_000)[layout]
    edges = set(starts(film)) - {0}
    points = sorted(edges | {len(film) * n // 300 for n in range(300)})
    [claim] = due(line.db)

    assert len(points) >= 300
    assert not [cut for cut in points if not line.refuses(claim, FRAMINGS[framing](film[:cut]))]
    assert len(points) == len(line.host.heads)
    assert ([], {AssetState.WAITING}) == (line.store.puts, line.states())


@pytest.mark.parametrize("content_type", ["video/mp4", "application/octet-stream"])
@pytest.mark.parametrize("role", ["video", "file"])
def test_foreign_file__is_never_put(line: Line, role: str, content_type: str) -> None:
    """F41, F62, F63: 400 files that are no film are refused by what they hold, whatever their answer calls them."""
    [claim] = due(line.db)
    claim = replace(claim, role=role)

    assert len(foreign()) >= 200
    assert not [name for name, data in foreign().items() if not line.refuses(claim, with_length(data, content_type))]
    assert len(foreign()) == len(line.host.heads)
    assert ([], {AssetState.WAITING}) == (line.store.puts, line.states())


CALLED = (
    "video/mp4", "text/html; charset=utf-8", "application/json", "application/xml", "image/png", "audio/mpeg",
    "application/x-mpegurl", "", "nonsense",
)  # fmt: skip


def test_whole_film__is_put_whatever_its_answer_calls_it(line: Line) -> None:
    """F41: a good film is archived as what it is under any Content-Type and in any framing."""
    ways = [(layout, framing) for layout in CUT for framing in FRAMINGS.values()]
    for claim, (layout, framing), content_type in zip(due(line.db, len(ways)), ways, CALLED, strict=True):
        line.carry(claim, framing(films()[layout], content_type))

    assert {AssetState.ARCHIVED} == line.states()
    with line.db.read() as conn:
        assert {"video/mp4"} == set(conn.exec_driver_sql("SELECT content_type FROM assets").scalars())


C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # the uuid of a C2PA box (C2PA 2.1, A.5.1)


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(box(b"jumb", box(b"jumd", b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0")), id="a store"),
        pytest.param(b"http://127.0.0.1:1/manifest.c2pa", id="a remote one"),
        pytest.param(b"\0" * 3000, id="an invalid one"),
    ],
)
@pytest.mark.parametrize("layout", ["moov_first", "fragmented"])
def test_c2pa__bytes_in_are_bytes_out(line: Line, layout: Layout, manifest: bytes) -> None:
    """F65: a film with a C2PA box, valid or not, is archived to the byte, and nothing it refers to is asked for."""
    film = films()[layout] + box(b"uuid", C2PA + bytes(4) + b"manifest\0" + bytes(8) + manifest)
    [claim] = due(line.db)
    line.carry(claim, with_length(film))
    [key] = [key for key in line.store.keys() if key.endswith(".mp4")]  # noqa: SIM118 (a method of its own)

    assert film == b"".join(line.store.read("videos", key))
    assert 1 == len(line.host.heads)
