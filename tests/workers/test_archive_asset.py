"""From a claim to one proved object with its manifest: the happy path, and a crash or a fault after each step."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import IO, ClassVar

import pytest

from archive.errors import (
    ClaimLostError,
    FetchInterruptedError,
    LinkExpiredError,
    NotMediaError,
    ObjectConflictError,
    ProofFailedError,
    ReelkeepError,
    StoreUnavailableError,
)
from archive.identity import manifest_key, object_prefix
from archive.ledger import claims, deliveries, outbox, queries
from archive.ledger.claims import Claim
from archive.ledger.database import Database
from archive.model import AssetState, ExpiryOrigin, Link, Verdict
from archive.store import DIALECTS
from tests.builders import event, output, received, statement
from tests.doubles import START, Crash, FakeClock, FetchDouble, MemoryStore
from tests.films import films, rebuild
from tests.media import made
from workers.archive_asset import Ports, archive_asset
from workers.fetch import Fetched
from workers.file_hosts import HostRestsError
from workers.kept_files import KeptFiles
from workers.outcome import settle

LEASE = timedelta(seconds=12)
FRESH = Link("https://fresh.example/t1.mp4?sig=9", START + timedelta(minutes=20), ExpiryOrigin.STATED)
DEAD = "https://files.example/t1.mp4?sig=1"
OBJECT, MANIFEST = ".mp4", ".manifest.json"


@dataclass
class House:
    """A ledger with one due asset, a store and a file host."""

    db: Database
    clock: FakeClock
    fetch: FetchDouble
    store: MemoryStore = field(default_factory=MemoryStore)
    fresh: Link | None = None
    refreshed: int = 0
    length_suffices: set[str] = field(default_factory=set)
    spool: ClassVar[Path]

    @property
    def kept(self) -> KeptFiles:
        return KeptFiles(self.spool, 0)

    def refresh(self, claim: Claim) -> Link | None:
        self.refreshed += 1
        return self.fresh

    @property
    def ports(self) -> Ports:
        return Ports(
            self.db, self.store, "videos", self.fetch, self.refresh, self.clock, self.kept, self.length_suffices
        )

    def take(self, owner: str = "w1") -> Claim:
        claim = claims.take(self.db, owner, {"kie": 8}, LEASE)
        assert claim is not None
        return claim

    def work(self, owner: str = "w1") -> Claim:
        claim = self.take(owner)
        archive_asset(claim, self.ports)
        return claim

    def fail(self, kind: type[BaseException], owner: str = "w1") -> str:
        """Work, expect *kind*, and let the outcome be written down as a worker would; return the reason."""
        claim = self.take(owner)
        with pytest.raises(kind) as raised:
            archive_asset(claim, self.ports)
        if isinstance(raised.value, ReelkeepError):
            settle(self.db, claim, raised.value, now=self.clock(), spread=0.5)
            return raised.value.reason
        return type(raised.value).__name__

    def asset(self) -> dict[str, object]:
        with self.db.read() as conn:
            return dict(conn.exec_driver_sql("SELECT * FROM assets").mappings().one())

    @property
    def manifest(self) -> dict[str, dict[str, object]]:
        [key] = [key for key in self.store.keys() if key.endswith(MANIFEST)]  # noqa: SIM118 (a method of its own)
        return dict(json.loads(b"".join(self.store.read("videos", key))))


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each house of this test keeps files."""
    monkeypatch.setattr(House, "spool", tmp_path, raising=False)
    return tmp_path


@pytest.fixture
def film() -> bytes:
    return films()["moov_last"]


@pytest.fixture
def house(db: Database, clock: FakeClock, film: bytes) -> House:
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received(statement(verdict=Verdict.SIGNED_BODY))])
    return House(db, clock, FetchDouble(film))


def key_of(claim: Claim) -> str:
    return object_prefix(claim.source, claim.task_id, claim.role, claim.asset_id) + OBJECT


