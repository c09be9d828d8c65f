"""While the store is away: no try is spent, what was fetched is kept, and nothing is lost that the disk can hold."""

from collections.abc import Callable
from pathlib import Path

import pytest

from archive.errors import ObjectConflictError, ObjectHiddenError, StoreUnavailableError
from archive.ledger import claims, deliveries, queries, results
from archive.ledger.database import Database
from archive.model import AssetState, Verdict
from archive.store import DIALECTS, StoredObject
from tests.builders import received, statement
from tests.doubles import Crash, FakeClock, FetchDouble, MemoryStore
from tests.films import films
from tests.workers.test_archive_asset import DEAD, MANIFEST, House
from workers.archive_asset import KeptElsewhereError, archive_asset
from workers.kept_files import KeptFiles
from workers.outcome import UNASKED
from workers.store_rests import StoreRests, StoreRestsError


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(House, "spool", tmp_path, raising=False)
    return tmp_path


@pytest.fixture
def house(db: Database, clock: FakeClock) -> House:
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received(statement(verdict=Verdict.SIGNED_BODY))])
    return House(db, clock, FetchDouble(films()["moov_last"]))


def away(house: House) -> House:
    """The store goes away; one attempt has fetched the file."""
    house.store.away = True
    assert "store_unreachable" == house.fail(StoreUnavailableError)
    house.clock.advance(minutes=10)
    return house


def kept(spool: Path) -> list[Path]:
    return list((spool / "kept").iterdir())


def test_away__outlives_the_link(house: House, spool: Path) -> None:
    """The file is fetched once, kept, and archived without its link when the store is back; no try was spent."""
    away(house).fetch.dead.add(DEAD)
    waiting = house.asset()
    assert (AssetState.WAITING, 0, "store_unreachable", house.kept.spool_id) == tuple(
        waiting[name] for name in ("state", "attempts", "reason", "kept_in")
    )
    for _ in range(5):
        house.fail(StoreUnavailableError)
        house.clock.advance(hours=30)
    assert (0, 1) == (house.asset()["attempts"], len(house.fetch.asked))
    house.store.away = False
    house.work("w2")
    assert (AssetState.ARCHIVED, None, 1, 2) == (
        house.asset()["state"], house.asset()["kept_in"], len(house.fetch.asked), len(house.store.keys())
    )  # fmt: skip
    assert [] == kept(spool)


def test_away__is_counted_with_its_reason(house: House) -> None:
    """F72: what waits for the store is counted, with S3's own word, and what of it is kept."""
    away(house)
    work = queries.work(house.db)
    assert (1, 1, "store_unreachable") == (work.held, work.kept, work.store_reason)
    house.store.away = False
    house.work()
    assert 0 == queries.work(house.db).held


@pytest.mark.parametrize("change", [lambda body: b"x" + body[1:], lambda body: body[:-1]], ids=["altered", "cut"])
def test_kept__a_damaged_file_is_never_put(house: House, spool: Path, change: Callable[[bytes], bytes]) -> None:
    """What the disk changed meanwhile is dropped, and the film fetched again."""
    away(house)
    [path] = kept(spool)
    path.write_bytes(change(path.read_bytes()))
    house.store.away = False
    claim = house.work()
    assert (2, 2) == (len(house.fetch.asked), len(house.store.puts))
    assert house.fetch.body == b"".join(house.store.read("videos", str(house.asset()["key"])))
    assert claim.intent is not None


def test_kept__the_put_that_had_worked_after_all(house: House) -> None:
    """F67: a put whose reply was lost is found by the intent; the kept file is not put a second time."""
    house.store.lost_replies = 1
    house.fail(StoreUnavailableError)
    house.clock.advance(minutes=1)
    house.fetch.dead.add(DEAD)
    house.work()
    assert (1, 1) == (len([key for key in house.store.puts if not key.endswith(MANIFEST)]), len(house.fetch.asked))


def test_kept__other_bytes_under_the_key(house: House) -> None:
    """F67: a refusal because something stands there is success only if it is what would have been put."""
    away(house)
    house.store.away = False

    class Blind(MemoryStore):
        """Does not show what stands until something was put."""

        def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
            return super().head(bucket, key, version_id) if self.puts else None

    house.store = Blind()
    house.store.alter("videos", str(house.asset()["key"]), b"somebody else's")
    assert "other_bytes_under_key" == house.fail(ObjectConflictError)
    assert AssetState.QUARANTINED == house.asset()["state"]


