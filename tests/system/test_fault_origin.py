"""A real worker against file hosts that each do one thing wrong (F40 to F53): every file is had, or named why not."""

import gzip
import hashlib
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simulator.films import make_film
from tests.faults import STAMP, File, chunk, drips, message, refuses, says
from tests.origin import Origin, Scene, Wire, answer, endless, origin, redirect, whole
from tests.system.harness import API_KEY, BUCKET, GatedS3, Redis, Service, stopping, wait_for

pytestmark = pytest.mark.system
MB = 1_000_000
CUT = 200_000
Scenes = Callable[[File, File], list[Scene]]


@dataclass(frozen=True)
class Case:
    """What a file host does with the *first* version of a film and with the *second*, request by request."""

    scenes: Scenes
    ends: str = "first"  # whose bytes are archived; else the reason of an asset that is not
    state: str = "archived"


def wrong_part(file: File) -> Scene:
    return says(
        "wrong 206",
        message("206 Partial Content", f"Content-Range: bytes 0-{len(file.body) - 1}/{len(file.body)}", STAMP),
        file.body,
    )


CASES = {
    "cut": Case(lambda one, _: [one.cut(CUT), one.serve()]),
    "reset": Case(lambda one, _: [one.cut(CUT, reset=True), one.serve()]),
    "chunk-cut": Case(
        lambda one, _: [
            says("chunk cut", message("200 OK", "Transfer-Encoding: chunked", STAMP), chunk(one.body[:CUT])),
            one.serve(),
        ]
    ),
    "cut-without-validator": Case(lambda one, _: [File(one.body, ()).cut(CUT), one.serve()]),
    "cut-without-length": Case(
        lambda one, _: [says("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\n", one.body[:CUT]), one.serve()]
    ),
    "changed": Case(lambda one, two: [one.cut(CUT), two.serve()], "second"),
    "range-ignored": Case(lambda one, two: [one.cut(CUT), two.ignores_ranges()], "second"),
    "wrong-206": Case(lambda one, two: [one.cut(CUT), wrong_part(one), two.serve()], "second"),
    "416": Case(lambda one, two: [one.cut(CUT), refuses("416 No"), two.serve()], "second"),
    "busy": Case(lambda one, _: [refuses("503 Busy", "Retry-After: 1"), one.serve()]),
    "busy-midway": Case(lambda one, _: [one.cut(CUT), refuses("429 Slow", "Retry-After: 1"), one.serve()]),
    "broken": Case(lambda one, _: [refuses("500 Broken")] * 3 + [one.serve()]),
    "dead": Case(lambda one, _: [refuses("403 Expired"), one.serve()]),
    "dead-midway": Case(lambda one, _: [one.cut(CUT), refuses("410 Gone"), one.serve()]),
    "drip": Case(lambda one, _: [drips("drip", one.whole()[:CUT], b"x", 0.1), one.serve()]),
    "gzip": Case(lambda one, _: [whole(gzip.compress(one.body), "Content-Encoding: gzip")]),
    "brotli": Case(lambda one, _: [whole(one.body, "Content-Encoding: br")], "encoded_body", "quarantined"),
    "endless": Case(lambda one, _: [endless(message("200 OK"), one.body)], "too_large", "quarantined"),
    "page": Case(lambda _, __: [whole(b"<!doctype html><title>gone</title>")], "html_page", "quarantined"),
    "loop": Case(lambda _, __: [redirect("/video.mp4")], "too_many_redirects", "quarantined"),
    "inwards": Case(lambda _, __: [redirect("http://127.0.0.1/")], "address_not_public", "quarantined"),
}


def provider(links: dict[str, str]) -> dict[str, Scene]:
    """The status route and the call for fresh links of KIE, as documented, for tasks with these *links*."""

    def status(wire: Wire) -> None:
        task = wire.head.split(" ")[1].rpartition("taskId=")[2]
        done = {"taskId": task, "status": 1, "videoUrl": links[task], "completedAt": datetime.now(UTC).isoformat()}
        answer({"code": 0, "message": "success", "data": done})(wire)

    def fresh(wire: Wire) -> None:
        answer({"code": 200, "msg": "success", "data": f"{json.loads(wire.body)['url']}?signed=anew"})(wire)

    return {"/api/v1/seedance/record-info": status, "/api/v1/common/download-url": fresh}


def film(folder: Path, seed: int) -> File:
    made = folder / f"{seed}.mp4"
    make_film(made, layout="moov_last", size=400_000, seconds=1.0, seed=seed)
    return File(made.read_bytes(), (f'ETag: "{seed}"',))


def test_faults__each_file_is_had_or_named(tmp_path: Path, s3: GatedS3, redis: Redis) -> None:
    """F40 to F53: each asset ends archived with the bytes of one whole version, or in its state with its cause."""
    one, two = film(tmp_path, 1), film(tmp_path, 2)
    with ExitStack() as stack:
        hosts: dict[str, Origin] = {name: stack.enter_context(origin()) for name in CASES}
        api = stack.enter_context(origin())
        links = {name: hosts[name].url("/video.mp4", *case.scenes(one, two)) for name, case in CASES.items()}
        for path, scene in provider(links).items():
            api.url(path, scene)
        listed = json.dumps([host.authority for host in hosts.values()])
        source = (
            f'[sources.kie]\nprovider = "kie"\napi_key = "{API_KEY}"\napi_base = "http://{api.authority}"\n'
            f"allowed_hosts = {listed}\ninsecure_http = true\nmax_concurrency = 64\n"
            "rate_limit = { requests = 10000, seconds = 1 }"
        )
        limits = f"[workers]\nsweep = 1\nslots = 32\nlookers = 16\nmax_size = {4 * MB}\nmax_transfer = 6"
        service = Service(tmp_path, s3=s3.url, redis=redis.url, sources=source, settings=limits)
        stack.enter_context(stopping(service))
        for process in ("web", "worker", "clock"):
            service.start(process)
        now = datetime.now(UTC).isoformat()
        for name in CASES:
            service.api.post("/api/tasks", json={"source": "kie", "task_id": name, "expected_by": now})

        def all_ended() -> dict[str, Any]:
            found = {asset["task_id"]: asset for asset in service.assets()}
            ended = len(found) == len(CASES) and all(asset["state"] != "waiting" for asset in found.values())
            return found if ended else {}

        found = wait_for("every asset has its end", all_ended, 60)
        bytes_of = {"first": one.body, "second": two.body}
        for name, case in CASES.items():
            asset = found[name]
            assert case.state == asset["state"], name
            assert [] == hosts[name].unfired, name
            if case.state == "archived":
                kept = s3.client.get_object(Bucket=BUCKET, Key=asset["key"])["Body"].read()
                assert bytes_of[case.ends] == kept, name
                assert hashlib.sha256(kept).hexdigest() == asset["sha256"], name
            else:
                assert case.ends == asset["reason"], name
        kept_by_case = sum(case.state == "archived" for case in CASES.values())
        assert kept_by_case == len(s3.videos()) == len(set(s3.videos()))
        assert {"GET"} == {head.split(" ")[0] for host in hosts.values() for head in host.heads}
        assert 2 == len(hosts["cut"].heads)
        assert ["hung up on"] * len(hosts["endless"].heads) == hosts["endless"].fired
        log = service.log_text()
        assert not any(host.authority + "/video.mp4" in log for host in hosts.values())
