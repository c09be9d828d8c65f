"""Metadata in the companion bucket: what stands there, under which key, and over the wire."""

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import select

from archive.identity import metadata_key
from archive.ledger import outbox, tasks
from archive.ledger.database import Database
from archive.ledger.outbox import MetadataErrand
from archive.ledger.schema import tasks as tasks_table
from archive.ledger.tasks import Registration
from archive.s3 import S3Store
from archive.settings import Store
from tests.doubles import FakeClock, MemoryStore
from tests.system.harness import S3_ENV, GatedS3
from workers.companion import document, write_metadata

PROMPT = {"prompt": "ein Kätzchen\x00\ud83d", "n": 1}
ONE = Registration("kie", "../t 1", "order-7", PROMPT, None, timedelta(0), timedelta(0), True)


def write(db: Database, store: MemoryStore | S3Store) -> MetadataErrand:
    errand = outbox.take(db)
    assert isinstance(errand, MetadataErrand)
    write_metadata(db, store, "videos-companion", errand)
    return errand


def key(db: Database) -> str | None:
    with db.read() as conn:
        found: str | None = conn.scalars(select(tasks_table.c.metadata_key)).one()
    return found


@pytest.fixture
def s3() -> Iterator[GatedS3]:
    before = dict(os.environ)
    os.environ.update(S3_ENV)
    server = GatedS3()
    yield server
    server.stop()
    os.environ.clear()
    os.environ.update(before)


def test_write__stands_in_s3_as_exactly_this(db: Database, s3: GatedS3) -> None:
    """The object is one JSON document of what was said, with nothing of it in its key or in S3's metadata, unlocked."""
    tasks.register(db, [ONE], "operator")
    store = S3Store(Store.model_validate({"endpoint_url": s3.url, "bucket": "videos"}, context={"environ": {}}))
    write(db, store)
    where = key(db)
    assert where is not None
    answer = s3.client.get_object(Bucket="videos-companion", Key=where)
    body = answer["Body"].read()
    assert {
        "source": "kie", "task_id": "../t 1", "external_id": "order-7", "metadata": PROMPT,
        "created_at": "2026-11-21T12:00:00.000Z",
    } == json.loads(body)  # fmt: skip
    digest = hashlib.sha256(body).hexdigest()[:16]
    assert f"metadata/kie/{quote('../t 1', safe='')}-{digest}.json" == where
    assert ("application/json", {}) == (answer["ContentType"], answer["Metadata"])
    assert not {name for name in answer if name.startswith("ObjectLock")}
    assert [] == s3.versions("videos")


def test_write__other_words_are_another_object(db: Database) -> None:
    """Changed metadata makes a new object beside the old one, and the ledger points to the new."""
    store = MemoryStore()
    tasks.register(db, [ONE], "operator")
    write(db, store)
    first = key(db)
    again = Registration("kie", "../t 1", None, {"prompt": "a dog"}, None, timedelta(0), timedelta(0), True)
    tasks.register(db, [again], "operator")
    write(db, store)
    assert first != key(db)
    assert {first, key(db)} == set(store.keys())
    assert outbox.take(db) is None


def test_write__again_after_a_crash(db: Database, clock: FakeClock) -> None:
    """An errand that was done but not noted down is done again without a second version."""
    store = MemoryStore(lost_replies=1)
    tasks.register(db, [ONE], "operator")
    write(db, store)
    assert key(db) is None
    clock.advance(seconds=61)
    write(db, store)
    assert [key(db)] == store.keys()


def test_write__waits_for_the_store(db: Database, clock: FakeClock) -> None:
    """A store that is away is tried again each minute, for as long as it takes."""
    store = MemoryStore(away=True)
    tasks.register(db, [ONE], "operator")
    for _ in range(9):
        write(db, store)
        assert outbox.take(db) is None
        clock.advance(seconds=61)
    store.away = False
    write(db, store)
    assert [key(db)] == store.keys()


def test_errand__shows_no_metadata(db: Database) -> None:
    """What the user said stands in no log line made of an errand."""
    tasks.register(db, [ONE], "operator")
    assert "prompt" not in repr(outbox.take(db))


@pytest.mark.parametrize("task_id", ["..", ".", "a/../b", "x" * 512, "é" * 512])
def test_metadata_key__no_id_climbs_out(task_id: str) -> None:
    """Whatever a task is called, its metadata stands in its source's folder, under a key that S3 takes."""
    made = metadata_key("kie", task_id, document(MetadataErrand(1, 1, "t", "kie", task_id, None, "{}", FakeClock()())))
    folder, name = made.rsplit("/", 1)
    assert "metadata/kie" == folder
    assert name.removesuffix(".json")[-17] == "-"
    assert len(made.encode()) <= 1024
