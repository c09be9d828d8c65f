"""
Ten times as many files as can be fetched, for a while: what is acked is kept, the most urgent goes first, and it ends.

`python -m tests.system.overload --seconds 60` plays it for a whole minute and prints what was seen; the test does for a
second or two. Capacity is small on purpose (four transfers at a time, each throttled by its host), so that the load
is ten times that and not ten times this machine.
"""

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from tests.system.harness import API_KEY, HMAC_KEY, TOKEN, GatedS3, Provider, Redis, Service, stopping, wait_for

AT_ONCE = 4  # transfers
SIZE, RATE = 50_000, 250_000  # bytes, and bytes a second
FILES = 4  # of one task
MEASURED = 4  # tasks, to learn the capacity by
FACTOR = 10
LIFE = 2.0  # seconds that links live which can be had anew
SURFACES = ("/healthz", "/readyz", "/metrics", "/api/status", "/api/assets", "/")
_WORKERS = f"[workers]\nslots = {AT_ONCE}\nsweep = 1"


@dataclass
class Seen:
    """What was seen from outside."""

    capacity: float = 0.0  # files a second
    load: float = 0.0  # files a second that became due
    files: int = 0
    acked: int = 0
    lost: list[str] = field(default_factory=list)  # files of acked callbacks that are not archived
    overtaken: list[tuple[str, str]] = field(default_factory=list)  # started although the other was more urgent
    jumped: int = 0  # files that started before others which had come first, being more urgent
    renewed: int = 0  # files whose link had died, that came by another
    silent: list[str] = field(default_factory=list)  # surfaces that did not answer with 200
    slowest: float = 0.0  # seconds, of their answers
    memory: int = 0  # KiB that the receiver grew by
    drained: float = 0.0  # seconds after the load


@contextmanager
def house(folder: Path) -> Iterator[tuple[Service, Provider]]:
    """The service with two accounts at one provider: `kie` can have links anew, `hurry` has what it was given."""
    with ExitStack() as stack:
        s3, redis = GatedS3(), Redis()
        stack.enter_context(stopping(redis, s3))
        (folder / "provider").mkdir()
        provider = Provider(folder / "provider")
        stack.enter_context(stopping(provider))
        common = (
            f'provider = "kie"\nwebhook_keys = ["{HMAC_KEY}"]\nallowed_hosts = ["{provider.files_host}"]\n'
            f"insecure_http = true\nmax_concurrency = {AT_ONCE}"
        )
        asked = f'api_key = "{API_KEY}"\napi_base = "{provider.api}"\nrate_limit = {{ requests = 4000, seconds = 1 }}'
        sources = f"[sources.hurry]\n{common}\n[sources.kie]\n{common}\n{asked}"
        service = Service(folder, s3=s3.url, redis=redis.url, settings=_WORKERS, sources=sources)
        stack.enter_context(stopping(service))
        for process in ("web", "worker", "clock"):
            service.start(process)
        yield service, provider


def play(folder: Path, *, files: int = 0, seconds: float = 0.0) -> Seen:
    """Measure what can be done, ask for ten times that until *files* were asked for, or for *seconds*, and look on."""
    seen = Seen()
    with house(folder) as (service, provider):
        _order(service, provider, "hurry", MEASURED, after=0.5)
        _drained(service, MEASURED * FILES, 60)
        seen.capacity = _rate(provider.log("get"))
        tasks = max(2, round((files or FACTOR * seen.capacity * seconds) / FILES))
        span = tasks * FILES / (FACTOR * seen.capacity)
        ready = time.monotonic() + 1.0 + 0.05 * tasks * FILES  # when all files are made
        before = service.memory("web")
        with _watched(service, seen):
            for number in range(tasks):
                source = "kie" if number % 2 else "hurry"
                # What is less urgent comes first, so that to go by arrival is to go wrong.
                at = ready + span * (number / 2 if number % 2 else (tasks + number) / 2) / tasks
                _order(service, provider, source, 1, after=max(0.1, at - time.monotonic()))
            wait_for("all have called", lambda: len(provider.log("callback")) >= tasks + MEASURED, 60 + span)
            called = sorted(_instant(entry["at"]) for entry in provider.log("callback_started"))[MEASURED:]
            seen.load = tasks * FILES / max(called[-1] - called[0], 0.001)
            ended = time.monotonic()
            _drained(service, (tasks + MEASURED) * FILES, 30 + 20 * tasks * FILES / seen.capacity)
            seen.drained = time.monotonic() - ended
        seen.memory = max(seen.memory - before, 0)
        _judge(service, provider, seen)
    return seen


