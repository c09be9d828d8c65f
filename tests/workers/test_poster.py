"""A poster: read back from the store, drawn in a child process, kept beside the originals."""

from datetime import timedelta
from pathlib import Path

import av
import pytest
from sqlalchemy import func, select

from archive.ledger import claims, deliveries, outbox, results
from archive.ledger.claims import Intent
from archive.ledger.database import Database
from archive.ledger.outbox import MAX_ATTEMPTS, PosterErrand
from archive.ledger.schema import assets
from archive.ledger.schema import outbox as outbox_table
from tests.builders import received
from tests.doubles import FakeClock, MemoryStore
from tests.films import box, films, rebuild
from workers.poster import make_poster, poster_key

KEY = "assets/kie/t1/video-a.mp4"


@pytest.fixture
def film() -> bytes:
    return films()["moov_last"]


@pytest.fixture
def store(db: Database, film: bytes) -> MemoryStore:
    """Of an archived film whose poster is owed; by now other bytes stand on top of it."""
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received()])
    claim = claims.take(db, "w1", {"kie": 8}, timedelta(seconds=12))
    assert claim is not None
    results.intend(db, claim, Intent("videos", KEY, len(film), "ab" * 32, "video/mp4", None))
    memory = MemoryStore()
    results.archived(db, claim, memory.alter("videos", KEY, film), {})
    memory.alter("videos", KEY, b"on top")
    return memory


def make(db: Database, store: MemoryStore, spool: Path) -> PosterErrand:
    errand = outbox.take(db)
    assert isinstance(errand, PosterErrand)
    make_poster(db, store, "companion", spool, 0, errand)
    return errand


def after(db: Database) -> tuple[str | None, int]:
    """The poster's key in the ledger, and how many errands are owed."""
    with db.read() as conn:
        owed = conn.execute(select(func.count()).select_from(outbox_table)).scalar_one()
        return conn.scalars(select(assets.c.poster_key)).one(), owed


def test_poster_key__mirrors_the_originals_folder() -> None:
    """A poster's key is its film's, under another root and ending."""
    assert "posters/kie/t1/video-a.jpg" == poster_key(KEY)


def test_poster__is_a_picture_of_the_version_that_was_archived(
    db: Database, store: MemoryStore, tmp_path: Path
) -> None:
    """The archived version gives a JPEG in the companion bucket, the ledger its key, and nothing stays in the spool."""
    make(db, store, tmp_path / "spool")
    assert (poster_key(KEY), 0) == after(db)
    (tmp_path / "poster.jpg").write_bytes(b"".join(store.read("companion", poster_key(KEY))))
    with av.open(tmp_path / "poster.jpg") as picture:
        assert 320 == picture.streams.video[0].width
    assert [] == list((tmp_path / "spool").iterdir())


def test_poster__made_before_by_an_attempt_that_died(db: Database, store: MemoryStore, tmp_path: Path) -> None:
    """A poster that stands already is as good as made."""
    store.alter("companion", poster_key(KEY), b"a poster")
    make(db, store, tmp_path)
    assert (poster_key(KEY), 0) == after(db)
    assert b"a poster" == b"".join(store.read("companion", poster_key(KEY)))


def test_poster__of_a_film_that_gives_none(db: Database, store: MemoryStore, film: bytes, tmp_path: Path) -> None:
    """A film no frame of which can be decoded has no poster, and is not tried again."""
    black = rebuild(film, {b"mdat": lambda body: box(b"mdat", bytes(len(body)))})
    store.objects["videos", KEY][0] = ("v1", black)
    make(db, store, tmp_path)
    assert (None, 0) == after(db)
    assert store.head("companion", poster_key(KEY)) is None


def test_poster__waits_for_the_store_and_not_for_ever(
    db: Database, clock: FakeClock, store: MemoryStore, tmp_path: Path
) -> None:
    """While the store is away the errand comes back a minute later, and is given up after its last attempt."""
    store.away = True
    for _ in range(MAX_ATTEMPTS):
        assert (None, 1) == after(db)
        make(db, store, tmp_path)
        assert outbox.take(db) is None
        clock.advance(seconds=61)
    assert (None, 0) == after(db)


def test_poster__comes_when_the_store_is_back(
    db: Database, clock: FakeClock, store: MemoryStore, tmp_path: Path
) -> None:
    """A store that was away once costs the poster a minute."""
    store.away = True
    make(db, store, tmp_path)
    store.away = False
    clock.advance(seconds=61)
    make(db, store, tmp_path)
    assert (poster_key(KEY), 0) == after(db)
