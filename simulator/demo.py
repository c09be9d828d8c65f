"""
The demo: `python -m simulator.demo`. Plays five providers to the whole service, then proves from outside what stands.

Exit 0 only if every case ended as it must: each file exactly once in the store with the bytes that were made, nothing
of an attacker's, no failed generation taken for a success.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from simulator.cases import CASES, Case
from simulator.orders import order, task_id_in
from simulator.routes import ROUTES
from simulator.stage import Stage, stage

_PATIENCE: Final = 75.0  # seconds for all cases together
_TELLING: Final = 10.0  # seconds, once all has ended


def main() -> int:
    """Play all cases; print what happened; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m simulator.demo", description=__doc__)
    parser.add_argument("--stay", action="store_true", help="keep everything running afterwards, until Ctrl-C")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, too
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reelkeep-demo-") as folder, stage(Path(folder)) as on:
        print(f"Simulated providers {on.api}, service {on.service['url']}, store {on.service['store']}\n")
        service = httpx.Client(
            base_url=on.service["url"], headers={"Authorization": f"Bearer {on.service['token']}"}, trust_env=False
        )
        played = [(case, _create(on, service, case)) for case in CASES]
        _wait(service, on, played)
        problems = _report(service, on, played)
        problems += _prove(on)
        problems += _told(on, played)
        print(f"\n{time.monotonic() - started:.1f} s in all, from starting the servers on")
        for problem in problems:
            print(f"NOT AS IT MUST BE: {problem}")
        if problems:
            print("\n".join((Path(folder) / "service.log").read_text().splitlines()[-40:]), file=sys.stderr)
        if options.stay:
            _stay(on)
    return 1 if problems else 0


def _create(on: Stage, service: httpx.Client, case: Case) -> str:
    """Ask the provider for a video, an image or a sound, as its customers do."""
    body = order(case.route, case.name, on.callback_url(case.source))
    headers = {"Authorization": f"Bearer {on.api_key}", "X-Sim-Plan": json.dumps(case.plan)}
    answer = httpx.post(on.api + ROUTES[case.route].create, json=body, headers=headers, trust_env=False)
    task_id = task_id_in(answer.raise_for_status().json())
    if case.is_registered:
        expected = (datetime.now(UTC) + timedelta(seconds=case.expected_in)).isoformat()
        task = {"source": case.source, "task_id": task_id, "expected_by": expected, "metadata": {"prompt": case.name}}
        service.post("/api/tasks", json=task).raise_for_status()
    return task_id


def _wait(service: httpx.Client, on: Stage, played: list[tuple[Case, str]]) -> None:
    """Until every asset that is owed stands and every callback was made, or patience ends. Forged tasks stay open."""
    end = time.monotonic() + _PATIENCE
    wanted = sum(case.assets for case, _ in played)
    calls = sum(case.calls for case, _ in played)
    ours = {task_id for _, task_id in played}
    while time.monotonic() < end:
        items = service.get("/api/assets", params={"state": "archived", "limit": 200}).json()["items"]
        tasks = service.get("/api/tasks", params={"state": "open", "limit": 200}).json()["items"]
        is_open = any(task["task_id"] in ours for task in tasks)
        made = sum(entry["event"] == "callback" for entry in _journal(on))
        if len(items) >= wanted and not is_open and made >= calls:
            return
        time.sleep(0.1)


def _journal(on: Stage) -> list[dict[str, Any]]:
    return [json.loads(line) for line in on.log.read_text().splitlines()]


