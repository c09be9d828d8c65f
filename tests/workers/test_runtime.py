"""A worker process's threads together: what only they decide."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive.ledger import claims, deliveries
from archive.ledger.claims import Claim
from archive.ledger.database import Database
from archive.ledger.schema import assets
from archive.model import ExpiryOrigin, Link, Output
from archive.settings import Settings
from tests.builders import event, received, source, statement
from tests.doubles import wait_for
from tests.origin import Wire, origin, whole
from workers.runtime import Runtime


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


def drip(wire: Wire) -> None:
    """A byte now and then."""
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not wire.stopping.wait(0.05):
        wire.send(b"x")


def test_transfer__has_one_limit_for_all_its_links(tmp_path: Path, migrated: Path) -> None:
    """F46: two links that drip hold a slot no longer than one of them could."""
    shutil.copy(migrated, tmp_path / "ledger.db")
    db = Database(f"sqlite:///{tmp_path}/ledger.db")
    with origin() as host:
        soon = datetime.now(UTC) + timedelta(minutes=20)
        first, second = (
            Link(host.url(path, scene), soon, ExpiryOrigin.DEFAULT)
            for path, scene in (("/first", drip), ("/second", whole(b"<html>")))
        )
        workers = {"max_transfer": 3, "sweep": 60, "grace": 2, "spool": str(tmp_path / "spool")}
        settings = Settings.model_validate(
            {"sources": {"kie": source(allowed_hosts=[host.authority])}, "workers": workers}, context={}
        )
        claims.register_sources(db, settings.caps)
        deliveries.record(db, [received(statement(event(outputs=[Output("video", 0, first, None, second)])))])
        runtime = Runtime(settings, db, "w1")
        runtime.start()
        wait_for(lambda: _reason(db) is not None)
        runtime.stop()
        assert ("too_slow", ["/first"]) == (_reason(db), host.paths)
    db.close()


def test_per_host__a_slow_host_does_not_keep_others_waiting(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    F46: of a slow host with as many urgent files as there are slots so many are fetched at a time and no more; the
    file of another is fetched beside them, and what waits has not been claimed.
    """
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    shutil.copy(migrated, tmp_path / "ledger.db")
    db = Database(f"sqlite:///{tmp_path}/ledger.db")
    with origin() as slow, origin() as quick:
        now = datetime.now(UTC)
        for number in range(6):
            link = Link(slow.url(f"/{number}", drip), now + timedelta(minutes=20 + number), ExpiryOrigin.DEFAULT)
            _record(db, f"t{number}", link)
        _record(
            db, "other", Link(quick.url("/other", whole(b"<html>")), now + timedelta(hours=9), ExpiryOrigin.DEFAULT)
        )
        settings = Settings.model_validate(
            {
                "sources": {"kie": source(allowed_hosts=[slow.authority, quick.authority])},
                "workers": {"slots": 4, "per_host": 2, "sweep": 60, "grace": 1, "spool": str(tmp_path / "spool")},
            },
            context={},
        )
        runtime = Runtime(settings, db, "w1")
        runtime.start()
        wait_for(lambda: _facts(db, "other") is not None)
        wait_for(lambda: len(slow.paths) == 2)
        assert ({"/0", "/1"}, ["/other"]) == (set(slow.paths), quick.paths)
        with db.read() as conn:
            claimed = conn.scalars(select(assets.c.task_id).where(assets.c.fence > 0)).all()
        assert {"t0", "t1", "other"} == set(claimed)
        runtime.stop()
    db.close()


def _record(db: Database, task_id: str, link: Link) -> None:
    claims.register_sources(db, {"kie": 8})
    deliveries.record(db, [received(statement(event(task_id, outputs=[Output("video", 0, link)])))])


def _facts(db: Database, task_id: str) -> str | None:
    with db.read() as conn:
        reason: str | None = conn.execute(select(assets.c.reason).where(assets.c.task_id == task_id)).scalar_one()
    return reason


def _reason(db: Database) -> str | None:
    with db.read() as conn:
        reason: str | None = conn.execute(select(assets.c.reason)).scalar_one()
    return reason


def test_stop__hands_back_what_is_still_held(tmp_path: Path, migrated: Path) -> None:
    """F04: what a worker holds when its grace is over is due at once, and another may have it."""
    shutil.copy(migrated, tmp_path / "ledger.db")
    db = Database(f"sqlite:///{tmp_path}/ledger.db")
    settings = Settings.model_validate({"sources": {"kie": source()}, "workers": {"grace": 1}}, context={})
    claims.register_sources(db, settings.caps)
    deliveries.record(db, [received(statement(event()))])
    minute = timedelta(minutes=1)
    assert claims.take(db, "w1", settings.caps, minute)
    Runtime(settings, db, "w1").stop()
    taken = claims.take(db, "w2", settings.caps, minute)
    assert taken is not None
    assert 2 == taken.fence
    db.close()


def test_timer__finds_what_nobody_rings_for(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F01, F10: what is due while no wake-up comes, as after a kill or without Redis, is found by looking for it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    shutil.copy(migrated, tmp_path / "ledger.db")
    db = Database(f"sqlite:///{tmp_path}/ledger.db")
    with origin() as host:
        soon = datetime.now(UTC) + timedelta(minutes=20)
        link = Link(host.url("/page", whole(b"<html>")), soon, ExpiryOrigin.DEFAULT)
        workers = {"sweep": 0.2, "grace": 2, "spool": str(tmp_path / "spool")}
        settings = Settings.model_validate(
            {"sources": {"kie": source(allowed_hosts=[host.authority])}, "workers": workers}, context={}
        )
        claims.register_sources(db, settings.caps)
        looked: list[Claim | None] = []
        take = claims.take

        def watched(*told: Any) -> Claim | None:
            looked.append(take(*told))
            return looked[-1]

        monkeypatch.setattr(claims, "take", watched)
        runtime = Runtime(settings, db, "w1")
        runtime.start()
        try:
            wait_for(lambda: bool(looked))  # as it does at its start; there was nothing
            deliveries.record(db, [received(statement(event(outputs=[Output("video", 0, link)])))])
            wait_for(lambda: _reason(db) is not None, 10)
        finally:
            runtime.stop()
    db.close()