def test_archive__one_object_one_manifest_one_row(house: House, film: bytes) -> None:
    """A good file ends as one object and its manifest in the store, and as archived in the ledger, with equal facts."""
    claim = house.work()
    key = key_of(claim)
    assert sorted([key, manifest_key(key)]) == house.store.keys()
    assert film == b"".join(house.store.read("videos", key))
    asset, digest = house.asset(), sha256(film).hexdigest()
    assert (AssetState.ARCHIVED, None, "videos", key, "v1", len(film), digest, "video/mp4") == tuple(
        asset[name] for name in ("state", "due_at", "bucket", "key", "version_id", "size", "sha256", "content_type")
    )
    assert {
        "bucket": "videos", "key": key, "version_id": "v1", "size": len(film), "sha256": digest,
        "content_type": "video/mp4",
    } == house.manifest["object"]  # fmt: skip
    assert {"id": claim.asset_id, "source": "kie", "task_id": "t1", "role": "video"} == house.manifest["asset"]
    assert {"host": "files.example", "verdict": "signed_body"} == house.manifest["origin"]
    assert ("h264", 320) == (house.manifest["media"]["video_codec"], house.manifest["media"]["width"])


def test_archive__the_manifest_follows_the_proof(house: House) -> None:
    """The object is put first, the manifest last, and no link stands in it."""
    key = key_of(house.work())
    assert [key, manifest_key(key)] == house.store.puts
    assert "sig=1" not in json.dumps(house.manifest)


def test_archive__where_the_store_shows_no_digest_it_is_read_back(house: House, film: bytes) -> None:
    """A store that does not verify is asked for the bytes themselves; one that does is not."""
    house.store.capabilities = DIALECTS["generic"]
    assert [key_of(house.work())] == house.store.reads


@pytest.mark.parametrize(
    ("crash", "ending", "fetches"),
    [
        ("crash_before", OBJECT, 2),
        ("crash_after", OBJECT, 1),
        ("crash_before", MANIFEST, 1),
        ("crash_after", MANIFEST, 1),
    ],
    ids=["after-intent", "after-put", "after-proof", "after-manifest"],
)
def test_crash__is_finished_by_the_next_worker(house: House, crash: str, ending: str, fetches: int) -> None:
    """Wherever a process dies the next one ends with one object and manifest, and fetches only what never stood."""
    setattr(house.store, crash, {ending})
    assert "Crash" == house.fail(Crash)
    assert AssetState.WAITING == house.asset()["state"]
    assert house.asset()["sha256"]  # the intent was written down first
    house.clock.advance(seconds=13)
    if fetches == 1:
        house.fetch.dead.add(DEAD)
    claim = house.work("w2")
    assert AssetState.ARCHIVED == house.asset()["state"]
    assert sorted([key_of(claim), manifest_key(key_of(claim))]) == house.store.keys()
    assert (fetches, 0) == (len(house.fetch.asked), house.refreshed)


def test_crash__before_the_intent_leaves_nothing(house: House) -> None:
    """A process that dies while it fetches leaves neither object nor intent."""

    def die() -> None:
        raise Crash

    house.fetch.first = die
    house.fail(Crash)
    assert ([], None) == (house.store.keys(), house.asset()["key"])


def test_reply_lost__the_next_try_does_not_fetch(house: House) -> None:
    """A put that took effect although the store seemed away is found, proved and archived, with a dead link too."""
    house.store.lost_replies = 1
    assert "store_unreachable" == house.fail(StoreUnavailableError)
    house.fetch.dead.add(DEAD)
    house.clock.advance(minutes=1)
    claim = house.work("w2")
    assert (AssetState.ARCHIVED, 1) == (house.asset()["state"], len(house.fetch.asked))
    assert 1 == house.store.keys().count(key_of(claim))


def test_reply_lost__of_the_manifest(house: House) -> None:
    """A manifest that stands already and says the same is as good as written."""

    class LosingManifest(MemoryStore):
        def put(
            self, bucket: str, key: str, body: IO[bytes], *, size: int, sha256: str, content_type: str
        ) -> str | None:
            version_id = super().put(bucket, key, body, size=size, sha256=sha256, content_type=content_type)
            if key.endswith(MANIFEST):
                raise StoreUnavailableError("store_unreachable")
            return version_id

    house.store = LosingManifest()
    house.fail(StoreUnavailableError)
    house.clock.advance(minutes=1)
    house.work("w2")
    assert (AssetState.ARCHIVED, 2) == (house.asset()["state"], len(house.store.keys()))


def test_conflict__the_same_bytes_are_ours(house: House, film: bytes) -> None:
    """Where the same bytes stand under the key already, by a reply lost inside the SDK, they are archived."""
    claim = house.take()
    house.store.alter("videos", key_of(claim), film)
    archive_asset(claim, house.ports)
    assert (AssetState.ARCHIVED, "v1") == (house.asset()["state"], house.asset()["version_id"])
    assert 1 == house.store.keys().count(key_of(claim))


