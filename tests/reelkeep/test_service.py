"""Both clients against a real service: what is asked, and what comes back."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from reelkeep.client import DownloadError, NotInTimeError, RefusedError, TaskFailedError
from reelkeep.model import Task
from tests.reelkeep.conftest import Open
from tests.reelkeep.house import FILM, Service


def test_tasks__are_registered_found_and_listed(service: Service, open_client: Open) -> None:
    """A task that was registered is found by its id and in lists, with what the user said of it."""
    client = open_client(service.url)
    likely = datetime(2027, 1, 2, 3, 4, tzinfo=UTC)
    made = client.tasks.add("kie", "t/1", external_id="o-7", metadata={"a": ["é", 1]}, expected_by=likely)
    assert ("kie", "t/1", "open", "o-7", {"a": ["é", 1]}, likely) == (
        made.source, made.task_id, made.state, made.external_id, made.metadata, made.expected_at,
    )  # fmt: skip
    assert not made.has_ended
    again = client.tasks.add("kie", "t/1")
    assert (made.id, "o-7") == (again.id, again.external_id)
    assert again == client.tasks.get(made.id)
    assert [made.id] == [task.id for task in client.tasks.list(external_id="o-7")]
    assert made.created_at is not None
    assert [] == list(client.tasks.list(since=made.created_at + timedelta(seconds=1)))


def test_lists__are_walked_to_their_end(service: Service, open_client: Open) -> None:
    """`each` follows the cursors, `list` gives one page and says where the next begins."""
    client = open_client(service.url)
    for n in range(5):
        client.tasks.add("kie", f"t{n}")
    assert ["t4", "t3", "t2", "t1", "t0"] == [task.task_id for task in client.tasks.each(limit=2)]
    first = client.tasks.list(limit=3)
    assert (3, True) == (len(first), first.next_cursor is not None)
    rest = client.tasks.list(first.next_cursor, limit=3)
    assert (["t1", "t0"], None) == ([task.task_id for task in rest], rest.next_cursor)
    assert [] == list(client.assets.each(source="nobody"))


def test_wait__until_the_file_is_archived(service: Service, open_client: Open, tmp_path: Path) -> None:
    """From the order to the file: the task is waited for, and its file arrives as it was archived."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            service.call_back("t1")
        elif len(slept) == 3:
            service.archive()

    client = open_client(service.url, sleep=sleep)
    task = client.tasks.add("kie", "t1")
    [asset] = client.assets.wait(task.id)
    assert [1.0, 1.5, 2.25] == slept
    assert (True, "t1", len(FILM), {"duration": 5.0}) == (asset.is_archived, asset.task_id, asset.size, asset.media)
    assert (asset.id,) == client.tasks.get(task.id).assets
    assert asset.sha256 == client.assets.download(asset.id, tmp_path / "film.mp4").sha256
    assert FILM == (tmp_path / "film.mp4").read_bytes()
    assert ["film.mp4"] == [file.name for file in tmp_path.iterdir() if file.is_file()]


def test_wait__has_an_end(service: Service, open_client: Open) -> None:
    """Who waits long enough is told so, and never waits longer."""
    seconds = [0.0]

    def sleep(more: float) -> None:
        seconds[0] += more

    client = open_client(service.url, sleep=sleep, clock=lambda: seconds[0])
    task = client.tasks.add("kie", "t1")
    with pytest.raises(NotInTimeError, match=f"task {task.id} has not ended within 60 s"):
        client.assets.wait(task.id, 60)
    assert [60.0] == seconds
    with pytest.raises(TimeoutError):
        client.assets.wait(task.id, timeout=0)


def test_download__into_an_open_file(service: Service, open_client: Open) -> None:
    """A file that the caller has opened gets the bytes where it stands."""
    service.call_back("t1")
    key = service.archive()
    file = BytesIO(b"head")
    file.seek(4)
    open_client(service.url).assets.download(key, file)
    assert b"head" + FILM == file.getvalue()


def test_content__is_a_link_with_its_end(service: Service, open_client: Open) -> None:
    """The presigned link serves anyone until it dies, so it stands in no repr."""
    service.call_back("t1")
    found = open_client(service.url).assets.content(service.archive())
    assert FILM == httpx.get(found.url, trust_env=False).content
    assert found.expires_at > datetime.now(UTC)
    assert found.url not in repr(found)