def _order(service: Service, provider: Provider, source: str, tasks: int, *, after: float) -> None:
    plan: dict[str, Any] = {"media": "png", "outputs": FILES, "size": SIZE, "rate": RATE, "ready_after": after}
    if source == "kie":
        plan["link_life"] = LIFE
    for _ in range(tasks):
        provider.order("market", body={"callBackUrl": f"{service.url}/webhooks/{source}"}, **plan)


def _drained(service: Service, files: int, seconds: float) -> None:
    def is_drained() -> bool:
        counted: dict[str, dict[str, int]] = service.api.get("/api/status").raise_for_status().json()["assets"]
        return sum(states.get("archived", 0) for states in counted.values()) >= files

    wait_for(f"{files} files are archived", is_drained, seconds)


def _rate(gets: Sequence[Mapping[str, Any]]) -> float:
    """Files a second, from the first to the last."""
    ended = sorted(_instant(entry["at"]) for entry in gets)
    return (len(ended) - 1) / (ended[-1] - ended[0])


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@contextmanager
def _watched(service: Service, seen: Seen) -> Iterator[None]:
    """Ask for everything that people and monitors look at, again and again, and sample the receiver's memory."""
    over = threading.Event()

    def watch() -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=service.url, headers=headers, timeout=10, trust_env=False) as client:
            while not over.wait(0.2):
                for path in SURFACES:
                    started = time.monotonic()
                    try:
                        status = str(client.get(path).status_code)
                    except httpx.HTTPError as exc:
                        status = type(exc).__name__
                    seen.slowest = max(seen.slowest, time.monotonic() - started)
                    seen.silent += [] if status == "200" else [f"{path}: {status}"]
                seen.memory = max(seen.memory, service.memory("web"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _judge(service: Service, provider: Provider, seen: Seen) -> None:
    assets = {f"{one['task_id']}_{one['ordinal']}.png": one for one in _all_assets(service)}
    acked = {entry["task_id"] for entry in provider.log("callback", status=200)}
    wanted = [entry["name"] for entry in provider.log("film") if entry["task_id"] in acked]
    seen.files, seen.acked = len(wanted), len(acked)
    seen.lost = [name for name in wanted if name not in assets or assets[name]["state"] != "archived"]
    starts: dict[str, float] = {}
    for entry in provider.log("get_started"):
        starts.setdefault(entry["name"], _instant(entry["at"]))
    answers = Counter((entry["name"], entry["status"]) for entry in provider.log("get"))
    seen.renewed = sum(answers[name, 403] > 0 and answers[name, 200] > 0 for name in starts)
    facts = [
        (name, at, _instant(assets[name]["must_by"]), _instant(assets[name]["created_at"]))
        for name, at in starts.items()
        if name in assets
    ]
    jumped = set()
    for name, at, must_by, came in facts:
        for other, other_at, other_must_by, other_came in facts:
            # A claim comes a little before its request, and under load not so little.
            if other_came < at - 1 and at + 1 < other_at and other_must_by < must_by - 1:
                seen.overtaken.append((name, other))
            if other_came < came and at < other_at and must_by < other_must_by - 1:
                jumped.add(name)
    seen.jumped = len(jumped)


def _all_assets(service: Service) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        query = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = service.api.get("/api/assets", params=query).raise_for_status().json()
        yield from page["items"]
        if not (cursor := page["next_cursor"]):
            return


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.system.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of ten times the capacity")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        sys.stdout.write(json.dumps(asdict(play(Path(folder), seconds=options.seconds)), indent=2) + "\n")


if __name__ == "__main__":
    main()