def test_conflict__other_bytes_need_a_person(house: House) -> None:
    """Where other bytes stand under the key they stay as they are, and the asset is quarantined by name."""
    claim = house.take()
    house.store.alter("videos", key_of(claim), b"somebody else's")
    house.clock.advance(seconds=13)
    assert "other_bytes_under_key" == house.fail(ObjectConflictError)
    assert (AssetState.QUARANTINED, "other_bytes_under_key") == (house.asset()["state"], house.asset()["reason"])
    assert b"somebody else's" == b"".join(house.store.read("videos", key_of(claim)))


def test_conflict__a_manifest_of_something_else(house: House) -> None:
    """A foreign manifest beside the object is a conflict too; the asset is not archived over it."""
    claim = house.take()
    house.store.alter("videos", manifest_key(key_of(claim)), b"{}")
    house.clock.advance(seconds=13)
    assert "object_exists" == house.fail(ObjectConflictError)
    assert AssetState.QUARANTINED == house.asset()["state"]


def test_proof__fails_when_the_store_holds_other_bytes(house: House) -> None:
    """Bytes damaged behind a good reply are never archived, and no manifest says that they were."""

    class Damaging(MemoryStore):
        def put(
            self, bucket: str, key: str, body: IO[bytes], *, size: int, sha256: str, content_type: str
        ) -> str | None:
            super().put(bucket, key, body, size=size, sha256=sha256, content_type=content_type)
            return self.alter(bucket, key, bytes(size))

    house.store = Damaging()
    assert "digest_differs" == house.fail(ProofFailedError)
    assert (AssetState.QUARANTINED, "digest_differs") == (house.asset()["state"], house.asset()["reason"])
    assert not any(key.endswith(MANIFEST) for key in house.store.keys())  # noqa: SIM118


def test_store_away__waits_without_end(house: House) -> None:
    """While the store is away the asset waits, however late it gets."""
    house.store.away = True
    for _ in range(5):
        assert "store_unreachable" == house.fail(StoreUnavailableError)
        house.clock.advance(hours=30)
    house.store.away = False
    house.work()
    assert AssetState.ARCHIVED == house.asset()["state"]


def test_dead_link__is_renewed(house: House) -> None:
    """A dead link is replaced by the provider's fresh one, which the ledger keeps and the manifest names."""
    house.fetch.dead.add(DEAD)
    house.fresh = FRESH
    house.work()
    assert [DEAD, FRESH.url] == house.fetch.asked
    assert (AssetState.ARCHIVED, FRESH.url, "polled") == tuple(house.asset()[n] for n in ("state", "link", "verdict"))
    assert {"host": "fresh.example", "verdict": "polled"} == house.manifest["origin"]


def of_two_links(db: Database, clock: FakeClock, film: bytes) -> House:
    """A house whose one asset has a second link."""
    claims.register_sources(db, {"kie": 8})
    both = replace(output("/t1.mp4"), second=output("/copy.mp4").link)
    deliveries.record(db, [received(statement(event(outputs=[both])))])
    return House(db, clock, FetchDouble(film))


def test_second_link__serves_where_the_first_does_not(db: Database, clock: FakeClock, film: bytes) -> None:
    """Behind a dead first link the second is followed, and nobody is asked for a fresh one."""
    house = of_two_links(db, clock, film)
    house.fetch.dead.add(DEAD)
    house.work()
    assert "archived" == house.asset()["state"]
    assert [DEAD, "https://files.example/copy.mp4?sig=1"] == house.fetch.asked
    assert 0 == house.refreshed


def test_second_link__dead_as_well(db: Database, clock: FakeClock, film: bytes) -> None:
    """When both are dead a fresh link is asked for."""
    house = of_two_links(db, clock, film)
    house.fetch.dead |= {DEAD, "https://files.example/copy.mp4?sig=1"}
    house.fresh = FRESH
    house.work()
    assert (FRESH.url, 1) == (house.fetch.asked[-1], house.refreshed)


def test_second_link__begins_after_a_bad_file(db: Database, clock: FakeClock, film: bytes) -> None:
    """After a first link that gave something else than the file, the next attempt begins with the second."""
    house = of_two_links(db, clock, b"<!doctype html><title>gone</title>")
    house.fail(NotMediaError)
    house.fetch.body = film
    clock.advance(minutes=6)
    house.work()
    assert "https://files.example/copy.mp4?sig=1" == house.fetch.asked[-1]


