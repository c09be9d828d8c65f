"""A list of last week's tasks, by the command line: what the provider still has is archived, what is gone is named."""

import csv
import hashlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system.harness import API_KEY, BUCKET, GatedS3, Provider, Redis, Service, stopping, wait_for

pytestmark = pytest.mark.system
PRODUCTS = (*["market"] * 8, *["seed"] * 6, *["v2"] * 10, *["kyy"] * 10, *["ace"] * 10)
FAILING = 7  # each so many-th order fails
UNKNOWN = {"kie": 6, "seedanceapi": 4, "kyyaipower": 4, "acedata": 4}


def four(provider: Provider) -> str:
    """A source for each provider; the simulator keeps no limit of requests for these."""
    return "\n".join(
        f'[sources.{name}]\nprovider = "{name}"\napi_key = "{API_KEY}"\napi_base = "{provider.api}"\n'
        f'allowed_hosts = ["{provider.files_host}"]\ninsecure_http = true\n'
        "rate_limit = { requests = 4000, seconds = 10 }"
        for name in UNKNOWN
    )


def write(path: Path, provider: Provider) -> dict[str, dict[str, str]]:
    """Order the films and write the list of their ids, with ids of nobody between them; return its rows by task id."""
    rows = []
    for number, name in enumerate(PRODUCTS):
        extra = {"async": True} if name == "ace" else None
        outcome = "fail" if number % FAILING == 0 else "success"
        source, task_id = provider.order(name, body=extra, size=60_000, ready_after=0.1, outcome=outcome)
        fate = "failed" if outcome == "fail" else "archived"
        rows.append({"source": source, "task_id": task_id, "external_id": f"order-{number}", "fate": fate})
    for source, number in UNKNOWN.items():
        for n in range(number):
            task_id = f"00000000-0000-4000-8000-00000000000{n}"
            rows.insert(7 * n, {"source": source, "task_id": task_id, "external_id": f"{source}-{n}", "fate": "gone"})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ("task_id", "source", "external_id", "meta.number"), extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "meta.number": number} for number, row in enumerate(rows))
    return {row["external_id"]: row for row in rows}


def age(ledger: Path) -> None:
    """Let the minute pass that lies between two looks at what is unknown."""
    with sqlite3.connect(ledger, timeout=20) as connection:
        connection.execute(
            "UPDATE tasks SET look_at = look_at - 60000000 WHERE state = 'open' AND reason = 'task_not_found'"
            " AND look_at > 1000000 * (CAST(strftime('%s', 'now') AS INTEGER) + 20)"
        )
    connection.close()


def reelkeep(service: Service, *words: str) -> subprocess.Popen[str]:
    command = (sys.executable, "-m", "archive.cli", *words)
    return subprocess.Popen(command, env=service.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_import__a_first_list_of_old_tasks(tmp_path: Path, s3: GatedS3, redis: Redis, provider: Provider) -> None:
    """
    Of some sixty old tasks every film that is left is archived as it was made, and what is gone or failed is named.

    The report has a row for each, the metadata stands in the companion bucket, and the same list again is no news.
    """
    listed, report = tmp_path / "ids.csv", tmp_path / "report.csv"
    expected = write(listed, provider)
    service = Service(tmp_path, s3=s3.url, redis=redis.url, sources=four(provider))
    with stopping(service):
        for process in ("web", "worker", "clock"):
            service.start(process)
        running = reelkeep(service, "tasks", "import", str(listed), "--wait", "150", "--report", str(report))

        def has_ended() -> bool:
            age(tmp_path / "ledger.db")
            return running.poll() is not None

        wait_for("the import has ended", has_ended, 160)
        out, err = running.communicate()
        assert (1, f"{len(expected)} new, 0 known: {len(expected)} open") == (running.returncode, out.split("\n")[0]), (
            err
        )
        with report.open(newline="") as file:
            found: dict[str, dict[str, Any]] = {row["external_id"]: row for row in csv.DictReader(file)}
        assert {key: row["fate"] for key, row in expected.items()} == {key: row["fate"] for key, row in found.items()}
        for key, row in expected.items():
            assert (row["fate"] != "archived") is (f" {key} " in out), key
        assert {"task_not_found"} == {row["reason"] for row in found.values() if row["fate"] == "gone"}
        assert all(row["reason"] for row in found.values() if row["fate"] == "failed")
        # What was archived is what was made.
        archived = service.archived(sum(row["fate"] == "archived" for row in expected.values()), 5)
        bodies = [s3.client.get_object(Bucket=BUCKET, Key=asset["key"])["Body"].read() for asset in archived]
        stored = sorted(hashlib.sha256(body).hexdigest() for body in bodies)
        assert sorted(film["sha256"] for film in provider.log("film")) == stored
        assert [] == service.api.get("/api/status").json()["alerts"]
        # What was said of each stands in the companion bucket.
        companion = f"{BUCKET}-companion"

        def written() -> list[str]:
            keys = [key for key, _ in s3.versions(companion) if key.startswith("metadata/")]
            return keys if len(keys) >= len(expected) else []

        keys = wait_for("the metadata stands", written, 60)
        said = [json.loads(s3.client.get_object(Bucket=companion, Key=key)["Body"].read()) for key in keys]
        assert {(row["source"], row["task_id"], row["external_id"]) for row in expected.values()} == {
            (one["source"], one["task_id"], one["external_id"]) for one in said
        }
        assert {str(n) for n in range(len(expected))} == {one["metadata"]["number"] for one in said}
        # The same again opens what was gone, and nothing else.
        again = reelkeep(service, "tasks", "import", str(listed))
        out, err = again.communicate(timeout=60)
        gone = sum(row["fate"] == "gone" for row in expected.values())
        assert out.startswith(f"0 new, {len(expected)} known"), err
        assert f"{gone} open" in out
