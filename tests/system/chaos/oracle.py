"""
What must be true after any number of kills. Pure: what was seen from outside goes in, what is broken comes out.

It is told client acks, the simulator's log, every object version in the store, audit entries, what the target of the
notifications heard, and when killed work was taken up again. It never asks the service whether all is well.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

Fate = Literal["archived", "failed", "ended"]  # ended: the file is none, and a cause must be named
_MANIFEST = ".manifest.json"
_ENDS = ("archived", "quarantined", "lost")


class TaskKey(NamedTuple):
    source: str
    task_id: str


@dataclass(frozen=True)
class Promise:
    """A task that somebody was told we have: by a 200 to its callback, its registration or its order."""

    task: TaskKey
    fate: Fate
    films: tuple[str, ...] = ()  # SHA-256 of each of its files, as they were made


@dataclass(frozen=True)
class Version:
    """One object version in the bucket of originals; `body` only of a manifest."""

    key: str
    version_id: str | None
    sha256: str
    body: bytes = b""

    @property
    def asset(self) -> str:
        """The asset's id stands in the key."""
        return self.key.rsplit("/", 1)[-1].partition(".")[0].rpartition("-")[2]

    @property
    def is_manifest(self) -> bool:
        return self.key.endswith(_MANIFEST)


@dataclass(frozen=True)
class Entry:
    """One audit entry, in the order they were written."""

    subject: str
    subject_id: str
    was: str | None
    now: str
    reason: str | None = None


@dataclass(frozen=True)
class Told:
    """One request that the target of the notifications heard."""

    message: str  # webhook-id
    type: str
    asset: str


@dataclass(frozen=True)
class World:
    """Everything that was seen."""

    promises: Sequence[Promise]
    made: dict[TaskKey, frozenset[str]]  # digests of all files of all tasks, also of those nobody acked
    versions: Sequence[Version]
    audit: Sequence[Entry]
    assets: dict[str, TaskKey]  # whose they are
    tasks: dict[str, TaskKey]  # by the ledger's id
    told: Sequence[Told]
    leftovers: Sequence[str] = ()  # files in the spool
    takeovers: Sequence[float] = ()  # seconds from a worker's death to the next attempt at what it had in hand
    takeover_limit: float = 30.0
    conditional_puts: bool = True
    remarks: list[str] = field(default_factory=list)  # what a store without conditional puts may do, and did


def judge(world: World) -> list[str]:
    """Every promise that is broken, one line each."""
    return [
        *_kept(world), *_stored_once(world), *_whole(world), *_audited_once(world), *_all_ended(world),
        *_heard(world), *_taken_up(world), *(f"left in the spool: {name}" for name in world.leftovers),
    ]  # fmt: skip


def final(world: World, subject: str, subject_id: str) -> Entry | None:
    """The last audit entry about something."""
    about = [entry for entry in world.audit if (entry.subject, entry.subject_id) == (subject, subject_id)]
    return about[-1] if about else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that *share* of all do not exceed; 0 where there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _kept(world: World) -> Iterator[str]:
    last: dict[tuple[str, str], Entry] = {(entry.subject, entry.subject_id): entry for entry in world.audit}
    ledger_id = {key: name for name, key in world.tasks.items()}
    of_task: dict[TaskKey, list[str]] = defaultdict(list)
    for asset, key in world.assets.items():
        of_task[key].append(asset)
    for promise in world.promises:
        task, name = promise.task, "/".join(promise.task)
        if task not in ledger_id:
            yield f"{name} was acknowledged and is unknown"
        elif promise.fate == "failed":
            entry = last.get(("task", ledger_id[task]))
            if entry is None or entry.now != "failed":
                yield f"{name} failed at its provider and is {entry.now if entry else 'not audited'}"
        elif promise.fate == "ended":
            ends = [last.get(("asset", asset)) for asset in of_task[task]]
            if not ends or any(end is None or end.now not in _ENDS[1:] or not end.reason for end in ends):
                yield f"{name} has no named end"
        else:
            prefix = f"assets/{task.source}/{quote(task.task_id, safe='')}/"
            stored = {v.sha256: v for v in world.versions if v.key.startswith(prefix) and not v.is_manifest}
            for digest in promise.films:
                found = stored.get(digest)
                if found is None:
                    yield f"{name}: a file of it was acknowledged and is lost ({digest[:12]})"
                elif (end := last.get(("asset", found.asset))) is None or end.now != "archived":
                    yield f"{name}: its object stands and its asset is {end.now if end else 'not audited'}"