def test_dead_link__without_another_waits_for_its_deadline(house: House) -> None:
    """A dead link nobody renews is tried again until the deadline is past, and lost with its cause then."""
    house.fetch.dead.add(DEAD)
    assert ("http_403", AssetState.WAITING) == (house.fail(LinkExpiredError), house.asset()["state"])
    house.clock.advance(minutes=30)
    house.fail(LinkExpiredError)
    house.clock.advance(minutes=10)
    assert ("http_403", AssetState.LOST) == (house.fail(LinkExpiredError), house.asset()["state"])
    assert [] == house.store.keys()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda film: film[: len(film) // 2], "truncated"),
        (lambda _: b"<!DOCTYPE html><html><body>link expired</body></html>", "html_page"),
        (lambda _: b"", "empty_file"),
    ],
    ids=["truncated", "html", "empty"],
)
def test_not_a_film__is_never_put(house: House, film: bytes, spoil: Callable[[bytes], bytes], reason: str) -> None:
    """What is no whole film is fetched again twice, then quarantined; nothing of it reaches the store."""
    house.fetch.body = spoil(film)
    for _ in range(3):
        said = house.fail(NotMediaError)
        house.clock.advance(minutes=1)
    assert reason == said
    assert (AssetState.QUARANTINED, said) == (house.asset()["state"], house.asset()["reason"])
    assert [] == house.store.keys()


def undeclared(house: House) -> House:
    """The same house with a fragmented film of which nothing declares the end."""
    house.fetch.body = rebuild(films()["fragmented"], {b"mfra": lambda _: b""})
    return house


def test_end_unknown__a_film_without_proof_of_its_end(house: House) -> None:
    """Where neither transfer nor structure shows the end it is another try."""
    undeclared(house).fetch.length_known = False
    assert "end_unknown" == house.fail(FetchInterruptedError)
    assert [] == house.store.keys()


def test_end_undeclared__a_length_is_no_proof_for_a_film(house: House) -> None:
    """F64: a film that may have lost its last fragments is never put by its length alone; a person has to look."""
    for _ in range(3):
        assert "end_undeclared" == undeclared(house).fail(NotMediaError)
        house.clock.advance(minutes=1)
    assert (AssetState.QUARANTINED, "end_undeclared") == (house.asset()["state"], house.asset()["reason"])
    assert [] == house.store.keys()


def test_end_undeclared__accepted_by_a_source(house: House) -> None:
    """Where the source accepts it the stated length suffices, and the manifest says that no end was declared."""
    undeclared(house).length_suffices = {"kie"}
    house.work()
    assert (False, 320) == (house.manifest["media"]["end_declared"], house.manifest["media"]["width"])


def test_end_undeclared__accepted_by_a_source_needs_a_length(house: House) -> None:
    """Where the source accepts it, a transfer that states no length is still another try."""
    undeclared(house).length_suffices = {"kie"}
    house.fetch.length_known = False
    assert "end_unknown" == house.fail(FetchInterruptedError)


def test_end_declared__is_not_mentioned(house: House) -> None:
    """Of a film that declares its end nothing more is said."""
    house.work()
    assert "end_declared" not in house.manifest["media"]


@pytest.mark.parametrize("cut", [0, 1000])
def test_not_whole__where_no_transfer_showed_an_end(house: House, film: bytes, cut: int) -> None:
    """F42: a file that breaks off with its connection was cut on its way: another try however often, no bad file."""
    house.fetch.body, house.fetch.length_known = film[:cut], False
    for _ in range(5):
        assert "short_body" == house.fail(FetchInterruptedError)
        house.clock.advance(minutes=5)
    assert AssetState.WAITING == house.asset()["state"]
    house.fetch.body = film
    house.work()
    assert AssetState.ARCHIVED == house.asset()["state"]


def test_other_bytes__on_the_next_try(house: House, film: bytes) -> None:
    """F51: a link that serves another whole file after a put that did not take effect: one object, both digests."""
    house.store.crash_before = {OBJECT}
    house.fail(Crash)
    house.clock.advance(seconds=13)
    house.fetch.body = films()["moov_first"]
    claim = house.work("w2")
    assert sorted([key_of(claim), manifest_key(key_of(claim))]) == house.store.keys()
    seen = queries.asset(house.db, claim.asset_id)
    assert seen is not None
    [noted] = [entry for entry in seen["history"] if entry["reason"] == "other_bytes_served"]
    facts = json.loads(noted["facts"])
    assert [sha256(film).hexdigest(), house.asset()["sha256"]] == [facts["before"], facts["sha256"]]


