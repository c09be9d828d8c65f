"""Both clients before a service that is played: repeats, refusals, secrets, and the endpoints' own words."""

import asyncio
import gzip
import json
import logging
import threading
import traceback
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from archive.embedded import free_port
from reelkeep.client import AsyncClient, Client, DownloadError, RefusedError, Retries, UnreachableError
from reelkeep.groups import AsyncTasks, Tasks
from reelkeep.methods import Runs, RunsAsync
from tests.origin import Origin, Scene, Wire, answer, redirect, whole
from tests.reelkeep.conftest import Open

TASK = {"id": "k1", "source": "kie", "task_id": "t1", "state": "open"}
TOKEN = "canary-of-a-token"
BUSY = answer({"reason": "busy", "detail": "Later."}, status="503 Service Unavailable")


def hang_up(wire: Wire) -> None:
    wire.reset()


def in_turn(*scenes: Scene) -> Scene:
    """One scene a request; the last one stays."""
    left = list(scenes)

    def play(wire: Wire) -> None:
        scene = left.pop(0) if len(left) > 1 else left[0]
        scene(wire)

    return play


def asked(played: Origin, n: int = -1) -> Any:
    return json.loads(played.bodies[n])


class Naps(list[float]):
    """How long was slept."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def at(played: Origin) -> str:
    return f"http://{played.authority}"


@pytest.fixture
def naps() -> Naps:
    return Naps()


Ask = Callable[[Client], object]
READ: Ask = lambda client: client.tasks.get("k1")  # noqa: E731
READY = [
    ("GET", "/api/tasks/k1", READ),
    ("POST", "/api/tasks", lambda client: client.tasks.add("kie", "t1")),
    ("POST", "/api/tasks/import", lambda client: client.tasks.import_([{"source": "kie", "task_id": "t1"}])),
    ("POST", "/api/generate/kie", lambda client: client.generate("kie", prompt="x", dry_run=True)),
]
ONCE = [
    ("POST", "/api/generate/kie", lambda client: client.generate("kie", prompt="x", idempotency_key="i1")),
    ("POST", "/api/callback-urls", lambda client: client.callback_url("kie")),
    ("POST", "/api/assets/a1/retry", lambda client: client.assets.retry("a1")),
    ("POST", "/api/targets/mine/test", lambda client: client.targets.test("mine")),
    ("POST", "/api/tasks", lambda client: client.post("/api/tasks", {})),
]


@pytest.mark.parametrize(
    "trouble",
    [BUSY, answer({}, status="502 x"), answer({}, status="504 x"), hang_up],
    ids=["503", "502", "504", "hung_up"],
)
@pytest.mark.parametrize(("method", "path", "ask"), READY, ids=[path for _, path, _ in READY])
def test_repeats__what_may_be_asked_twice(
    played: Origin, at: str, open_client: Open, naps: Naps, method: str, path: str, ask: Ask, trouble: Scene
) -> None:
    """What is read or registered is asked again after a failure, after longer and longer pauses, and then answered."""
    played.url(path, in_turn(trouble, trouble, answer(TASK | {"tasks": [TASK | {"is_new": False}]})))
    ask(open_client(at, sleep=naps))
    assert [f"{method} {path} HTTP/1.1"] * 3 == [head.split("\r\n")[0] for head in played.heads]
    assert 0.25 <= naps[0] <= 0.5 <= naps[1] <= 1.0
    assert 1 == len(set(played.bodies))


@pytest.mark.parametrize(
    "trouble", [BUSY, answer({}, "Retry-After: 1", status="429 x"), hang_up], ids=["503", "429", "hung_up"]
)
@pytest.mark.parametrize(("method", "path", "ask"), ONCE, ids=[path for _, path, _ in ONCE])
def test_repeats__nothing_that_may_have_been_done(
    played: Origin, at: str, open_client: Open, naps: Naps, method: str, path: str, ask: Ask, trouble: Scene
) -> None:
    """An order, or anything else that counts twice when said twice, is sent once."""
    played.url(path, trouble)
    with pytest.raises((RefusedError, UnreachableError)):
        ask(open_client(at, sleep=naps))
    assert ([], 1) == (naps, len(played.heads))


def test_repeats__an_order_that_never_left(open_client: Open, naps: Naps) -> None:
    """Where nobody answers the door nothing was sent, so even an order is tried again, and an end is found."""
    client = open_client(f"http://127.0.0.1:{free_port()}", sleep=naps, retries=Retries(2, first=8, longest=10))
    with pytest.raises(UnreachableError, match="nothing answers at") as caught:
        client.generate("kie", prompt="x")
    assert caught.value.is_unsent
    assert (2, True, True) == (len(naps), 4 <= naps[0] <= 8, 5 <= naps[1] <= 10)


def test_repeats__when_the_service_says(played: Origin, at: str, open_client: Open, naps: Naps) -> None:
    """`Retry-After` is kept to the second; one that asks for longer than the bound is told to the caller at once."""
    wait = answer({"reason": "slow_down", "detail": "Wait."}, "Retry-After: 7", status="429 Too Many Requests")
    long = answer({"reason": "slow_down", "detail": "Wait."}, "Retry-After: 31", status="429 Too Many Requests")
    odd = answer({"reason": "slow_down", "detail": "Wait."}, "Retry-After: Fri, 31 Dec 2027", status="503 x")
    played.url("/api/tasks/k1", in_turn(wait, odd, answer(TASK)))
    client = open_client(at, sleep=naps)
    READ(client)
    assert (2, 7.0, True) == (len(naps), naps[0], naps[1] <= 1)
    played.url("/api/tasks/k1", long)
    with pytest.raises(RefusedError) as caught:
        READ(client)
    assert (429, "slow_down", 31.0, 2) == (
        caught.value.status,
        caught.value.reason,
        caught.value.retry_after,
        len(naps),
    )


def test_repeats__have_an_end(played: Origin, at: str, open_client: Open, naps: Naps) -> None:
    """After the last try the answer is the caller's."""
    played.url("/api/tasks/k1", BUSY)
    with pytest.raises(RefusedError, match=r"Later. \(busy\)"):
        READ(open_client(at, sleep=naps))
    assert (3, 4) == (len(naps), len(played.heads))


