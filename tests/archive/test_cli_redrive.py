"""`assets retry`, `tasks reopen`, `deliveries replay`, `redrive`: what they ask, and what they refuse to guess."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.archive.test_cli import Service, config, run, service

__all__ = ["config", "service"]  # fixtures
LEFT = {"delivery_id": "d1", "outcome": "quarantined", "reason": "shape_unknown"}
READ = {"replayed": 3, "dry_run": False, "outcomes": {"accepted": 2, "quarantined": 1}, "next_cursor": None}


@pytest.fixture
def dead(service: Service) -> Service:
    service.answers |= {
        "/api/assets/retry": (200, {"retried": 41, "dry_run": False}),
        "/api/tasks/reopen": (200, {"reopened": 2, "dry_run": False}),
        "/api/deliveries/replay": (200, {**READ, "not_understood": []}),
        "/api/notifications/redrive": (200, {"redriven": 1}),
    }
    return service


@pytest.mark.parametrize(
    ("words", "path", "body", "out"),
    [
        (["assets", "retry", "--all"], "/api/assets/retry", {}, "retried=41\n"),
        (["assets", "retry", "--state", "lost", "--reason", "crashes_worker", "--source", "kie"], "/api/assets/retry",
         {"source": "kie", "reason": "crashes_worker", "state": "lost"}, "retried=41\n"),
        (["assets", "retry", "--all", "--task-id", "t1", "--dry-run"], "/api/assets/retry",
         {"task_id": "t1", "dry_run": True}, "retried=41\n"),
        (["tasks", "reopen", "--since", "2026-11-21"], "/api/tasks/reopen", {"since": "2026-11-21"}, "reopened=2\n"),
        (["deliveries", "replay", "--all", "--reason", "shape_unknown"], "/api/deliveries/replay",
         {"reason": "shape_unknown"}, "replayed=3  accepted=2  quarantined=1\n"),
    ],
)  # fmt: skip
def test_many(
    config: Path, dead: Service, capsys: pytest.CaptureFixture[str], words: list[str], path: str, body: Any, out: str
) -> None:
    """Filters, or `--all` where there are none, ask one question; what was done is told as a number."""
    assert 0 == run(config, dead, *words)
    assert [("POST", path, {}, "Bearer op-token", body)] == dead.asked
    assert out == capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["assets", "retry"], ["assets", "retry", "a1", "--all"], ["assets", "retry", "a1", "--source", "kie"],
        ["assets", "retry", "a1", "--dry-run"], ["deliveries", "replay"], ["tasks", "reopen"], ["redrive"],
        ["redrive", "kie", "--all"],
    ],
)  # fmt: skip
def test_which_are_meant_must_be_said(config: Path, dead: Service, words: list[str]) -> None:
    """Nobody redrives all by a forgotten id, or has a filter passed over."""
    assert 2 == run(config, dead, *words)
    assert [] == dead.asked


def test_replay__what_is_still_not_understood(config: Path, dead: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """Each delivery that is still not understood is named, and the exit code is 1; with --json all is there."""
    answer = {**READ, "not_understood": [LEFT]}
    dead.answers["/api/deliveries/replay"] = (200, answer)
    assert 1 == run(config, dead, "deliveries", "replay", "--all")
    assert "d1  quarantined  shape_unknown\nreplayed=3  accepted=2  quarantined=1\n" == capsys.readouterr().out
    assert 1 == run(config, dead, "deliveries", "replay", "--all", "--json")
    assert [LEFT] == json.loads(capsys.readouterr().out)["not_understood"]


def test_redrive__all_that_is_dead_of_one_source(
    config: Path, dead: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """One verb for everything of a source: assets, tasks, callbacks, notifications; a dry run sends no notification."""
    assert 0 == run(config, dead, "redrive", "kie")
    paths = ["/api/assets/retry", "/api/tasks/reopen", "/api/deliveries/replay", "/api/notifications/redrive"]
    assert [(path, {"source": "kie"}) for path in paths] == [(asked[1], asked[4]) for asked in dead.asked]
    assert "retried=41\nreopened=2\nreplayed=3  accepted=2  quarantined=1\nredriven=1\n" == capsys.readouterr().out
    dead.asked.clear()
    assert 0 == run(config, dead, "redrive", "--all", "--dry-run", "--json")
    assert [(path, {"dry_run": True}) for path in paths[:3]] == [(asked[1], asked[4]) for asked in dead.asked]