@dataclass
class RestingHosts(FetchDouble):
    """A file host that gives the file, but for the links that are at rest."""

    resting: set[str] = field(default_factory=set)

    @contextmanager
    def __call__(self, claim: Claim, link: Link) -> Iterator[Fetched]:
        if link.url in self.resting:
            raise HostRestsError("host_rests", timedelta(seconds=30))
        with super().__call__(claim, link) as found:
            yield found


def test_second_link__serves_while_the_first_ones_host_rests(db: Database, clock: FakeClock, film: bytes) -> None:
    """F45: an asset whose first host is left alone is had from the other; where both are, it waits untried."""
    house = of_two_links(db, clock, film)
    house.fetch = RestingHosts(film, resting={DEAD, "https://files.example/copy.mp4?sig=1"})
    assert "host_rests" == house.fail(HostRestsError)
    assert (0, None) == (house.asset()["attempts"], house.asset()["reason"])
    house.clock.advance(seconds=31)
    house.fetch = RestingHosts(film, resting={DEAD})
    house.work()
    assert ["https://files.example/copy.mp4?sig=1"] == house.fetch.asked


def test_second_link__at_rest_behind_one_that_was_tried(db: Database, clock: FakeClock, film: bytes) -> None:
    """F45: where one link was tried it was a try; where it is dead, the one at rest is the hope that is left."""
    house = of_two_links(db, clock, film)
    house.fetch = RestingHosts(film, dead={DEAD}, resting={"https://files.example/copy.mp4?sig=1"})
    assert "host_rests" == house.fail(HostRestsError)
    assert 1 == house.refreshed

    def interrupt() -> None:
        raise FetchInterruptedError("short_body")

    house.clock.advance(seconds=31)
    house.fetch.first = interrupt
    assert "short_body" == house.fail(FetchInterruptedError)
    assert 1 == house.asset()["attempts"]


def test_probe__that_fails_costs_only_the_facts(house: House, film: bytes) -> None:
    """A whole film that no decoder can read is archived, and its manifest says why it has no facts."""
    house.fetch.body = film.replace(b"avc1", b"zzzz")
    house.work()
    assert AssetState.ARCHIVED == house.asset()["state"]
    assert ["probe_error"] == list(house.manifest["media"])


def test_fence__lost_while_fetching(house: House) -> None:
    """A worker that was away too long writes nothing: no intent, no object, no row."""
    old = house.take("w1")

    taken: list[Claim] = []

    def lose() -> None:
        house.fetch.first = lambda: None
        house.clock.advance(seconds=13)
        taken.append(house.take("w2"))

    house.fetch.first = lose
    with pytest.raises(ClaimLostError):
        archive_asset(old, house.ports)
    assert ([], None, "w2") == (house.store.puts, house.asset()["key"], house.asset()["owner"])
    archive_asset(taken[0], house.ports)
    assert (AssetState.ARCHIVED, 2) == (house.asset()["state"], house.asset()["fence"])


def test_fence__lost_while_putting(house: House) -> None:
    """A worker overtaken in its put neither makes a second object nor archives anything; the faster one did."""
    overtaken: list[Claim] = []

    class Slow(MemoryStore):
        def put(
            self, bucket: str, key: str, body: IO[bytes], *, size: int, sha256: str, content_type: str
        ) -> str | None:
            if not overtaken:
                house.clock.advance(seconds=13)
                overtaken.append(house.take("w2"))
                archive_asset(overtaken[0], house.ports)
            return super().put(bucket, key, body, size=size, sha256=sha256, content_type=content_type)

    house.store = Slow()
    old = house.take("w1")
    with pytest.raises(ClaimLostError):
        archive_asset(old, house.ports)
    key = key_of(old)
    assert sorted([key, manifest_key(key)]) == house.store.keys()
    seen = queries.asset(house.db, old.asset_id)
    assert seen is not None
    assert [(1, "crashed"), (2, "archived")] == [(tried["fence"], tried["outcome"]) for tried in seen["tries"]]
    assert ["worker:w2"] == [entry["actor"] for entry in seen["history"] if entry["now"] == "archived"]


def test_two_outputs__are_two_assets(house: House, film: bytes) -> None:
    """Each file of a task with several has its own object and manifest."""
    house.work()
    deliveries.record(house.db, [received(statement(event("t2", outputs=[output("/a"), output("/b", ordinal=1)])))])
    house.work(), house.work()
    assert (6, 6) == (len(house.store.keys()), len(set(house.store.keys())))


