"""Five providers that call nobody back: real processes find everything by asking."""

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.system.harness import API_KEY, BUCKET, GatedS3, Provider, Redis, Service, stopping, wait_for

pytestmark = pytest.mark.system
NAMES = ("kie", "seedanceapi", "seedance2ai", "kyyaipower", "acedata")
ORDERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("seed", {}),
    ("market", {"outputs": 2}),
    ("market", {"media": "png"}),
    ("market", {"media": "mp3"}),
    ("runway", {}),
    ("veo", {"originals": True}),
    ("v2", {"outputs": 2, "unseen_for": 2}),
    ("seedance2", {"last_frame": True}),
    ("gpt-image-2", {"outputs": 2}),
    ("nano-banana-pro", {"media": "jpeg", "first_link_dead": True}),
    ("kyy", {}),
    ("ace", {"last_frame": True}),
    ("ace", {}),
)


def five(provider: Provider) -> str:
    """A source for each provider, by its own name."""
    return "\n".join(
        f'[sources.{name}]\nprovider = "{name}"\napi_key = "{API_KEY}"\napi_base = "{provider.api}"\n'
        f'allowed_hosts = ["{provider.files_host}"]\ninsecure_http = true'
        for name in NAMES
    )


def test_polling__every_file_of_every_provider_without_a_callback(
    tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider
) -> None:
    """
    Registered tasks of all five end with each of their files archived once, as it was made, before its deadline.

    No account is asked more often than it allows, and the one whose first link is born dead is had by its second.
    """
    service = Service(tmp_path, s3=s3.url, redis=redis.url, sources=five(provider))
    with stopping(service):
        for process in ("web", "worker", "clock"):
            service.start(process)
        soon = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
        for name, plan in ORDERS:
            extra = {"async": True} if name == "ace" else None
            source, task_id = provider.order(name, body=extra, size=60_000, ready_after=0.2, **plan)
            task = {"source": source, "task_id": task_id, "expected_by": soon}
            service.api.post("/api/tasks", json=task).raise_for_status()

        def is_all_told() -> bool:
            return not service.api.get("/api/tasks", params={"state": "open"}).json()["items"]

        wait_for("every task has ended", is_all_told, 90)
        made = provider.log("film")
        archived = service.archived(len(made), 60)
        assert [] == service.assets(state="waiting") + service.assets(state="quarantined") + service.assets(
            state="lost"
        )
        assert Counter(film["source"] for film in made) == Counter(asset["source"] for asset in archived)
        assert set(NAMES) == {asset["source"] for asset in archived}
        bodies = [s3.client.get_object(Bucket=BUCKET, Key=asset["key"])["Body"].read() for asset in archived]
        stored = [hashlib.sha256(body).hexdigest() for body in bodies]
        assert sorted(film["sha256"] for film in made) == sorted(stored)
        assert stored == [asset["sha256"] for asset in archived]
        assert all(asset["archived_at"] < asset["must_by"] for asset in archived)
        assert {"video", "image", "audio", "cover", "original", "last_frame"} == {asset["role"] for asset in archived}
        assert [] == [request for request in provider.log("request") if request["status"] == 429]
        assert [] == provider.log("callback_started")
        assert [] == service.api.get("/api/status").json()["alerts"]