@pytest.mark.parametrize(
    "scene",
    [
        whole(b"<html>", status="200 OK"), whole(b"<html>", status="404 Not Found"), whole(b"", status="200 OK"),
        answer([TASK]), answer("x", status="400 x"), redirect("/elsewhere"), whole(b"[" * 100_000), whole(b"\xff"),
        answer({}), answer({"id": "k1"}), answer(TASK | {"created_at": "yesterday"}), answer(TASK | {"assets": 5}),
        whole(b"no gzip", "Content-Encoding: gzip"), answer(TASK | {"created_at": 7}),
    ],
)  # fmt: skip
def test_answers__of_something_else(played: Origin, at: str, open_client: Open, scene: Scene) -> None:
    """Whatever is no Reelkeep is one typed error."""
    played.url("/api/tasks/k1", scene)
    with pytest.raises(UnreachableError):
        READ(open_client(at, retries=Retries(0)))


def test_answers__of_lists(played: Origin, at: str, open_client: Open) -> None:
    """A list that is none is the same error; an instant without its offset is the caller's mistake, and not sent."""
    played.url("/api/tasks", answer({"items": None}))
    client = open_client(at)
    with pytest.raises(UnreachableError, match="no list of items"):
        client.tasks.list()
    with pytest.raises(ValueError, match="needs its offset"):
        client.tasks.list(since=datetime(2026, 11, 21))  # noqa: DTZ001
    assert 1 == len(played.heads)


def test_answers__of_a_newer_service(played: Origin, at: str, open_client: Open) -> None:
    """New fields and states break nothing: they are in `raw`; what an older service leaves out is None."""
    told = TASK | {"state": "dreaming", "mood": {"x": [1]}, "created_at": "2026-11-21T12:00:00.5+01:00", "reason": None}
    played.url("/api/tasks/k1", whole(gzip.compress(json.dumps(told).encode()), "Content-Encoding: gzip"))
    task = open_client(at).tasks.get("k1")
    assert ("dreaming", {"x": [1]}, None, ()) == (task.state, task.raw["mood"], task.must_by, task.assets)
    assert task.created_at is not None
    assert "2026-11-21T12:00:00.500000+01:00" == task.created_at.isoformat()
    assert "mood" not in repr(task)
    with pytest.raises(AttributeError):
        task.state = "open"  # type: ignore[misc]


