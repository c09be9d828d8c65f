"""A list of last week's tasks, by the command line: what the provider still has is archived, what is gone is named."""

import csv
import hashlib
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.customers import PRODUCTS
from tests.system.harness import BUCKET, wait_for
from tests.system.later import ended
from tests.system.stage import QUICK, Stage, staged

pytestmark = pytest.mark.system
PICTURE = {"media": "png", "size": 50_000}
LAST_WEEK: dict[str, tuple[int, int, int, dict[str, Any]]] = {  # by product: made, failed, unknown, and how it is made
    "market": (65, 205, 30, PICTURE),
    "seed": (10, 40, 0, {}),
    "gpt-image-2": (35, 215, 20, PICTURE),
    "v2": (10, 120, 20, {}),
    "kyy": (10, 110, 20, {}),
    "ace": (10, 60, 20, {}),
}


def order(stage: Stage) -> list[dict[str, str]]:
    """Have the tasks made that the providers know; return a row for each task, those of nobody between them."""
    rows = []
    for name, (made, failed, unknown, plan) in LAST_WEEK.items():
        product = PRODUCTS[name]
        silent: dict[str, Any] = {"callbacks": []} if product.callback_field else {}
        extra = {"async": True} if name == "ace" else None
        for fate, number in (("archived", made), ("failed", failed)):
            outcome = {"outcome": "fail"} if fate == "failed" else {}
            for _ in range(number):
                _, task_id = stage.provider.order(name, body=extra, **QUICK | silent | plan | outcome)
                rows.append({"source": product.source, "task_id": task_id, "fate": fate})
        rows += [{"source": product.source, "task_id": f"{name}-nobody-{n}", "fate": "gone"} for n in range(unknown)]
    random.Random(4).shuffle(rows)
    for number, row in enumerate(rows):
        row["external_id"] = f"order-{number}"
        row["meta.number"] = str(number) if number % 10 == 0 else ""
    return rows


def all_assets(stage: Stage, **query: Any) -> list[dict[str, Any]]:
    """Of each page of the list."""
    found, asked = [], {"limit": 200, **query}
    while True:
        answer = stage.service.api.get("/api/assets", params=asked).raise_for_status().json()
        found += answer["items"]
        if answer["next_cursor"] is None:
            return found
        asked["cursor"] = answer["next_cursor"]


def body(stage: Stage, bucket: str, key: str) -> bytes:
    content: bytes = stage.s3.client.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def digest(stage: Stage, bucket: str, key: str) -> str:
    return hashlib.sha256(body(stage, bucket, key)).hexdigest()


def told(stage: Stage, number: int) -> list[str]:
    """The keys of the metadata, once there are so many."""
    keys = [key for key, _ in stage.s3.versions(f"{BUCKET}-companion") if key.startswith("metadata/")]
    return keys if len(keys) >= number else []


@pytest.mark.timeout(240)
def test_import__a_thousand_ids_of_last_week(tmp_path: Path) -> None:
    """
    Of 1,000 ids in one file what five providers still have is archived once, byte for byte, and the rest is named.

    The report has a row for each, the metadata stands in the companion bucket, and the same list again is no news.
    """
    with staged(tmp_path, targets="") as stage:
        rows = order(stage)
        expected = {row["external_id"]: row for row in rows}
        fates = Counter(row["fate"] for row in rows)
        assert 1000 == len(expected)
        with (tmp_path / "ids.csv").open("w", newline="") as file:
            columns = ("task_id", "source", "external_id", "meta.number")
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        words = ("tasks", "import", "ids.csv", "--wait", "180", "--report", "report.csv")
        running = stage.started(*words, folder=tmp_path)
        out, err = ended(running, stage.ledger, 190)
        assert (1, "1,000 new, 0 known: 1,000 open") == (running.returncode, out.split("\n")[0]), err
        with (tmp_path / "report.csv").open(newline="") as file:
            report: dict[str, dict[str, Any]] = {row["external_id"]: row for row in csv.DictReader(file)}
        assert fates == Counter(row["fate"] for row in report.values()), err
        assert {key: row["fate"] for key, row in expected.items()} == {key: row["fate"] for key, row in report.items()}
        assert {"task_not_found"} == {row["reason"] for row in report.values() if row["fate"] == "gone"}
        assert all(row["reason"] for row in report.values() if row["fate"] == "failed")
        named = {word for line in out.splitlines() for word in line.split()}
        assert {key for key, row in expected.items() if row["fate"] != "archived"} == named & expected.keys()
        # Who is gone was denied twice: at the least, since a request that got no answer is sent again.
        polls = Counter(poll["task_id"] for poll in stage.provider.log("poll"))
        unknown = [row["task_id"] for row in rows if row["fate"] == "gone"]
        assert 2 <= min(polls[key] for key in unknown if key.startswith(("v2", "gpt")))  # asked at one address only
        # What was archived is what was made, once, and nothing else stands there.
        films = {film["task_id"]: film["sha256"] for film in stage.provider.log("film")}
        assert set(films) == {row["task_id"] for row in rows if row["fate"] == "archived"}
        archived = all_assets(stage, state="archived")
        assert len(films) == len(archived)
        assert films == {asset["task_id"]: digest(stage, BUCKET, asset["key"]) for asset in archived}
        stored = [key for key, _ in stage.s3.versions() if not key.endswith(".manifest.json")]
        assert sorted(asset["key"] for asset in archived) == stored
        assert [] == stage.service.api.get("/api/status").json()["alerts"]
        # What was said of some stands in the companion bucket.
        numbers = {row["meta.number"]: row for row in rows if row["meta.number"]}
        keys = wait_for("the metadata stands", lambda: told(stage, len(numbers)), 60)
        said = [json.loads(body(stage, f"{BUCKET}-companion", key)) for key in keys]
        assert {number: (row["source"], row["task_id"], row["external_id"]) for number, row in numbers.items()} == {
            one["metadata"]["number"]: (one["source"], one["task_id"], one["external_id"]) for one in said
        }
        # The same again opens what was gone, and nothing else.
        again = stage.reelkeep("tasks", "import", "ids.csv", folder=tmp_path)
        assert again.stdout.startswith("0 new, 1,000 known"), again.stderr
        assert f"{fates['gone']} open" in again.stdout
