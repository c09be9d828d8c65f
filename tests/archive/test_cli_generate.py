"""`reelkeep generate`: what it orders, what it prints, and how it waits."""

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from archive.cli import generate, main
from reelkeep.client import Client
from tests.archive.test_cli import PROBLEM, Service, config, run

__all__ = ["config"]

TASK: dict[str, Any] = {
    "id": "k1",
    "task_id": "seedance_1",
    "source": "kie",
    "state": "open",
    "reason": None,
    "assets": [],
}
MADE = {
    "tasks": [TASK],
    "callback_id": "c1",
    "credits": None,
    "cost": {"usd": 0.45, "credits": 90.0},
    "request": {"prompt": "a cat"},
}
PATH = "/api/generate/kie"
ESTIMATE = "reelkeep: about 0.45 USD (90 credits) by the documented prices\n"


def ordering(config: Path, *words: str, **answers: Any) -> tuple[int, Service]:
    """Run `generate kie` against a service that answers as told; return the exit code and the service."""
    service = Service({PATH: (200, MADE)} | {path: (200, said) for path, said in answers.items()})
    with service.running():
        return run(config, service, "generate", "kie", *words), service


def test_generate__asks_for_what_was_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Values are JSON where they can be read as that and text where not; a key that is repeated is a list."""
    words = ["--prompt", "a cat", "--product", "seedance", "--external-id", "o7", "--meta", "a=b=c"]
    for param in ("duration=10", "hd=true", "ratio=16:9", "url=https://a.example/?x=1", 'input={"a": [1]}', "n=NaN"):
        words += ["--param", param]
    code, service = ordering(config, *words, "--param", "image=a", "--param", "image=2")
    [(method, path, _, token, body)] = service.asked
    assert (0, "POST", PATH, "Bearer op-token") == (code, method, path, token)
    assert {
        "duration": 10, "hd": True, "ratio": "16:9", "url": "https://a.example/?x=1", "input": {"a": [1]}, "n": "NaN",
        "image": ["a", 2],
    } == body.pop("parameters")  # fmt: skip
    said = {"product": "seedance", "prompt": "a cat", "external_id": "o7", "metadata": {"a": "b=c"}, "dry_run": False}
    assert said == body
    assert ("seedance_1\n", ESTIMATE) == capsys.readouterr()


def test_generate__prompt_from_standard_input(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash reads the text from standard input, line ends and all."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("two\nlines\n"))
    _, service = ordering(config, "--prompt", "-")
    assert "two\nlines\n" == service.asked[0][4]["prompt"]


def test_generate__dry_run(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run prints the request and the estimate, waits for nothing, and says so to the service."""
    code, service = ordering(config, "--dry-run", "--wait")
    assert (0, True, 1) == (code, service.asked[0][4]["dry_run"], len(service.asked))
    said = capsys.readouterr()
    assert ({"prompt": "a cat"}, ESTIMATE) == (json.loads(said.out), said.err)


@pytest.mark.parametrize("param", ["duration", "=10", ""])
def test_generate__a_parameter_is_a_pair(config: Path, capsys: pytest.CaptureFixture[str], param: str) -> None:
    """What is no pair is wrong usage."""
    with pytest.raises(SystemExit) as caught:
        main(["generate", "kie", "--param", param])
    assert 2 == caught.value.code
    assert "KEY=VALUE" in capsys.readouterr().err


def test_generate__paid_for_and_not_registered(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal that holds ids prints them: they are all there is left of what was paid for."""
    refused = {**PROBLEM, "detail": "Not registered.", "reason": "not_registered", "task_ids": ["seedance_1"]}
    service = Service({PATH: (503, refused)})
    with service.running():
        assert 1 == run(config, service, "generate", "kie")
    assert "Not registered. (not_registered) task_ids=['seedance_1']" in capsys.readouterr().err


def asset(state: str, reason: str | None = None) -> dict[str, Any]:
    return {"id": "a1", "task_id": "seedance_1", "role": "video", "state": state, "reason": reason, "key": "assets/x"}


@pytest.mark.parametrize(
    ("task", "made", "code"),
    [
        ("succeeded", [asset("archived")], 0),
        ("succeeded", [asset("disposed")], 0),
        ("succeeded", [asset("lost", "http_403")], 1),
        ("succeeded", [asset("quarantined", "truncated")], 1),
        ("succeeded", [], 1),
        ("failed", [], 1),
        ("gone", [], 1),
    ],
)
def test_wait__says_how_it_ended(
    config: Path, capsys: pytest.CaptureFixture[str], task: str, made: list[dict[str, Any]], code: int
) -> None:
    """With `--wait` the exit code says whether all is archived, and what became of each asset is printed."""
    ended = {**TASK, "state": task, "reason": "why", "assets": [each["id"] for each in made]}
    answers = {"/api/tasks/k1": ended, **{f"/api/assets/{each['id']}": each for each in made}}
    got, _ = ordering(config, "--wait", **answers)
    said = capsys.readouterr()
    assert code == got
    assert all(each["state"] in said.out for each in made)
    assert (task != "succeeded") is (f"seedance_1 {task}: why" in said.err)
    got, _ = ordering(config, "--wait", "--json", **answers)
    assert (code, made) == (got, json.loads(capsys.readouterr().out)["tasks"][0]["assets"])


class Slow(Client):
    """A service where a task of two takes its time, and an asset after it."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", "token")
        self.looks = 0

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        if path == "/api/tasks/k2":
            return {**TASK, "id": "k2", "state": "failed"}
        if path == "/api/tasks/k1":
            self.looks += 1
            return {**TASK, "state": "open" if self.looks < 3 else "succeeded", "assets": ["a1"] * (self.looks > 2)}
        return asset("waiting" if self.looks < 5 else "archived")


def test_wait__until_the_last_asset_has_ended() -> None:
    """Waiting ends when no task is open and no asset waits, with a pause between looks, in the order that was asked."""
    slept: list[float] = []
    service = Slow()
    ended = generate.wait(service, ["k1", "k2"], slept.append)
    assert [("k1", "succeeded"), ("k2", "failed")] == [(task["id"], task["state"]) for task in ended]
    assert [[asset("archived")], []] == [task["assets"] for task in ended]
    assert (5, 4) == (service.looks, len(slept))
