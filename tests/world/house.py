"""
The scene with a whole process: a worker as it is deployed, with a ledger and a store of its own, whose assets' links,
notifications' targets and callers' URLs lead astray.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from archive.embedded import free_port
from archive.ledger import callback_urls, claims, deliveries, migrate
from archive.ledger import targets as listeners
from archive.ledger.database import Database
from archive.ledger.schema import assets, notifications
from archive.ledger.schema import deliveries as deliveries_table
from archive.model import ExpiryOrigin, Link, Output
from archive.settings import load
from tests.builders import SECRET, event, received, statement
from tests.doubles import wait_for
from tests.servers import rclone
from tests.world.inside import Outside
from tests.world.outside import GONE
from tests.world.script import SCRIPT

_SETTINGS = """
[workers]
sweep = 1
spool_memory = 1024
[egress]
ca_file = "{ca}"
[sources.kie]
provider = "kie"
tokens = ["our-callback-token"]
[sources.lenient]
provider = "kie"
tokens = ["our-callback-token"]
insecure_http = true
"""
_TARGET = """
[[notify]]
name = "{name}"
url = "{url}"
secrets = ["{secret}"]
types = ["asset.archived"]
{more}
"""


def working(
    outside: Outside,
    folder: Path,
    *,
    links: Mapping[str, str],
    redirects: list[str],
    targets: Mapping[str, Mapping[str, str]],
    forwards: Mapping[str, str],
    unfinished: int,
) -> dict[str, Any]:
    """
    Have a worker archive *links* by task, tell *targets* (`url`, `more` settings) of it, and pass callbacks on to
    *forwards*, by task too; *unfinished* are the assets that are still waited for when all has been tried.

    Returns:
        What the outside saw, and `assets` by task, `told` by target, `forwarded` by task: state and reason, and the
        ports of `ours` on loopback.
    """
    outside.begin(names=SCRIPT, redirects=redirects)
    with tempfile.TemporaryDirectory(dir=folder) as name, ExitStack() as stack:
        home = Path(name)
        store, environment = rclone(home / "store", "videos", "videos-companion")
        stack.callback(store.stop)
        config = home / "reelkeep.toml"
        config.write_text(
            _SETTINGS.format(ca=folder / "ca.pem")
            + "".join(_TARGET.format(name=name, secret=SECRET, **about) for name, about in targets.items())
        )
        redis_port = free_port()  # nobody listens: the timer does
        environment |= {
            "REELKEEP_CONFIG": str(config),
            "DATABASE_URL": f"sqlite:///{home}/ledger.db",
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "REELKEEP_SPOOL": str(home / "spool"),
        }
        db = Database(environment["DATABASE_URL"])
        stack.callback(db.close)
        migrate.upgrade(db)
        settings = load({**os.environ, **environment})
        claims.register_sources(db, settings.caps)
        listeners.register_targets(db, settings.notify)
        _owe(db, links, forwards)
        worker = subprocess.Popen((sys.executable, "-m", "workers"), env={**os.environ, **environment})
        stack.callback(worker.wait)
        stack.callback(worker.kill)

        def is_done() -> bool:
            told, forwarded = _told(db)
            stands = [*_assets(db).values(), *told.values(), *forwarded.values()]
            waiting = [state for state, _ in stands if state == "waiting"]
            tried = all(reason or state in ("archived", "delivered") for state, reason in stands)
            return tried and len(waiting) == unfinished and len(told) == len(targets)

        wait_for(is_done, 30)
        told, forwarded = _told(db)
        return {
            **outside.report(),
            "assets": _assets(db),
            "told": told,
            "forwarded": forwarded,
            "ours": [store.port, redis_port],
        }


def _owe(db: Database, links: Mapping[str, str], forwards: Mapping[str, str]) -> None:
    """Take in a delivery for each of *links*, as the receiver would; those with a forward came by a minted URL."""
    now = datetime.now(UTC)
    for task, url in links.items():
        until = now + timedelta(hours=-1 if url.endswith(GONE) else 1)
        said = event(task, outputs=[Output("video", 0, Link(url, until, ExpiryOrigin.DEFAULT))])
        source = "lenient" if url.startswith("http:") else "kie"
        callback = None
        if task in forwards:
            callback = callback_urls.create(db, source, None, None, timedelta(days=1), forwards[task]).id
        deliveries.record(db, [received(statement(said, source=source), callback=callback)])


def _assets(db: Database) -> dict[str, tuple[str, str | None]]:
    with db.read() as conn:
        rows = conn.execute(select(assets.c.task_id, assets.c.state, assets.c.reason))
        return {row.task_id: (row.state, row.reason) for row in rows}


def _told(db: Database) -> tuple[dict[str, tuple[str, str | None]], dict[str, tuple[str, str | None]]]:
    """How the notifications stand, by target, and what callers are owed, by task."""
    to = notifications.outerjoin(deliveries_table, deliveries_table.c.id == notifications.c.subject_id)
    wanted = (notifications.c.target, notifications.c.state, notifications.c.reason, deliveries_table.c.task_id)
    with db.read() as conn:
        rows = list(conn.execute(select(*wanted).select_from(to)))
    # A target that failed rests, so of its notifications those say most that were tried.
    rows.sort(key=lambda row: row.state == "delivered" or row.reason is not None)
    told = {row.target: (row.state, row.reason) for row in rows if row.target}
    return told, {row.task_id: (row.state, row.reason) for row in rows if not row.target}
