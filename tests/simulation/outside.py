"""What is not ours: providers with their tasks, file hosts, an object store, and the mishaps of each."""

import hashlib
import json
import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import IO

from archive.errors import (
    FetchInterruptedError,
    LinkExpiredError,
    ProviderBusyError,
    ReelkeepError,
    StoreUnavailableError,
    TaskUnknownError,
)
from archive.identity import asset_id, manifest_key
from archive.ledger.claims import Claim, Intent
from archive.manifest import CONTENT_TYPE
from archive.model import Event, ExpiryOrigin, Link, Output, Progress
from archive.store import StoredObject
from tests.doubles import MemoryStore
from tests.films import films
from tests.simulation.promises import must
from tests.simulation.scheduler import Scheduler
from workers.fetch import Fetched
from workers.file_hosts import FileHosts
from workers.kept_files import KeptFiles

BUCKET = "videos"


@dataclass
class Film:
    """One file at the file host, as it is served; `others` are bytes that it gives to some."""

    asset_id: str
    output: Output
    body: bytes = field(repr=False)
    is_swapped: bool = False
    refused: int = 0  # times that the host said that the link is dead
    is_poison: bool = False  # who reads it dies


@dataclass
class Made:
    """A generation task at its provider."""

    source: str
    task_id: str
    ends_at: datetime
    is_failed: bool  # for good
    films: list[Film] = field(default_factory=list)


def body_of(name: str) -> bytes:
    """A small whole film that is like no other: behind it stands a box that players skip."""
    said = name.encode()
    return films()["moov_first"] + struct.pack(">I4s", 8 + len(said), b"free") + said


def origin_of(path: str) -> str:
    """The file host of a film: each source has one."""
    return f"{path.split('/')[1]}.example:443"