def _stored_once(world: World) -> Iterator[str]:
    by_asset: dict[str, list[Version]] = defaultdict(list)
    for version in world.versions:
        by_asset[version.asset].append(version)
    archived = {entry.subject_id for entry in world.audit if entry.subject == "asset" and entry.now == "archived"}
    for asset in sorted(archived - by_asset.keys()):
        yield f"asset {asset} is archived and nothing stands in the store"
    for asset, versions in sorted(by_asset.items()):
        objects = [version for version in versions if not version.is_manifest]
        manifests = [version for version in versions if version.is_manifest]
        if len(objects) > 1 or len(manifests) > 1:
            line = f"asset {asset} has {len(objects)} object versions and {len(manifests)} manifests"
            if world.conditional_puts:
                yield line
            else:
                world.remarks.append(line)
        if asset in archived and not any(_names(manifests[-1:], each) for each in objects):
            yield f"asset {asset} is archived and no manifest names its object"
        if manifests and not objects:
            yield f"asset {asset} has a manifest and no object"


def _names(manifests: Iterable[Version], version: Version) -> bool:
    for manifest in manifests:
        said: dict[str, Any] = json.loads(manifest.body)["object"]
        same_version = version.version_id is None or said["version_id"] == version.version_id
        if (said["key"], said["sha256"]) == (version.key, version.sha256) and same_version:
            return True
    return False


def _whole(world: World) -> Iterator[str]:
    for version in world.versions:
        if version.is_manifest:
            continue
        owner = world.assets.get(version.asset)
        if owner is None:
            yield f"{version.key} belongs to no asset"
        elif version.sha256 not in world.made.get(owner, frozenset()):
            yield f"{version.key} (version {version.version_id}) is not a whole file of its task"


def _audited_once(world: World) -> Iterator[str]:
    state: dict[tuple[str, str], str | None] = {}
    archived: Counter[str] = Counter()
    for entry in world.audit:
        if entry.subject not in {"asset", "task"}:
            continue
        before = state.get((entry.subject, entry.subject_id))
        if entry.was != before:
            yield f"{entry.subject} {entry.subject_id}: an entry says {entry.was} → {entry.now} after {before}"
        state[entry.subject, entry.subject_id] = entry.now
        archived[entry.subject_id] += entry.now == "archived"
    yield from (f"asset {asset} was archived {times} times" for asset, times in archived.items() if times > 1)


def _all_ended(world: World) -> Iterator[str]:
    last = {entry.subject_id: entry for entry in world.audit if entry.subject == "asset"}
    yield from (f"asset {asset} never ended ({last[asset].now})" for asset in last if last[asset].now not in _ENDS)


def _heard(world: World) -> Iterator[str]:
    messages: dict[str, set[str]] = defaultdict(set)
    for told in world.told:
        if told.type == "asset.archived":
            messages[told.asset].add(told.message)
    archived = {entry.subject_id for entry in world.audit if entry.subject == "asset" and entry.now == "archived"}
    for asset in sorted(archived):
        if not messages[asset]:
            yield f"asset {asset} is archived and nobody was told"
        if len(messages[asset]) > 1:
            yield f"asset {asset}: told under {len(messages[asset])} ids"
    yield from (
        f"asset {asset}: told that it is archived, and it is not" for asset in sorted(messages.keys() - archived)
    )


def _taken_up(world: World) -> Iterator[str]:
    slowest = percentile(world.takeovers, 0.99)
    if slowest > world.takeover_limit:
        yield f"killed work was taken up after {slowest:.1f} s (p99), and {world.takeover_limit:.1f} s are promised"
