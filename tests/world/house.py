"""
The scene with a whole process: a worker as it is deployed, with a ledger and a store of its own, whose assets' links,
notifications' targets and callers' URLs lead astray.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from archive.ledger import callback_urls, claims, deliveries, migrate
from archive.ledger import targets as listeners
from archive.ledger.database import Database
from archive.ledger.schema import assets, notifications
from archive.model import ExpiryOrigin, Link, Output
from archive.settings import load
from archive.embedded import free_port
from tests.builders import SECRET, event, received, statement
from tests.doubles import wait_for
from tests.servers import rclone
from tests.world.inside import Outside
from tests.world.script import PUBLIC_PAIR, SCRIPT

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
) -> dict[str, Any]:
    """
    Have a worker archive *links* by task, tell *targets* (`url`, `more` settings) of it, and pass callbacks on to
    *forwards*, by task too.

    Returns:
        What the outside saw, and `assets` by task, `told` by target, `forwarded` by task: state and reason, and the
        ports of `ours` on loopback.
    """
    outside.begin(names={**SCRIPT, "hook.example": [PUBLIC_PAIR]}, redirects=redirects)
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
            untried = [state for state, reason in (*told.values(), *forwarded.values()) if state == "pending" and not reason]
            return not untried and all(state != "waiting" or reason for state, reason in _assets(db).values())

        wait_for(is_done, 30)
        told, forwarded = _told(db)
        return {
            **outside.report(),
            "assets": _assets(db),
            "told": told,
            "forwarded": forwarded,
            "ours": [store.port, redis_port],
        }
