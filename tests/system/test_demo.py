"""The demo, and that its proof from outside can fail."""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system.harness import BUCKET, S3_ENV, GatedS3

ROOT = Path(__file__).parents[2]


def test_demo__every_case_ends_as_it_must() -> None:
    """`make demo`'s program exits 0 with files of all kinds from five sources, and the proof from outside stands."""
    done = subprocess.run(
        (sys.executable, "-m", "simulator.demo"), cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr[-3000:]
    assert "63 objects read from S3" in done.stdout
    assert "all stand" in done.stdout
    assert re.search(r"your application heard: 63 asset\.archived, .*every signature holds", done.stdout)
    for shown in (
        "duplicate x4",
        "forged_fail: 401",
        "stolen_fail: accepted",
        "swapped_url: accepted",
        "progress: ignored",
        "fail: quarantined",
    ):
        assert shown in done.stdout
    rows = [line.split()[0] for line in done.stdout.splitlines() if "  callback  " in line or "  poll  " in line]
    assert {"kie", "seedanceapi", "seedance2ai", "kyyaipower", "acedata"} == set(rows)


def test_demo__told_to_stop_leaves_nothing_running() -> None:
    """SIGTERM ends the demo and every server it started."""
    command = (sys.executable, "-u", "-m", "simulator.demo")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        addresses = re.findall(r"http://127\.0\.0\.1:(\d+)", demo.stdout.readline())
        assert 3 == len(addresses)
        demo.terminate()
        assert 143 == demo.wait(40)
    for port in addresses:
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", int(port)), timeout=5):
            pass


def _prove(folder: Path, s3: GatedS3, entries: list[dict[str, Any]]) -> tuple[int, list[str]]:
    log = folder / "log.jsonl"
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    done = subprocess.run(
        (sys.executable, "-I", str(ROOT / "simulator" / "prove.py"), str(log)),
        env={**os.environ, **S3_ENV, "S3_ENDPOINT_URL": s3.url, "S3_BUCKET": BUCKET},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["problems"]


def _film(content: bytes, name: str = "film") -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"event": "film", "name": name, "sha256": digest, "size": len(content)}


def _put(s3: GatedS3, key: str, content: bytes, said: bytes | None = None) -> None:
    said = content if said is None else said
    facts = {"object": {"key": key, "sha256": hashlib.sha256(said).hexdigest(), "size": len(said)}}
    s3.client.put_object(Bucket=BUCKET, Key=key, Body=content)
    s3.client.put_object(Bucket=BUCKET, Key=key.replace(".mp4", ".manifest.json"), Body=json.dumps(facts).encode())


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda _: None, None),
        (lambda s3: s3.client.put_object(Bucket=BUCKET, Key="assets/a.mp4", Body=b"altered"), "no film that was made"),
        (lambda s3: s3.client.delete_object(Bucket=BUCKET, Key="assets/a.mp4"), "stands 0 times"),
        (lambda s3: _put(s3, "assets/again.mp4", b"a film"), "stands 2 times"),
        (lambda s3: _put(s3, "assets/d.mp4", b"a decoy"), "is a decoy"),
        (lambda s3: _put(s3, "assets/a.mp4", b"a film", said=b"another"), "not what its manifest says"),
        (lambda s3: s3.client.delete_object(Bucket=BUCKET, Key="assets/a.manifest.json"), "not what its manifest says"),
    ],
    ids=["nothing", "altered", "missing", "twice", "decoy", "wrong manifest", "no manifest"],
)
def test_proof__fails_when_it_should(tmp_path: Path, s3: GatedS3, spoil: Any, complaint: str | None) -> None:
    """The proof stands on a whole bucket and names the fault on a spoilt one."""
    _put(s3, "assets/a.mp4", b"a film")
    spoil(s3)
    decoy = {**_film(b"a decoy", "decoy"), "event": "decoy"}
    code, problems = _prove(tmp_path, s3, [_film(b"a film"), decoy])
    assert (1 if complaint else 0) == code
    assert complaint is None or any(complaint in problem for problem in problems)


def test_proof__fails_on_a_fetched_decoy(tmp_path: Path, s3: GatedS3) -> None:
    """A decoy that was only fetched, though never stored, is a failure too."""
    _put(s3, "assets/a.mp4", b"a film")
    assert (1, ["1 decoys were fetched"]) == _prove(tmp_path, s3, [_film(b"a film"), {"event": "get", "decoy": True}])
