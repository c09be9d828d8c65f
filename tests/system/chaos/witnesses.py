"""Gather what the oracle is told, each thing from where it was seen."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import httpx

from tests.listener import Heard
from tests.system.chaos.ledger import View
from tests.system.chaos.oracle import Entry, Fate, Promise, TaskKey, Told, Version, World
from tests.system.chaos.plan import Kill
from tests.system.chaos.stack import TAKEOVER, Stack
from tests.system.harness import BUCKET, TOKEN, Provider


def world(stack: Stack, view: View, acked: Iterable[TaskKey], kills: Sequence[Kill]) -> World:
    """Everything, after the last kill and while the service still runs."""
    made: dict[TaskKey, list[str]] = defaultdict(list)
    for film in stack.provider.log("film"):
        made[TaskKey(film["source"], film["task_id"])].append(film["sha256"])
    with httpx.Client(
        base_url=stack.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30, trust_env=False
    ) as api:
        assets = {row["id"]: TaskKey(row["source"], row["task_id"]) for row in _pages(api, "/api/assets")}
        tasks = {row["id"]: TaskKey(row["source"], row["task_id"]) for row in _pages(api, "/api/tasks")}
    return World(
        promises=list(_promises(stack.provider, {*acked, *_called(stack.provider)}, made)),
        made={key: frozenset(digests) for key, digests in made.items()},
        versions=list(_versions(stack)),
        audit=[Entry(**{name: row[name] for name in Entry.__dataclass_fields__}) for row in view.audit()],
        assets=assets,
        tasks=tasks,
        told=list(_told(stack.listener.heard)),
        leftovers=[path.name for path in (stack.folder / "spool").rglob("*") if path.is_file()],
        takeovers=list(takeovers(kills, view.attempts())),
        takeover_limit=TAKEOVER,
        conditional_puts=stack.versioned,
    )


def outcomes(kills: Sequence[Kill], seen: World, audit: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """What became of that which was in hand at each kill, by the kill's position."""
    last = {row["subject_id"]: row["now"] for row in audit if row["subject"] in {"asset", "task"}}
    by_delivery = {row["actor"].removeprefix("delivery:"): row["subject_id"] for row in audit}
    return {number: _outcome(kill, last, by_delivery) for number, kill in enumerate(kills)}


def takeovers(kills: Sequence[Kill], attempts: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    """Seconds from a worker's SIGKILL to the next claim of what it had in hand; what has none had ended."""
    started: dict[str, list[float]] = defaultdict(list)
    for attempt in attempts:
        started[attempt["asset"]].append(float(attempt["started"]))
    for kill in kills:
        if kill.leaves_at_once:
            for asset in kill.about:
                if later := [at for at in started[asset] if at > kill.at]:
                    yield min(later) - kill.at


def _outcome(kill: Kill, last: Mapping[str, str], by_delivery: Mapping[str, str]) -> str:
    ends = [last[key] for each in kill.about if (key := by_delivery.get(each, each)) in last]
    if not ends:
        # A delivery that was not committed was not acknowledged either; it comes again or the task is asked about.
        return "not acknowledged" if kill.where.startswith("receiver") and kill.about else "went on"
    words = {"succeeded": "archived", "failed": "ended", "quarantined": "ended", "lost": "ended", "gone": "ended"}
    found = {words.get(end, end) for end in ends}
    return found.pop() if len(found) == 1 else " and ".join(sorted(found))


def _called(provider: Provider) -> Iterator[TaskKey]:
    """Tasks whose callback we answered with 200, and took."""
    for call in provider.log("callback", status=200):
        if call["outcome"] in {"accepted", "duplicate"}:
            yield TaskKey(call["source"], call["claimed_task_id"])


def _promises(provider: Provider, acked: Iterable[TaskKey], made: Mapping[TaskKey, Sequence[str]]) -> Iterator[Promise]:
    plans = {TaskKey(task["source"], task["task_id"]): task["plan"] for task in provider.tasks()}
    for key in sorted(acked):
        fate: Fate = "archived"
        if plans[key]["outcome"] != "success":
            fate = "failed"
        elif plans[key]["corrupt"] != "none":
            fate = "ended"
        yield Promise(key, fate, tuple(made[key]))


def _pages(api: httpx.Client, path: str) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        asked = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = api.get(path, params=asked).raise_for_status().json()
        yield from page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            return


def _versions(stack: Stack) -> Iterator[Version]:
    name = "list_object_versions" if stack.versioned else "list_objects_v2"
    for page in stack.s3.get_paginator(name).paginate(Bucket=BUCKET):
        for found in page.get("Versions" if stack.versioned else "Contents", ()):
            version = found.get("VersionId")
            which = {"VersionId": version} if version else {}
            body = stack.s3.get_object(Bucket=BUCKET, Key=found["Key"], **which)["Body"].read()
            kept = body if found["Key"].endswith(".json") else b""
            yield Version(found["Key"], version, hashlib.sha256(body).hexdigest(), kept)


def _told(heard: Iterable[Heard]) -> Iterator[Told]:
    for each in heard:
        said = json.loads(each.body)
        yield Told(each.headers["webhook-id"], said["type"], str(said["data"].get("id")))