def _report(service: httpx.Client, on: Stage, played: list[tuple[Case, str]]) -> list[str]:
    """One line a case; return what is not as it must be."""
    journal = _journal(on)
    widths = "{:<11} {:<24} {:<9} {:>6} {:>11} {:>9} {:>9}  {}"
    head = ("source", "case", "by", "assets", "bytes", "archived", "margin", "the provider heard")
    print(widths.format(*head))
    problems = []
    for case, task_id in played:
        assets = service.get("/api/assets", params={"task_id": task_id}).json()["items"]
        archived = [asset for asset in assets if asset["state"] == "archived"]
        calls = [e for e in journal if e["event"] == "callback" and e["task_id"] == task_id]
        told = [_instant(e["started_at"]) for e in calls if e["say"] in {"success", "swapped_url"}]
        films = [_instant(e["at"]) for e in journal if e["event"] == "film" and e["task_id"] == task_id]
        done = max((_instant(asset["archived_at"]) for asset in archived), default=None)
        since = min(told, default=None) or max(films, default=None)
        # A poll may be sooner than the callback that tells the truth.
        took = f"{max(0.0, (done - since).total_seconds()):.1f} s" if done and since else "-"
        margins = [_instant(a["must_by"]) - _instant(a["archived_at"]) for a in archived]
        margin = _span(min(margins)) if margins else "-"
        size = sum(asset["size"] for asset in archived)
        way = "callback" if calls else "poll"
        print(widths.format(case.source, case.name, way, len(archived), f"{size:,}", took, margin, _heard(calls)))
        if len(archived) != case.assets or len(assets) != case.assets:
            problems.append(
                f"{case.source}, {case.name}: {len(archived)} of {case.assets} archived ({_states(assets)})"
            )
        [task] = service.get("/api/tasks", params={"task_id": task_id}).json()["items"]
        if task["state"] != ("succeeded" if case.assets else "failed"):
            problems.append(f"{case.source}, {case.name}: the task is {task['state']}")
    return problems


def _heard(calls: list[dict[str, Any]]) -> str:
    """What the callbacks were answered, repeats counted."""
    heard: dict[str, int] = {}
    for call in calls:
        word = call["outcome"] or str(call["status"])
        heard[f"{call['say']}: {word}"] = heard.get(f"{call['say']}: {word}", 0) + 1
    return ", ".join(word if n == 1 else f"{word} x{n}" for word, n in heard.items()) or "nothing to say"


def _states(assets: list[dict[str, Any]]) -> str:
    return ", ".join(f"{asset['state']} {asset['reason'] or ''}".strip() for asset in assets) or "no asset"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _span(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:.0f} min" if minutes < 600 else f"{minutes / 1440:.1f} d"


def _prove(on: Stage) -> list[str]:
    """Have a process that knows neither of us compare the journal with the store."""
    script = Path(__file__).with_name("prove.py")
    done = subprocess.run(
        (sys.executable, "-I", str(script), str(on.log)),
        env=on.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode and not done.stdout:
        return [f"the proof did not run: {done.stderr.strip()[-300:]}"]
    proof = json.loads(done.stdout)
    print(
        f"\nproof from outside: {proof['objects']} objects read from S3, {proof['bytes']:,} bytes, hashed and compared "
        f"with {proof['films']} files as they were made: {'all stand' if done.returncode == 0 else 'FAILED'}"
    )
    return [str(problem) for problem in proof["problems"]]


def _told(on: Stage, played: list[tuple[Case, str]]) -> list[str]:
    """Compare what the user's application heard with what was made; each file once, and each failed task."""
    films = Counter(entry["sha256"] for entry in _journal(on) if entry["event"] == "film")
    failed = Counter(task_id for case, task_id in played if not case.assets)
    app, end = on.application, time.monotonic() + _TELLING
    while time.monotonic() < end:
        archived = Counter(data["sha256"] for data in app.about("asset.archived"))
        failures = Counter(data["task_id"] for data in app.about("task.failed"))
        if archived == films and failures == failed:
            break
        time.sleep(0.05)
    kinds = Counter(said["type"] for said in app.heard.values())
    told = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    print(f"your application heard: {told}; {'every signature holds' if not app.refused else 'SIGNATURES FAILED'}")
    problems = [f"{app.refused} notifications could not be verified"] if app.refused else []
    problems += [] if archived == films else ["the application did not hear of each file once"]
    return problems + ([] if failures == failed else ["the application did not hear of each failed task once"])


def _stay(on: Stage) -> None:
    print(f"\nStill running: {on.service['url']}/#token={on.service['token']}   Ctrl-C ends it.", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    sys.exit(main())