@pytest.mark.parametrize(
    "stored", [FILM[:-1], FILM + b"x", b"\xff" + FILM[1:], b""], ids=["cut", "longer", "altered", "empty"]
)
def test_download__other_bytes_are_refused(service: Service, open_client: Open, tmp_path: Path, stored: bytes) -> None:
    """What is not what was archived is refused, no file is left, and the one that was there stands."""
    service.call_back("t1")
    key = service.archive(stored=stored)
    path = tmp_path / "film.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(DownloadError) as caught:
        open_client(service.url).assets.download(key, path)
    assert (key, "digest_mismatch" if len(stored) == len(FILM) else "size_mismatch") == (
        caught.value.asset, caught.value.reason,
    )  # fmt: skip
    assert (b"mine", 1) == (path.read_bytes(), sum(file.is_file() for file in tmp_path.iterdir()))


def test_refused__tells_status_reason_and_detail(service: Service, open_client: Open) -> None:
    """What the service refuses is one typed error with the service's own words."""
    client = open_client(service.url)
    service.call_back("t1")
    [waiting] = client.assets.list().items
    asked: list[tuple[int, str, Callable[[], object]]] = [
        (404, "not_found", lambda: client.assets.get("absent")),
        (404, "not_found", lambda: client.assets.get("../status")),
        (409, "not_archived", lambda: client.assets.content(waiting.id)),
        (422, "unknown_source", lambda: client.tasks.add("nobody", "t1")),
        (404, "unknown_source", lambda: client.sources.pause("nobody")),
        (400, "bad_query", lambda: client.tasks.list(state="nonsense")),
    ]
    for status, reason, ask in asked:
        with pytest.raises(RefusedError) as caught:
            ask()
        assert (status, reason) == (caught.value.status, caught.value.reason)
        assert f"{caught.value.detail} ({reason})" == str(caught.value)
    with pytest.raises(RefusedError, match="token_unknown"):
        open_client(service.url, "guess").status()


def test_operators__act(service: Service, open_client: Open) -> None:
    """Retry, replay, pause, resume, callback URL and status, each with what it answers."""
    client = open_client(service.url)
    service.call_back("t1")
    [asset], [delivery] = client.assets.list().items, client.deliveries.list(state="accepted").items
    assert ("waiting", "waiting") == ((retried := client.assets.retry(asset.id)).was, retried.state)
    assert "accepted" == client.deliveries.replay(delivery.id).outcome
    shown = client.deliveries.get(delivery.id)
    assert shown.body is not None
    assert '"taskId"' in shown.body
    assert "taskId" not in repr(shown)
    assert [True, False] == [client.sources.pause("kie").paused, client.sources.resume("kie").paused]
    url = client.callback_url("unsigned", external_id="o-7", metadata={"a": 1}, expires_in=timedelta(hours=1))
    assert timedelta(minutes=59) < url.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    assert ("/webhooks/unsigned/" in url.url, False) == (True, url.url in repr(url))
    status = client.status()
    assert ({"accepted": 1}, "kie") == (status.deliveries["kie"], status.sources["kie"]["provider"])
    assert status.raw == client.get("/api/status", {"source": None})
    assert (
        "o-8"
        == Task.of(client.post("/api/tasks", {"source": "kie", "task_id": "t2", "external_id": "o-8"})).external_id
    )
    assert hashlib.sha256(FILM).hexdigest() == client.assets.get(service.archive()).sha256


def test_wait__for_a_task_that_brings_nothing(service: Service, open_client: Open) -> None:
    """A task that ended without success is an error with its state and reason."""
    from sqlalchemy import update

    from archive.ledger.schema import tasks

    client = open_client(service.url)
    task = client.tasks.add("kie", "t1")
    with service.db.write() as conn:
        conn.execute(update(tasks).values(state="gone", reason="never_finished"))
    with pytest.raises(TaskFailedError) as caught:
        client.assets.wait(task.id)
    assert ("gone", "never_finished") == (caught.value.state, caught.value.reason)
