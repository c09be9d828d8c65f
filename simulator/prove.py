"""
Prove from outside that the films stand in the store: `python prove.py LOG`, with S3 in the environment.

Imports nothing of Reelkeep and nothing of the simulator. LOG is the simulator's journal, in which every film stands
with its digest since before the first callback. Each film must be exactly one object with exactly its bytes, with a
manifest that says the same; no other object may stand there, no decoy above all. Prints one JSON object; exit 0 only if
all holds.
"""

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config


def main() -> int:
    """Compare journal and bucket."""
    entries = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    films = {entry["sha256"]: entry for entry in entries if entry["event"] == "film"}
    decoys = {entry["sha256"] for entry in entries if entry["event"] == "decoy"}
    fetched_decoys = sum(entry["event"] == "get" and entry["decoy"] for entry in entries)
    config = Config(response_checksum_validation="when_required", s3={"addressing_style": "path"})
    s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT_URL"], region_name="us-east-1", config=config)
    bucket = os.environ["S3_BUCKET"]
    keys = list(_keys(s3, bucket))
    stored = {key: _digest(s3, bucket, key) for key in keys if not key.endswith(".manifest.json")}
    manifests = [_read_manifest(s3, bucket, key) for key in keys if key.endswith(".manifest.json")]
    described = {m["object"]["key"]: (m["object"]["sha256"], m["object"]["size"]) for m in manifests}
    problems = [f"film {name['name']} stands {n} times" for s, name in films.items() if (n := _count(stored, s)) != 1]
    problems += [f"{key} is no film that was made" for key, (digest, _) in stored.items() if digest not in films]
    problems += [f"{key} is a decoy" for key, (digest, _) in stored.items() if digest in decoys]
    problems += [f"{key} is not what its manifest says" for key, facts in stored.items() if described.get(key) != facts]
    problems += [f"a manifest describes {key}, which is not there" for key in described if key not in stored]
    problems += [f"{fetched_decoys} decoys were fetched"] if fetched_decoys else []
    size = sum(size for _, size in stored.values())
    print(json.dumps({"films": len(films), "objects": len(stored), "bytes": size, "problems": problems}))
    return 1 if problems or not films else 0


def _keys(s3: Any, bucket: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", ()):
            yield entry["Key"]


def _digest(s3: Any, bucket: str, key: str) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for piece in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def _read_manifest(s3: Any, bucket: str, key: str) -> Any:
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def _count(stored: dict[str, tuple[str, int]], digest: str) -> int:
    return Counter(found for found, _ in stored.values())[digest]


if __name__ == "__main__":
    sys.exit(main())