def of_role(db: Database, clock: FakeClock, role: str, path: str, body: bytes) -> House:
    """A due asset of *role* whose link ends in *path* and leads to *body*."""
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received(statement(event(outputs=[output(path, role=role)])))])
    return House(db, clock, FetchDouble(body))


@pytest.mark.parametrize(
    ("role", "name", "ending", "content_type", "facts"),
    [
        ("last_frame", "png", ".png", "image/png", {"width": 48, "height": 32, "codec": "png"}),
        ("cover", "jpeg", ".jpg", "image/jpeg", {"width": 48, "height": 32, "codec": "mjpeg"}),
        ("image", "webp-lossless", ".webp", "image/webp", {"width": 48, "height": 32, "codec": "webp"}),
        ("file", "gif-animated", ".gif", "image/gif", {"width": 48, "height": 32, "codec": "gif"}),
        ("image", "webp-animated", ".webp", "image/webp", {"probe_error": "probe_refused"}),
        (
            "audio", "mp3", ".mp3", "audio/mpeg",
            {"duration": 0.5, "audio_codec": "mp3", "sample_rate": 44100, "channels": 2},
        ),
        (
            "file", "wav", ".wav", "audio/wav",
            {"duration": 0.05, "audio_codec": "pcm_s16le", "sample_rate": 44100, "channels": 2},
        ),
        (
            "audio", "mov", ".m4a", "audio/mp4",
            {"duration": 0.5, "audio_codec": "aac", "sample_rate": 44100, "channels": 2},
        ),
    ],
)  # fmt: skip
def test_kinds__archived_as_what_they_are(
    db: Database, clock: FakeClock, role: str, name: str, ending: str, content_type: str, facts: dict[str, object]
) -> None:
    """A picture or sound gets its own ending and content type, whatever its link says, its facts, and no poster."""
    house = of_role(db, clock, role, "/file.bin", made(name))
    claim = house.work()
    key = object_prefix(claim.source, claim.task_id, role, claim.asset_id) + ending
    assert sorted([key, manifest_key(key)]) == house.store.keys()
    assert made(name) == b"".join(house.store.read("videos", key))
    assert (content_type, facts) == (house.manifest["object"]["content_type"], house.manifest["media"])
    assert AssetState.ARCHIVED == house.asset()["state"]
    assert outbox.take(db) is None


def test_kinds__a_film_is_owed_a_poster(house: House) -> None:
    """A film's errand is its poster."""
    house.work()
    assert isinstance(outbox.take(house.db), outbox.PosterErrand)


@pytest.mark.parametrize(
    ("role", "path", "body", "reason"),
    [
        ("last_frame", "/last.png", b"<!DOCTYPE html><html><body>link expired</body></html>", "html_page"),
        ("image", "/a.jpg", made("jpeg")[:-1], "truncated"),
        ("audio", "/a.mp3", made("mp3")[:-500], "truncated"),
        ("cover", "/cover.mp4", films()["moov_last"], "video_file"),
        ("video", "/film.mp4", made("gif-animated"), "image_file"),
        ("original", "/film.mp4", made("mov"), "audio_file"),
        ("file", "/thing", b"PK\x03\x04" + bytes(99), "zip_archive"),
    ],
)
def test_kinds__what_is_not_whole_or_not_wanted_is_never_put(
    db: Database, clock: FakeClock, role: str, path: str, body: bytes, reason: str
) -> None:
    """A file that is cut, foreign or not of a kind its role allows is quarantined, and never reaches the store."""
    house = of_role(db, clock, role, path, body)
    for _ in range(3):
        assert reason == house.fail(NotMediaError)
        house.clock.advance(minutes=1)
    assert (AssetState.QUARANTINED, reason) == (house.asset()["state"], house.asset()["reason"])
    assert [] == house.store.keys()


def test_kinds__end_unknown(db: Database, clock: FakeClock) -> None:
    """A sound that declares no end is archived where the transfer shows it, and else tried again."""
    house = of_role(db, clock, "audio", "/a.mp3", made("mp3-bare"))
    house.fetch.length_known = False
    assert "end_unknown" == house.fail(FetchInterruptedError)
    house.fetch.length_known = True
    house.clock.advance(minutes=1)
    house.work()
    assert AssetState.ARCHIVED == house.asset()["state"]
