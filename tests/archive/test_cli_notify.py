"""`reelkeep notify`: what it asks the API, what it prints, and how it waits for a test."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.archive.test_cli import Service, config, run, service

__all__ = ["config", "service"]  # fixtures
ROW = {
    "id": "n1", "target": "app", "type": "asset.archived", "state": "dead", "reason": "http_404\x1b[2J", "attempts": 9,
    "created_at": "2026-11-21T12:00:00.000Z", "ended_at": "2026-11-21T12:00:01.000Z", "due_at": None,
    "subject_id": "a1", "advice": "Correct the target's url.",
}  # fmt: skip
TARGET = {
    "name": "app", "url": "https://app.example", "failures": 3, "failing_since": "2026-11-21T12:00:00.000Z",
    "reason": "http_404", "pending": 2, "delivered": 7, "dead": 1, "advice": "Correct the target's url.",
}  # fmt: skip
WELL = TARGET | {"name": "other", "failures": 0, "failing_since": None, "reason": None, "dead": 0, "advice": None}


def plays(service: Service, ended: dict[str, dict[str, Any]]) -> None:
    """Each target in *ended* answers a test with a pending row, which has become what is given when it is asked for."""
    service.answers["/api/targets"] = (200, {"items": [{"name": name} for name in ended]})
    for name, row in ended.items():
        pending = ROW | {"id": f"n-{name}", "target": name, "state": "pending", "reason": None, "ended_at": None}
        service.answers[f"/api/targets/{name}/test"] = (200, pending)
        service.answers[f"/api/notifications/n-{name}"] = (200, pending | row)


@pytest.mark.parametrize(
    ("words", "method", "path", "query", "body"),
    [
        (["list", "--state", "dead", "--target", "app", "--limit", "3"], "GET", "/api/notifications",
         {"state": ["dead"], "target": ["app"], "limit": ["3"]}, None),
        (["show", "n1"], "GET", "/api/notifications/n1", {}, None),
        (["redrive", "n1"], "POST", "/api/notifications/n1/redrive", {}, None),
        (["redrive", "--all"], "POST", "/api/notifications/redrive", {}, {}),
        (["redrive", "--all", "--target", "app", "--type", "task.failed", "--source", "kie", "--since", "2026-11-21",
          "--until", "2026-11-22"], "POST", "/api/notifications/redrive", {},
         {"target": "app", "type": "task.failed", "source": "kie", "since": "2026-11-21", "until": "2026-11-22"}),
        (["targets"], "GET", "/api/targets", {}, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("json_", [False, True])
def test_verbs(
    config: Path, service: Service, capsys: pytest.CaptureFixture[str], words: list[str], method: str, path: str,
    query: dict[str, Any], body: Any, json_: bool,
) -> None:  # fmt: skip
    """Each verb asks its one question; with --json the answer is printed as it came."""
    service.answers |= {
        "/api/notifications": (200, {"items": [ROW], "next_cursor": "c2"}),
        "/api/notifications/n1": (200, ROW),
        "/api/notifications/n1/redrive": (200, {"id": "n1", "was": "dead", "state": "pending"}),
        "/api/notifications/redrive": (200, {"redriven": 41}),
        "/api/targets": (200, {"items": [TARGET, WELL]}),
    }
    assert 0 == run(config, service, "notify", *words, *(["--json"] if json_ else []))
    assert [(method, path, query, "Bearer op-token", body)] == service.asked
    out = capsys.readouterr().out
    assert "\x1b" not in out
    if json_:
        assert service.answers[path][1] == json.loads(out)
    elif words == ["targets"]:
        assert out.endswith("app: Correct the target's url.\n")
    elif words == ["redrive", "--all"]:
        assert "redriven=41\n" == out


@pytest.mark.parametrize("words", [[], ["n1", "--all"], ["n1", "--target", "app"], ["--target", "app"]])
def test_redrive__one_or_all(config: Path, service: Service, words: list[str]) -> None:
    """Which are meant must be said; nobody redrives all by a forgotten id, or has a filter passed over."""
    assert 2 == run(config, service, "notify", "redrive", *words)
    assert [] == service.asked


def test_test__of_one_that_hears(config: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """A test that arrived says how long it took, and exits with 0."""
    plays(service, {"app": {"state": "delivered", "ended_at": "2026-11-21T12:00:00.310Z"}, "other": {}})
    assert 0 == run(config, service, "notify", "test", "app")
    assert "app: delivered in 0.31 s\n" == capsys.readouterr().out
    assert ["/api/targets/app/test", "/api/notifications/n-app"] == [asked[1] for asked in service.asked]


def test_test__of_all(config: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name every target is tested; a first failed attempt is told with what to do, and the exit code is 1."""
    plays(
        service,
        {
            "app": {"state": "delivered", "ended_at": "2026-11-21T12:00:02.000Z"},
            "other": {"state": "pending", "reason": "http_404"},
            "third": {"state": "dead", "reason": "http_410", "advice": None},
        },
    )
    assert 1 == run(config, service, "notify", "test")
    assert [
        "app: delivered in 2.00 s", "other: failed (http_404). Correct the target's url.", "third: failed (http_410).",
    ] == capsys.readouterr().out.splitlines()  # fmt: skip
    assert 1 == run(config, service, "notify", "test", "--json")
    assert ["app", "other", "third"] == [row["target"] for row in json.loads(capsys.readouterr().out)["items"]]


def test_test__that_nobody_sends(config: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """A test that no worker takes up ends with the patience of who asked, and says where to look."""
    plays(service, {"app": {}})
    assert 1 == run(config, service, "notify", "test", "--wait", "0.3")
    assert "app: not tried within 0.3 s: is a worker running" in capsys.readouterr().out


def test_test__without_targets(config: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is configured nothing was delivered, and it is said how to change that; so is an unknown name."""
    plays(service, {})
    assert 1 == run(config, service, "notify", "test")
    assert "[[notify]]" in capsys.readouterr().err
    assert 1 == run(config, service, "notify", "test", "absent")


def test_status__tells_of_targets_that_ail(config: Path, service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """A target that fails or has dead notifications has its line in `status`; one that is well has none."""
    service.answers["/api/status"][1]["targets"] = [TARGET, WELL, WELL | {"name": "third", "dead": 2}]
    assert 0 == run(config, service, "status")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("target ")]
    failing = "failing since 2026-11-21T12:00:00.000Z (http_404)"
    redrive = "dead (reelkeep notify redrive --all --target"
    assert [f"target app: {failing}, 1 {redrive} app)", f"target third: 2 {redrive} third)"] == lines