@pytest.mark.parametrize(
    "url",
    ["", "h.example", "ftp://h", "http://", "https://u:canary@h", "http://h:x", "http://[::1", "http://h?a=canary"],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_url__one_that_cannot_be_used(kind: type[Client] | type[AsyncClient], url: str) -> None:
    """A URL that cannot be meant is a mistake of the caller's, told at once and without repeating it."""
    with pytest.raises(ValueError, match="https://host") as caught:
        kind(url, TOKEN)
    assert "canary" not in str(caught.value)


def test_url__may_have_a_path(played: Origin, at: str, open_client: Open) -> None:
    """A service below a path of its host is asked there."""
    played.url("/below/api/tasks/k1", answer(TASK))
    assert "k1" == open_client(f"{at}/below/").tasks.get("k1").id


@pytest.mark.parametrize("token", ["a\n", "a b", "tök", "a\x00"])
def test_token__one_that_cannot_be_sent(token: str) -> None:
    """A token that no header can hold is told at once, without its text."""
    with pytest.raises(ValueError, match="token holds characters") as caught:
        Client("http://h", token)
    assert token not in str(caught.value)


def test_token__stands_in_no_error_and_no_repr(
    played: Origin, at: str, open_client: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """The token goes into the header, and nowhere else."""
    caplog.set_level(logging.DEBUG)
    client = open_client(at, TOKEN, retries=Retries(0))
    for scene in (BUSY, hang_up, whole(b"<html>"), answer({})):
        played.url("/api/tasks/k1", scene)
        with pytest.raises((RefusedError, UnreachableError)) as caught:
            READ(client)
        assert f"Authorization: Bearer {TOKEN}\r\n" in played.heads[-1]
        assert TOKEN not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert TOKEN not in repr(Client(at, TOKEN)) + caplog.text


def film(played: Origin, at: str, scene: Scene, size: int = 4) -> None:
    """The asset a1 with its link; the link's path gives *scene*."""
    link = played.url("/film", scene)
    row = {"id": "a1", "source": "kie", "task_id": "t1", "role": "video", "state": "archived", "size": size}
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of b"test"
    played.url("/api/assets/a1", answer(row | {"sha256": digest}))
    content = {"url": f"{link}?X-Amz-Signature=canary", "expires_at": "2026-11-21T12:00:00Z"}
    played.url("/api/assets/a1/content", answer(content))


def test_download__gives_the_store_no_token(played: Origin, at: str, open_client: Open, tmp_path: Path) -> None:
    """The store sees the link alone: no token, and nothing of the caller's own httpx client."""
    film(played, at, whole(b"test"))
    open_client(at, TOKEN).assets.download("a1", tmp_path / "f")
    assert "GET /film?X-Amz-Signature=canary HTTP/1.1" == played.heads[-1].split("\r\n")[0]
    assert "authorization" not in played.heads[-1].lower()
    with httpx.Client(headers={"X-Mine": "1"}, cookies={"c": "1"}, auth=("u", "p"), trust_env=False) as http:
        Client(at, TOKEN, http=http).assets.download("a1", tmp_path / "f")
        assert not http.is_closed
    assert not [word for word in ("authorization", "x-mine", "cookie") if word in played.heads[-1].lower()]
    assert "X-Mine: 1\r\n" in played.heads[-2]
    assert f"Bearer {TOKEN}" in played.heads[-2]


@pytest.mark.parametrize(
    ("scene", "reason", "times"),
    [
        (lambda wire: wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nte"), "interrupted", 4),
        (lambda wire: wire.send(b"HTTP/1.1 200 OK\r\n\r\nte"), "size_mismatch", 1),
        (whole(b"tesT"), "digest_mismatch", 1),
        (whole(b"test and more"), "size_mismatch", 1),
        (whole(b"", status="403 Forbidden"), "http_403", 1),
        (whole(b"", status="503 Slow Down"), "http_503", 4),
        (redirect("http://127.0.0.1:1/"), "http_302", 1),
        (hang_up, "interrupted", 4),
    ],
)  # fmt: skip
def test_download__what_goes_wrong_leaves_no_file(
    played: Origin, at: str, open_client: Open, naps: Naps, tmp_path: Path, scene: Scene, reason: str, times: int
) -> None:
    """A file that is cut, altered, too long or refused is one typed error without the link, and no file is left."""
    film(played, at, scene)
    with pytest.raises(DownloadError) as caught:
        open_client(at, sleep=naps).assets.download("a1", tmp_path / "f")
    assert (reason, "a1", times - 1) == (caught.value.reason, caught.value.asset, len(naps))
    assert "canary" not in str(caught.value)
    assert [] == list(tmp_path.iterdir())


def test_download__goes_on_after_an_interruption(
    played: Origin, at: str, open_client: Open, naps: Naps, tmp_path: Path
) -> None:
    """A transfer that broke off begins again, over what it had written."""

    def cut(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntes")

    film(played, at, in_turn(cut, cut, whole(b"test")))
    client = open_client(at, sleep=naps)
    client.assets.download("a1", tmp_path / "f")
    assert (b"test", 2) == ((tmp_path / "f").read_bytes(), len(naps))
    film(played, at, in_turn(cut, whole(b"test")))
    client.assets.download("a1", file := BytesIO())
    assert b"test" == file.getvalue()

    class Pipe(BytesIO):
        def seekable(self) -> bool:
            return False

    film(played, at, in_turn(cut, whole(b"test")))
    with pytest.raises(DownloadError, match="interrupted"):
        client.assets.download("a1", Pipe())


def test_download__without_a_digest(played: Origin, at: str, open_client: Open, tmp_path: Path) -> None:
    """What the ledger knows no digest of cannot be proved, and is not taken."""
    film(played, at, whole(b"test"))
    played.url("/api/assets/a1", answer({"id": "a1", "source": "k", "task_id": "t", "role": "video", "state": "lost"}))
    with pytest.raises(DownloadError, match="not_archived"):
        open_client(at).assets.download("a1", tmp_path / "f")
    assert [] == [path for path in played.paths if path.startswith("/film")]


def test_download__a_full_disk(played: Origin, at: str, open_client: Open, tmp_path: Path) -> None:
    """What the caller's own file raises goes to the caller as it is."""

    class Full(BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(28, "No space left on device")

    film(played, at, whole(b"test"))
    with pytest.raises(OSError, match="No space left"):
        open_client(at).assets.download("a1", Full())


def test_import__goes_in_thousands(played: Origin, at: str, open_client: Open) -> None:
    """Any number of tasks is registered, no more than 1,000 and no more than the service reads with one request."""
    played.url("/api/tasks/import", answer({"tasks": [TASK | {"is_new": True}]}))
    played.url("/api/tasks/lookup", answer({"tasks": [TASK | {"assets": {"archived": 2}}]}))
    client = open_client(at)
    assert 3 == len(client.tasks.import_({"source": "kie", "task_id": f"t{n}"} for n in range(2001)))
    assert [1000, 1000, 1] == [len(json.loads(body)["tasks"]) for body in played.bodies]
    assert {"source": "kie", "task_id": "t2000"} == asked(played)["tasks"][0]
    client.tasks.import_({"source": "kie", "task_id": "t", "metadata": {"prompt": "p" * 1_400_000}} for _ in range(5))
    assert [2, 2, 1] == [len(json.loads(body)["tasks"]) for body in played.bodies[3:]]
    assert [] == client.tasks.import_([])
    [one, two] = client.tasks.look_up(f"{n:032x}" for n in range(1001))
    assert (one, {"archived": 2}) == (two, one.assets)
    assert [1000, 1] == [len(json.loads(body)["ids"]) for body in played.bodies[-2:]]


def test_generate(played: Origin, at: str, open_client: Open) -> None:
    """An order says all that was given and nothing else; its answer names the tasks and what they cost."""
    cost = {"usd": "0.35", "credits": 70}
    told = {"tasks": [TASK], "callback_id": "c1", "credits": 70.5, "cost": cost, "request": {"prompt": "canary"}}
    played.url("/api/generate/kie", answer(told))
    client = open_client(at)
    made = client.generate(
        "kie",
        {"duration": 5},
        product="seedance",
        prompt="a fox",
        external_id="o-7",
        metadata={"a": 1},
        idempotency_key="i1",
    )
    assert {
        "product": "seedance", "prompt": "a fox", "parameters": {"duration": 5}, "external_id": "o-7",
        "metadata": {"a": 1}, "dry_run": False,
    } == asked(played)  # fmt: skip
    assert "Idempotency-Key: i1\r\n" in played.heads[-1]
    assert made.cost is not None
    assert ("t1", "c1", Decimal("70.5"), Decimal("0.35")) == (
        made.tasks[0].task_id, made.callback_id, made.credits, made.cost.usd,
    )  # fmt: skip
    assert "canary" not in repr(made)
    played.url(
        "/api/generate/kie", answer({"tasks": [], "callback_id": None, "credits": None, "cost": None, "request": {}})
    )
    assert ((), None) == ((dry := client.generate("kie", dry_run=True)).tasks, dry.cost)
    assert {"parameters": {}, "dry_run": True} == asked(played)


def test_generate__taken_but_not_registered(played: Origin, at: str, open_client: Open) -> None:
    """An order that was taken but could not be kept names its tasks, so that they need not be ordered again."""
    told = {"reason": "not_registered", "detail": "Do not order again.", "task_ids": ["t1"]}
    played.url("/api/generate/kie", answer(told, status="503 x"))
    with pytest.raises(RefusedError) as caught:
        open_client(at).generate("kie", prompt="x")
    assert (["t1"], 1) == (caught.value.problem["task_ids"], len(played.heads))
    assert "Do not order again. (not_registered) task_ids=['t1']" == str(caught.value)


def test_generate__is_waited_for(played: Origin, at: str, open_client: Open) -> None:
    """An order's answer may come later than others are waited for; those are given up."""

    def late(wire: Wire) -> None:
        wire.stopping.wait(0.5)
        answer({"tasks": []})(wire)

    played.url("/api/generate/kie", late)
    played.url("/api/status", late)
    client = open_client(at, timeout=0.2, retries=Retries(0))
    assert {"tasks": []} == client.post("/api/generate/kie", {}, headers={"X-Mine": "1"}, patience=5)
    assert "X-Mine: 1\r\n" in played.heads[-1]
    assert () == client.generate("kie", prompt="x").tasks
    with pytest.raises(UnreachableError):
        client.status()


def test_notifications(played: Origin, at: str, open_client: Open) -> None:
    """Notifications are listed by their filters, redriven one by one or together, and targets are tried."""
    row = {"id": "n1", "type": "asset.archived", "state": "dead", "target": "mine", "attempts": 9}
    played.url("/api/notifications", answer({"items": [row], "next_cursor": None}))
    played.url("/api/notifications/n1", answer(row))
    played.url("/api/notifications/n1/redrive", answer({"id": "n1", "was": "dead", "state": "pending"}))
    played.url("/api/notifications/redrive", answer({"redriven": 3}))
    played.url("/api/targets", answer({"items": [{"name": "mine", "types": ["asset.*"]}], "next_cursor": None}))
    played.url("/api/targets/mine/test", answer(row | {"type": "notify.test"}))
    client = open_client(at)
    [found] = client.notifications.each(target="mine", type="asset.archived", state="dead")
    assert "/api/notifications?target=mine&type=asset.archived&state=dead" == played.paths[-1]
    assert found == client.notifications.get("n1") == client.notifications.list().items[0]
    assert ("dead", "pending") == ((sent := client.notifications.redrive("n1")).was, sent.state)
    assert 3 == client.notifications.redrive_all(target="mine")
    assert {"target": "mine"} == asked(played)
    assert [("mine", ("asset.*",))] == [(target.name, target.types) for target in client.targets.list()]
    assert "notify.test" == client.targets.test("mine").type


def test_both__offer_the_same() -> None:
    """What one client can do the other can, with the same arguments and explanations."""

    def offered(client: Any) -> dict[str, Any]:
        groups = {n: g for n, g in vars(client).items() if isinstance(g, Runs | RunsAsync)} | {"": client}
        return {
            f"{name}.{verb}": method._operation
            for name, group in groups.items()
            for verb, method in vars(type(group)).items()
            if hasattr(method, "_operation")
        }

    threads, loop = Client("http://h"), AsyncClient("http://h")
    assert offered(threads) == offered(loop)
    assert len(offered(threads)) > 25
    assert not [name for name, operation in offered(threads).items() if not operation.__doc__]
    threads.close()
    asyncio.run(loop.aclose())
    assert "Register the provider's task" in str(cast("Any", Tasks.add).__doc__)
    assert not [
        method for method in (Client.status, AsyncClient.status, Tasks.each, AsyncTasks.each) if callable(method)
    ]


def test_loop__a_cancelled_download_leaves_no_file(played: Origin, at: str, tmp_path: Path) -> None:
    """Who is cancelled in the middle of a file leaves nothing of it behind."""
    begun, over = threading.Event(), threading.Event()

    def stall(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nte")
        begun.set()
        over.wait(10)

    async def cancel() -> None:
        async with AsyncClient(at) as client:
            download = asyncio.create_task(client.assets.download("a1", tmp_path / "f"))
            await asyncio.to_thread(begun.wait, 10)
            assert 1 == len(await asyncio.to_thread(lambda: list(tmp_path.iterdir())))
            download.cancel()
            with pytest.raises(asyncio.CancelledError):
                await download

    film(played, at, stall)
    asyncio.run(cancel())
    over.set()
    assert [] == list(tmp_path.iterdir())