def test_kept__a_process_that_dies_before_the_ledger_knows(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the file and the ledger's note of it, the next worker puts the file all the same."""

    def die(*_: object) -> None:
        raise Crash

    house.store.away = True
    with monkeypatch.context() as patched:
        patched.setattr(results, "keep", die)
        assert "Crash" == house.fail(Crash)
    house.clock.advance(minutes=10)
    house.store.away = False
    house.fetch.dead.add(DEAD)
    house.work("w2")
    assert (AssetState.ARCHIVED, 1) == (house.asset()["state"], len(house.fetch.asked))


def test_reap__not_while_an_asset_waits_for_it(house: House, spool: Path) -> None:
    """F22: the kept file of a waiting asset stays; when the asset has ended it goes, and nothing is uploaded."""
    away(house)
    assert (0, 1) == (house.kept.reap(lambda ids: results.waiting_intents(house.db, ids)), len(kept(spool)))
    results.end(house.db, house.take(), AssetState.LOST, "test")
    assert (1, []) == (house.kept.reap(lambda ids: results.waiting_intents(house.db, ids)), kept(spool))
    assert [] == house.store.puts


def test_not_kept__the_link_serves_as_long_as_it_lives(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the spool has no room the file is fetched again; a dead link is no end while nobody can look."""
    monkeypatch.setattr(KeptFiles, "keep", lambda *_: None)
    away(house)
    assert house.asset()["kept_in"] is None
    house.fetch.dead.add(DEAD)
    house.clock.advance(hours=30)
    for _ in range(4):
        assert "store_unreachable" == house.fail(StoreUnavailableError)
        house.clock.advance(minutes=10)
    assert (AssetState.WAITING, 0) == (house.asset()["state"], house.asset()["attempts"])


def test_no_room__nothing_is_fetched_in_vain(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While neither store nor spool can take a file no link is used up for it."""
    rests = StoreRests(lambda: 0.0)
    for number in range(3):
        with pytest.raises(StoreUnavailableError), rests.asking("videos", str(number), "put"):
            raise StoreUnavailableError("store_slow_down")
    monkeypatch.setattr(KeptFiles, "has_room", lambda _: False)
    claim = house.take()
    ports = house.ports
    object.__setattr__(ports, "check_store", rests.check)
    with pytest.raises(StoreRestsError, match="store_slow_down"):
        archive_asset(claim, ports)
    assert [] == house.fetch.asked


def test_elsewhere__a_dead_link_is_no_end(house: House, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of another machine leaves the file to those that have it, until a day past the deadline."""
    away(house).store.away = False
    monkeypatch.setattr(House, "spool", spool / "another")
    house.fetch.dead.add(DEAD)
    assert "kept_elsewhere" == house.fail(KeptElsewhereError)
    assert (AssetState.WAITING, 0) == (house.asset()["state"], house.asset()["attempts"])
    house.clock.advance(minutes=1)
    with monkeypatch.context() as home:
        home.setattr(House, "spool", spool)
        house.work()
    assert AssetState.ARCHIVED == house.asset()["state"]


def test_elsewhere__a_machine_that_never_came_back(house: House, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day past the deadline the asset is lost, by a cause that says where its file was."""
    away(house).store.away = False
    monkeypatch.setattr(House, "spool", spool / "another")
    house.fetch.dead.add(DEAD)
    house.clock.advance(seconds=UNASKED.total_seconds() + 3600)
    house.fail(KeptElsewhereError)
    assert (AssetState.LOST, "kept_elsewhere") == (house.asset()["state"], house.asset()["reason"])


def test_elsewhere__a_link_that_lives_is_used(house: House, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its link lives any machine may fetch the file anew."""
    house.store.away = True
    house.fail(StoreUnavailableError)
    house.store.away = False
    house.clock.advance(seconds=30)
    monkeypatch.setattr(House, "spool", spool / "another")
    house.work("w2")
    assert (AssetState.ARCHIVED, 2) == (house.asset()["state"], len(house.fetch.asked))


class Hidden(MemoryStore):
    """May not list: a look at what does not stand is refused."""

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        found = super().head(bucket, key, version_id)
        if found is None:
            raise ObjectHiddenError("store_403")
        return found


def test_hidden__the_conditional_put_tells(house: House) -> None:
    """F72: where a look is refused, the put that fails if something stands takes its place."""
    away(house)
    house.store = Hidden()
    house.fetch.dead.add(DEAD)
    house.work()
    assert (AssetState.ARCHIVED, 2) == (house.asset()["state"], len(house.store.keys()))


def test_hidden__without_conditional_puts_nothing_is_put(house: House) -> None:
    """F72: a store that neither shows nor refuses gets no second version; the asset waits, and says why."""
    away(house)
    house.store = Hidden(DIALECTS["generic"])
    assert "store_403" == house.fail(ObjectHiddenError)
    assert ([], "store_403", 0) == (house.store.puts, house.asset()["reason"], house.asset()["attempts"])


def test_hidden__with_a_dead_link_is_not_lost(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """F72: while nobody can say whether the object stands, a dead link ends nothing."""
    monkeypatch.setattr(KeptFiles, "keep", lambda *_: None)
    away(house)
    house.store = Hidden()
    house.fetch.dead.add(DEAD)
    house.clock.advance(hours=30)
    for _ in range(4):
        assert "store_403" == house.fail(StoreUnavailableError)
        house.clock.advance(minutes=10)
    assert AssetState.WAITING == house.asset()["state"]


def test_hasten__what_waits_for_the_store_and_nothing_else(house: House) -> None:
    """When the store is back what waits for it is due at once; what waits for its file host is not."""
    away(house)
    house.clock.advance(hours=1)
    claim = house.take()
    results.wait(house.db, claim, "store_slow_down", house.clock.now.replace(year=2027))
    assert 1 == claims.hasten(house.db)
    results.retry(house.db, house.take(), "short_body", house.clock.now.replace(year=2027))
    assert 0 == claims.hasten(house.db)