class Outside:
    """All providers and file hosts. *askable* names the sources whose status API can be asked."""

    def __init__(self, scheduler: Scheduler, askable: frozenset[str]) -> None:
        self._scheduler = scheduler
        self._askable = askable
        self.tasks: dict[tuple[str, str], Made] = {}
        self.films: dict[str, Film] = {}
        self._by_path: dict[str, Film] = {}
        self._signed = 0

    def make(self, source: str, task_id: str, *, ends_in: float, outputs: int, is_failed: bool, life: float) -> Made:
        ends_at = self._scheduler.true_now + timedelta(seconds=ends_in)
        task = self.tasks[source, task_id] = Made(source, task_id, ends_at, is_failed)
        for ordinal in range(0 if is_failed else outputs):
            path = f"/{source}/{task_id}/{ordinal}.mp4"
            output = Output("video", ordinal, self._sign(path, ends_at + timedelta(seconds=life)))
            film = Film(asset_id(source, task_id, output), output, body_of(path))
            film.is_swapped = self._scheduler.chance("swap", 0.04)
            film.is_poison = self._scheduler.chance("poison", 0.04)
            task.films.append(film)
            self.films[film.asset_id] = self._by_path[path] = film
        return task

    def event(self, task: Made, progress: Progress, *, query: str = "") -> Event:
        """What the provider says about *task*; *query* makes another signature of the same links."""
        outputs: tuple[Output, ...] = ()
        if progress is Progress.SUCCEEDED:
            outputs = tuple(
                replace(film.output, link=replace(film.output.link, url=film.output.link.url + query))
                for film in task.films
            )
        reason = "provider_failed" if progress is Progress.FAILED else None
        return Event(task.task_id, progress, "market", outputs, reason=reason, completed_at=task.ends_at)

    def status(self, source: str, task_id: str) -> Event | ReelkeepError:
        """The status API's answer, which may lag, fail, or forget the task for a moment."""
        self._scheduler.pause(self._scheduler.random.uniform(0.05, 2))
        if self._scheduler.chance("api", 0.15):
            return ProviderBusyError("http_503", timedelta(seconds=3))
        if self._scheduler.chance("api", 0.1) or (source, task_id) not in self.tasks:
            return TaskUnknownError("task_not_found")
        task = self.tasks[source, task_id]
        if self._scheduler.true_now < task.ends_at:
            return self.event(task, Progress.RUNNING)
        return self.event(task, Progress.FAILED if task.is_failed else Progress.SUCCEEDED)

    def refresh(self, claim: Claim) -> Link | None:
        self._scheduler.pause(self._scheduler.random.uniform(0.05, 1))
        if claim.source not in self._askable:
            return None
        if self._scheduler.chance("api", 0.2):
            raise ProviderBusyError("http_503", timedelta(seconds=2))
        return self._sign(claim.link.path, self._scheduler.true_now + timedelta(minutes=20))

    @contextmanager
    def fetch(self, link: Link, hosts: FileHosts) -> Iterator[Fetched]:
        """The file behind *link*, if its host gives it; *hosts* hears how it answers."""
        random, chance = self._scheduler.random, self._scheduler.chance
        film = self._by_path[link.path]
        host = origin_of(link.path)
        hosts.admit(host, link.url)
        if chance("host", 0.03):
            hosts.busy(host, link.url, timedelta(seconds=4))
            raise FetchInterruptedError("http_429", timedelta(seconds=4))
        self._scheduler.pause(random.uniform(0.01, 8) if random.random() < 0.8 else random.uniform(13, 40))
        if self._scheduler.true_now >= link.expires_at:
            film.refused += 1
            hosts.answered(host, link.url)
            raise LinkExpiredError("http_403")
        body = film.body
        if film.is_swapped and random.random() < 0.5:
            body = body_of(link.path + "?other")
        if chance("host", 0.15):
            hosts.failed(host, link.url)
            raise FetchInterruptedError("timed_out")
        hosts.answered(host, link.url)
        is_cut = chance("host", 0.05)
        if is_cut:
            body = body[: len(body) // 2]
        yield Fetched(BytesIO(body), len(body), hashlib.sha256(body).hexdigest(), length_known=not is_cut)

    def _sign(self, path: str, until: datetime) -> Link:
        self._signed += 1
        return Link(f"https://{origin_of(path)}{path}?sig={self._signed}", until, ExpiryOrigin.STATED)


class SimulatedStore(MemoryStore):
    """MemoryStore whose requests take time, are lost on either way, and which is away now and then."""

    scheduler: Scheduler
    intended: Callable[[str, str], bool]  # whether an intent has named this digest under this key

    def put(self, bucket: str, key: str, body: IO[bytes], *, size: int, sha256: str, content_type: str) -> str | None:
        self._travel()
        must(content_type == CONTENT_TYPE or self.intended(key, sha256), "nothing is put that no intent names", key)
        version = super().put(bucket, key, body, size=size, sha256=sha256, content_type=content_type)
        self.scheduler.say("store", f"keeps {key.rsplit('/', 1)[-1]} {sha256[:8]}")
        self.scheduler.pause(self.scheduler.random.uniform(0, 0.5))
        if self.scheduler.chance("reply", 0.15):
            raise StoreUnavailableError("store_unreachable")
        return version

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        self._travel()
        return super().head(bucket, key, version_id)

    def _travel(self) -> None:
        self.scheduler.pause(self.scheduler.random.uniform(0, 2))
        if self.scheduler.chance("store", 0.05):
            raise StoreUnavailableError("store_slow_down")

    def facts(self, key: str, asset: str) -> tuple[str, str] | None:
        """Digest and version of the only object under *key*, if its only manifest says the same about *asset*."""
        versions = self.objects.get((BUCKET, key), [])
        notes = self.objects.get((BUCKET, manifest_key(key)), [])
        if len(versions) != 1 or len(notes) != 1:
            return None
        [(version, body)], [(_, note)] = versions, notes
        said, digest = json.loads(note), hashlib.sha256(body).hexdigest()
        told = (said["asset"]["id"], said["object"]["key"], said["object"]["sha256"], said["object"]["version_id"])
        return (digest, version) if told == (asset, key, digest, version) else None


class SimulatedSpool(KeptFiles):
    """The real one, on a disk that is full or spoils a file now and then. The machines of a spool share it."""

    def __init__(self, folder: Path, name: str, scheduler: Scheduler) -> None:
        super().__init__(folder, 0)
        (folder / "kept").mkdir(parents=True)
        (folder / "id").write_text(name)
        self._scheduler = scheduler
        self.spoiled: set[str] = set()

    def has_room(self) -> bool:
        return not self._scheduler.chance("spool", 0.05)

    def keep(self, asset_id: str, intent: Intent, file: IO[bytes]) -> str | None:
        self._scheduler.pause(self._scheduler.random.uniform(0, 0.5))
        if self._scheduler.chance("spool", 0.1):
            return None
        self._scheduler.say("spool", f"keeps {asset_id[:6]}")
        return super().keep(asset_id, intent, file)

    def open(self, asset_id: str, intent: Intent) -> IO[bytes] | None:
        if self._scheduler.chance("spool", 0.1) and self.has(asset_id, intent):
            self.spoiled.add(asset_id)
            self._path(asset_id, intent).write_bytes(b"spoiled")
        found = super().open(asset_id, intent)
        self._scheduler.say("spool", f"gives {asset_id[:6]}" if found else f"has no {asset_id[:6]}")
        return found

    def reap(self, intents_of: Callable[[Collection[str]], Mapping[str, str]]) -> int:
        before, waiting = set(self.names()), dict[str, str]()

        def asked(ids: Collection[str]) -> Mapping[str, str]:
            waiting.update(intents_of(ids))
            return waiting

        reaped = super().reap(asked)
        wanted = before & {f"{asset}.{digest}" for asset, digest in waiting.items()}
        must(wanted == set(self.names()), "what is waited for is kept, and nothing else", wanted, self.names())
        return reaped

    def names(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir())
