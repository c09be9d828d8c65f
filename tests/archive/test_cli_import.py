"""`tasks import`: all or nothing of a file, what is sent, how its end is waited for, and what is told."""

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive.cli import main
from archive.cli.watching import PAUSE, fate, watch
from reelkeep.client import UnreachableError
from tests.archive.test_cli import Service, run

STATUS = {"alerts": [], "sources": {"kie": {"can_ask": True}, "ace": {"can_ask": False}}, "work": {}}


class Importing(Service):
    """Registers whatever it is sent; what `ends` says of a task id becomes of it, else it is archived."""

    def __init__(self, ends: dict[str, dict[str, Any]] | None = None) -> None:
        super().__init__({"/api/status": (200, STATUS)})
        self.ends = ends or {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.answers = Answers(self)

    @property
    def sent(self) -> list[list[dict[str, Any]]]:
        return [body["tasks"] for _, path, _, _, body in self.asked if path == "/api/tasks/import"]


class Answers(dict[str, tuple[int, Any]]):
    """What the service says depends on what it was asked last."""

    def __init__(self, service: Importing) -> None:
        super().__init__()
        self._service = service

    def get(self, path: str, default: Any = None) -> Any:
        body = self._service.asked[-1][4]
        if path == "/api/status":
            return 200, STATUS
        if path == "/api/tasks/import":
            return 200, {"tasks": [self._add(row) for row in body["tasks"]]}
        if path == "/api/tasks/lookup":
            return 200, {"tasks": [self._seen(self._service.rows[key]) for key in body["ids"]]}
        return default

    def _add(self, row: dict[str, Any]) -> dict[str, Any]:
        key = f"{row['source']}:{row['task_id']}"
        is_new = key not in self._service.rows
        self._service.rows[key] = {"id": key, **row}
        return {"id": key, "source": row["source"], "task_id": row["task_id"], "state": "open", "is_new": is_new}

    def _seen(self, row: dict[str, Any]) -> dict[str, Any]:
        end: dict[str, Any] = {"state": "succeeded", "reason": None, "assets": {"archived": 1}, "asset_reasons": []}
        named = {name: row[name] for name in ("id", "source", "task_id", "external_id")}
        return {**named, **end, **self._service.ends.get(row["task_id"], {})}


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """The settings file of somebody who only asks."""
    path = tmp_path / "reelkeep.toml"
    path.write_text('[server]\noperator_tokens = ["op-token"]\n')
    before = dict(os.environ)
    yield path
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def service() -> Iterator[Importing]:
    service = Importing()
    with service.running():
        yield service


def test_import__sends_what_the_file_says(
    config: Path,
    service: Importing,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Rows go out as told, with the source and the instant of the command line where a row has none of its own."""
    path = tmp_path / "ids.csv"
    path.write_text("task_id,source,external_id,expected_by,meta.a\nt1,,o1,,x\nt2,ace,,2026-11-14T08:30:00Z,\n")
    words = ("tasks", "import", str(path), "--source", "kie", "--expected-by", "2026-11-20T00:00:00+01:00")
    assert 0 == run(config, service, *words)
    [[first, second]] = service.sent
    assert {
        "source": "kie", "task_id": "t1", "external_id": "o1", "metadata": {"a": "x"},
        "expected_by": "2026-11-19T23:00:00+00:00",
    } == first  # fmt: skip
    assert ("ace", "2026-11-14T08:30:00+00:00") == (second["source"], second["expected_by"])
    told = capsys.readouterr()
    assert "2 new, 0 known: 2 open\n" == told.out
    assert "reelkeep: note: ace has no api_key, so only callbacks can finish its tasks\n" == told.err
    assert 0 == run(config, service, *words)
    assert "0 new, 2 known: 2 open\n" == capsys.readouterr().out


def test_import__from_standard_input(
    config: Path,
    service: Importing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`-` reads what is piped in; a row without an instant is sent without one."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"task_id": "t1", "source": "kie"}\n')))
    assert 0 == run(config, service, "tasks", "import", "-")
    [[row]] = service.sent
    assert ("t1", None) == (row["task_id"], row["expected_by"])


def test_import__one_bad_line_imports_nothing(
    config: Path,
    service: Importing,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every line that is wrong is told in its order, unknown sources too; nothing is sent, and the exit code is 1."""
    path = tmp_path / "ids.csv"
    path.write_text("task_id,source\nt1,kie\nt2,nobody\n,kie\nt4,kie\n")
    assert 1 == run(config, service, "tasks", "import", str(path))
    said = capsys.readouterr().err.splitlines()
    assert f"{path}, line 3: No source nobody is configured." == said[0]
    assert f"{path}, line 4: The task_id is missing." == said[1]
    assert [] == service.sent
    assert 1 == run(config, service, "tasks", "import", str(tmp_path / "absent.csv"))
    assert "absent.csv cannot be read" in capsys.readouterr().err
    path.write_text("task_id,source\nt1,kie\n")
    assert 1 == run(config, service, "tasks", "import", str(path), "--report", str(tmp_path / "absent" / "r.csv"))
    assert "r.csv cannot be written" in capsys.readouterr().err
    assert [] == service.sent


def test_import__in_chunks(config: Path, service: Importing, tmp_path: Path) -> None:
    """A long file goes out in requests of a thousand, fat rows in smaller ones, each row once and in order."""
    path = tmp_path / "ids.jsonl"
    rows = [
        {"task_id": f"t{n}", "source": "kie", "metadata": {"a": "x" * (900 if n > 1500 else 0)}} for n in range(2500)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert 0 == run(config, service, "tasks", "import", str(path))
    assert [f"t{n}" for n in range(2500)] == [row["task_id"] for chunk in service.sent for row in chunk]
    assert 1000 == len(service.sent[0])
    assert all(len(chunk) <= 1000 and len(json.dumps(chunk)) < 1 << 20 for chunk in service.sent)
    assert len(service.sent) < 8


def test_import__waits_tells_and_reports(
    config: Path,
    service: Importing,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With --wait the end of each task is told by source, what is gone or failed by name, and all in the report."""
    service.ends = {
        "t2": {"state": "gone", "reason": "task_not_found", "assets": {}},
        "t3": {"state": "failed", "reason": "provider_e7", "assets": {}},
        "t4": {"assets": {"archived": 1, "lost": 1}, "asset_reasons": ["http_403"]},
    }
    path, report = tmp_path / "ids.csv", tmp_path / "report.csv"
    path.write_text("task_id,source,external_id\nt1,kie,o1\nt2,kie,o2\nt3,ace,o3\nt4,ace,o4\n")
    words = ("tasks", "import", str(path), "--wait=30", "--report", str(report))
    assert 1 == run(config, service, *words)
    told = capsys.readouterr()
    assert "1 archived, 1 lost, 1 failed, 1 gone" in told.err
    lines = told.out.splitlines()
    assert ["source", "gone", "failed", "lost", "archived"] == lines[2].split()
    assert "gone    kie     t2       o2           task_not_found" in lines
    assert not [line for line in lines if " t1 " in line]
    with report.open(newline="") as file:
        found = {row["task_id"]: row for row in csv.DictReader(file)}
    assert ["archived", "gone", "failed", "lost"] == [found[f"t{n}"]["fate"] for n in (1, 2, 3, 4)]
    assert ("o4", "http_403", "1", "1") == tuple(
        found["t4"][name] for name in ("external_id", "reason", "archived", "lost")
    )
    assert 1 == run(config, service, *words, "--json")
    document = json.loads(capsys.readouterr().out)
    assert (0, 4, 4) == (document["new"], document["known"], len(document["tasks"]))


def test_import__all_archived_is_0(config: Path, service: Importing, tmp_path: Path) -> None:
    """Where everything is archived the exit code is 0; where time ran out before, it is 1."""
    path = tmp_path / "ids.csv"
    path.write_text("task_id,source\nt1,kie\nt2,kie\n")
    assert 0 == run(config, service, "tasks", "import", str(path), "--wait")
    service.ends = {"t2": {"state": "open", "assets": {}}}
    assert 1 == run(config, service, "tasks", "import", str(path), "--wait", "0")


@pytest.mark.parametrize("value", ["soon", "2026-11-14", "2026-11-14T08:30:00"])
def test_import__an_instant_has_a_zone(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no instant with its zone is wrong usage."""
    with pytest.raises(SystemExit):
        main(["tasks", "import", "x.csv", "--expected-by", value])
    assert "time zone" in capsys.readouterr().err


class Slow:
    """A client whose tasks end, four hundred more at each question, and which is away in between."""

    def __init__(self, away: tuple[int, ...] = ()) -> None:
        self.asked: list[int] = []
        self.ended: set[str] = set()
        self._away = away

    def post(self, _path: str, body: dict[str, Any]) -> Any:
        self.asked.append(len(body["ids"]))
        if len(self.asked) in self._away:
            raise UnreachableError("away")
        assert not self.ended & set(body["ids"])
        ended = 400 * len(self.asked)
        states = [("succeeded" if int(key) < ended else "open", key) for key in body["ids"]]
        self.ended.update(key for state, key in states if state == "succeeded")
        return {"tasks": [{"id": key, "state": state, "assets": {"archived": 1}} for state, key in states]}


def test_watch__asks_only_about_what_is_open() -> None:
    """Each round asks by the thousand, and no more about what has ended; progress is said where it changed."""
    client, now, said = Slow(), [0.0], list[str]()

    def sleep(seconds: float) -> None:
        now[0] += seconds

    ids = [str(n) for n in range(2500)]
    found = watch(client, ids, 60, now=lambda: now[0], sleep=sleep, say=said.append)  # type: ignore[arg-type]
    assert ids == [task["id"] for task in found]
    assert [1000, 1000, 500] == client.asked[:3]
    assert len(client.asked) > 3
    assert "2,500 archived" == said[-1]


def test_watch__a_service_that_is_away_for_a_while() -> None:
    """Once it was heard, a service that restarts is waited for; one that was never heard is told at once."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        assert PAUSE == seconds
        now[0] += seconds

    def ask(away: tuple[int, ...], seconds: float) -> int:
        ids = [str(n) for n in range(1000, 1500)]
        said = list[str]()
        return len(watch(Slow(away), ids, seconds, now=lambda: now[0], sleep=sleep, say=said.append))  # type: ignore[arg-type]

    assert 500 == ask((2, 3), 60)
    for away, seconds in (((1,), 60.0), ((2, 3, 4), 5.0)):
        with pytest.raises(UnreachableError):
            ask(away, seconds)


@pytest.mark.parametrize(
    ("state", "assets", "expected"),
    [
        ("open", {}, "open"), ("gone", {}, "gone"), ("failed", {"archived": 1}, "failed"),
        ("succeeded", {"archived": 2}, "archived"), ("succeeded", {"archived": 1, "waiting": 1}, "open"),
        ("succeeded", {"archived": 1, "lost": 1}, "lost"), ("succeeded", {}, "no files"),
        ("succeeded", {"quarantined": 1, "archived": 1}, "quarantined"),
    ],
)  # fmt: skip
def test_fate(state: str, assets: dict[str, int], expected: str) -> None:
    """A task is as well as its worst file, and open while one of them waits."""
    assert expected == fate({"state": state, "assets": assets})
