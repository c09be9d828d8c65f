"""A receiver over a real ledger, as its callers and operators meet it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from httpx2 import Response
from sqlalchemy import func, select
from starlette.testclient import TestClient

from archive.ledger import claims, results
from archive.ledger.database import Database
from archive.ledger.schema import assets, deliveries, tasks
from archive.ledger.targets import register_targets
from archive.providers import kie
from archive.settings import Settings
from receiver.app import create_app
from tests.doubles import FakeClock, SilentBell
from tests.servers import environment

KEY = "kie-test-hmac-key"
TOKEN = "token-in-the-path"
OPERATOR, VIEWER = "operator-token", "viewer-token"
HOOK = "canary-in-a-targets-url"
WEBHOOK_SECRET = "whsec_" + "Y2FuYXJ5" * 5
SETTINGS: dict[str, Any] = {
    "server": {"operator_tokens": [OPERATOR, "operator-2"], "viewer_tokens": [VIEWER], "max_body": 4096},
    "store": {"endpoint_url": "http://127.0.0.1:1", "public_endpoint_url": "https://cdn.example"},
    "sources": {
        "signed": {"provider": "kie", "webhook_keys": ["an-old-key", KEY]},
        "asked": {"provider": "kie", "webhook_keys": [KEY], "api_key": "api-key"},
        "token": {"provider": "kie", "tokens": ["an-old-callback-token", TOKEN]},
        "both": {"provider": "kie", "tokens": [TOKEN], "webhook_keys": [KEY]},
        "open": {"provider": "kie", "allow_unsigned": True},
    },
    "notify": [{"name": "app", "url": f"https://app.example:8443/{HOOK}?key={HOOK}", "secrets": [WEBHOOK_SECRET]}],
}
LINK = "https://storage.kie.ai/v/1.mp4"


@dataclass
class House:
    """The receiver, its ledger, and both kinds of people who call."""

    settings: Settings
    db: Database
    clock: FakeClock
    bell: SilentBell
    client: TestClient

    def deliver(
        self, source: str = "signed", body: bytes | None = None, *, task_id: str = "t1", token: str | None = None,
        link: str = LINK, headers: dict[str, str] | None = None, key: str | None = KEY,
    ) -> Response:  # fmt: skip
        """POST a callback; the sample's own body, signed now, where nothing else is given."""
        signed, own = kie.sample(task_id, link, key=key, now=self.clock.now)
        path = f"/webhooks/{source}" + (f"/{token}" if token is not None else "")
        sent = {**signed, **(headers or {})}
        return self.client.post(path, content=own if body is None else body, headers=sent)

    def ask(self, method: str, path: str, token: str | None = OPERATOR, **more: Any) -> Response:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return self.client.request(method, path, headers=headers, **more)

    def get(self, path: str, **params: Any) -> Any:
        response = self.ask("GET", path, params=params)
        assert 200 == response.status_code, response.text
        return response.json()

    def count(self, table: Any = deliveries) -> int:
        with self.db.read() as conn:
            return conn.execute(select(func.count()).select_from(table)).scalar_one()

    @property
    def rows(self) -> tuple[int, int, int]:
        """How many deliveries, tasks and assets the ledger holds."""
        return self.count(), self.count(tasks), self.count(assets)


@contextmanager
def open_house(db: Database, clock: FakeClock, *, bell: SilentBell | None = None, **settings: Any) -> Iterator[House]:
    """Start the receiver's application over *db*, and stop it as a process would."""
    wanted = {**SETTINGS, **settings}
    mints = bool(wanted["server"].get("signing_keys"))
    read = Settings.model_validate(wanted, context={"environ": {}, "mints": mints})
    claims.register_sources(db, read.caps)
    register_targets(db, read.notify)
    ring = bell or SilentBell()
    with TestClient(create_app(read, db, ring, clock=clock), follow_redirects=False) as client:
        yield House(read, db, clock, ring, client)


@contextmanager
def s3_credentials() -> Iterator[None]:
    """Presigning needs some; it asks nobody."""
    with environment(AWS_ACCESS_KEY_ID="AKTEST", AWS_SECRET_ACCESS_KEY="canary-s3-secret"):
        yield


def assert_problem(response: Response, status: int, reason: str) -> dict[str, Any]:
    """A problem document (RFC 9457) with the reason; return it."""
    assert (status, "application/problem+json") == (response.status_code, response.headers["content-type"])
    document: dict[str, Any] = response.json()
    assert ["detail", "reason", "status", "title", "type"] == sorted(document)
    assert (reason, status, "about:blank") == (document["reason"], document["status"], document["type"])
    assert document["detail"]
    assert document["title"]
    return document


def dumps(document: Any) -> bytes:
    return json.dumps(document).encode()


def archive_one(house: House) -> str:
    """Deliver a video and archive it as a worker would; return the asset's id."""
    house.deliver()
    claim = claims.take(house.db, "w1", {"signed": 8}, timedelta(seconds=12))
    assert claim is not None
    key = "assets/signed/t1/video.mp4"
    results.intend(house.db, claim, claims.Intent("videos", key, 5, "ab" * 32, "video/mp4", None))
    results.archived(house.db, claim, None, {})
    return claim.asset_id
