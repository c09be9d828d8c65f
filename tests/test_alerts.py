"""Each rule of `deploy/prometheus` fires for what it is about and for nothing that only resembles it."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
MINUTES = 60  # that each example lasts; its rule is asked at the end
LE = (0, 30, 60, 120, 300, 600, 900, 1200, 3600, 21_600, 86_400, 604_800)
Series = dict[str, str]  # by what stands behind `reelkeep_`; values minute by minute, as promtool writes them


class Case(NamedTuple):
    """*fires* raises the alert with *labels*; *quiet* looks like it and does not."""

    fires: Series
    quiet: Series
    labels: dict[str, str]


def histogram(name: str, edges: tuple[float, ...], counts: dict[float, int], source: str = "kie") -> Series:
    """So many observations up to each edge, every minute."""
    found = {}
    for edge in (*edges, float("inf")):
        each = sum(count for value, count in counts.items() if value <= edge)
        shown = "+Inf" if edge == float("inf") else f"{float(edge)}"
        found[f'{name}_bucket{{source="{source}",le="{shown}"}}'] = f"0+{each}x{MINUTES}"
    return found


KIE = {"source": "kie"}
APP = {"target": "app"}
LIFE = {'link_life_seconds{source="kie"}': f"1200x{MINUTES}"}
TIMES = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 3600)
ALWAYS = f"1x{MINUTES}"
NEVER = f"0x{MINUTES}"
ONCE = f"0x40 1x{MINUTES - 40}"
LOST = 'losses_total{source="kie",subject="asset",cause="other"}'
CAUSE = 'losses_total{source="kie",subject="asset",cause="http_403"}'
CREDITS = 'lost_credits_total{source="kie",subject="task",cause="other"}'
RETRIES = 'retries_total{source="kie",reason="%s"}'
ARCHIVED = 'archive_seconds_count{source="kie"}'
EXPIRED = 'leases_expired_total{source="kie"}'
WAITING = 'assets{source="kie",state="waiting"}'
OLDEST = {'oldest_due_seconds{source="kie"}': f"300x{MINUTES}"}
GROWS = {WAITING: f"0+1x{MINUTES}", **OLDEST}
CASES = {
    "ReelkeepUnreachable": Case({'up{job="reelkeep"}': NEVER}, {'up{job="reelkeep"}': ALWAYS}, {"job": "reelkeep"}),
    "ReelkeepAssetsOverdue": Case({"assets_overdue": ALWAYS}, {"assets_overdue": NEVER}, {}),
    # The first loss by a cause begins a series of its own.
    "ReelkeepAssetsLost": Case({LOST: NEVER, CAUSE: f"_x39 {ONCE[5:]}"}, {LOST: NEVER, CAUSE: ALWAYS}, KIE),
    "ReelkeepCreditsLost": Case({CREDITS: f"0x40 61x{MINUTES - 40}"}, {LOST: ONCE, CREDITS: NEVER}, KIE),
    "ReelkeepDeadlineNear": Case(
        {'earliest_deadline_seconds{source="kie"}': f"119x{MINUTES}", **LIFE},
        {'earliest_deadline_seconds{source="kie"}': f"121x{MINUTES}", **LIFE},
        KIE,
    ),
    "ReelkeepMarginShrinks": Case(
        {**histogram("archive_margin_seconds", LE, {120: 2, 1200: 98}), **LIFE},
        {**histogram("archive_margin_seconds", LE, {600: 2, 1200: 98}), **LIFE},
        KIE,
    ),
    "ReelkeepArchivingSlow": Case(
        histogram("archive_seconds", TIMES, {10: 95, 1200: 5}), histogram("archive_seconds", TIMES, {300: 100}), KIE
    ),
    "ReelkeepBacklogGrows": Case(
        GROWS | {'source_paused{source="kie"}': NEVER}, GROWS | {'source_paused{source="kie"}': ALWAYS}, KIE
    ),
    "ReelkeepWorkersBehind": Case(
        {"assets_due": ALWAYS, "assets_running": NEVER, 'source_paused{source="kie"}': NEVER},
        {"assets_due": ALWAYS, "assets_running": ALWAYS, 'source_paused{source="kie"}': NEVER},
        {},
    ),
    "ReelkeepClockSilent": Case({"clock_tick_age_seconds": "Inf " * 61}, {"clock_tick_age_seconds": "15x60"}, {}),
    # Sixteen at once are one worker's death; one in each of many windows are many.
    "ReelkeepLeasesExpire": Case({EXPIRED: "0+0.1x60"}, {EXPIRED: f"0x50 16x{MINUTES - 50}"}, {}),
    "ReelkeepRetriesStorm": Case(
        {RETRIES % "http_500": "0+6x60", ARCHIVED: "0+2x60"},
        # Two web processes tell of the same 40: no sum is taken. Many that come with many archived are no storm.
        {RETRIES % "http_500": "0+4x60", RETRIES % "timed_out": "0+6x60", ARCHIVED: "0+4x60"},
        KIE | {"reason": "http_500"},
    ),
    "ReelkeepStoreUnavailable": Case({"assets_held": ALWAYS}, {"assets_held": "0x55 3x5"}, {}),
    "ReelkeepSpoolFull": Case(
        {RETRIES % "spool_unavailable": "0+1x60"}, {RETRIES % "spool_unavailable": "7x60"}, {}
    ),
    "ReelkeepAssetsQuarantined": Case(
        {'assets{source="kie",state="quarantined"}': ALWAYS}, {'assets{source="kie",state="quarantined"}': NEVER}, KIE
    ),
    "ReelkeepDeliveriesNotUnderstood": Case(
        {'deliveries_last_day{source="kie",outcome="quarantined"}': ALWAYS},
        {'deliveries_last_day{source="kie",outcome="accepted"}': ALWAYS},
        KIE,
    ),
    "ReelkeepSourcePaused": Case(
        {'source_paused{source="kie"}': ALWAYS}, {'source_paused{source="kie"}': f"0x10 1x{MINUTES - 10}"}, KIE
    ),
    "ReelkeepPollsLate": Case(
        {'poll_late_tasks{source="kie"}': ALWAYS}, {'poll_late_tasks{source="kie"}': NEVER}, KIE
    ),
    "ReelkeepPollsFail": Case(
        {'poll_failing_tasks{source="kie"}': ALWAYS}, {'poll_failing_tasks{source="kie"}': "0x55 1x5"}, KIE
    ),
    "ReelkeepTargetFailing": Case(
        {'target_failing_seconds{target="app"}': "901x60"}, {'target_failing_seconds{target="app"}': "899x60"}, APP
    ),
    "ReelkeepNotificationsDead": Case(
        {'notifications{target="app",state="dead"}': ALWAYS}, {'notifications{target="app",state="dead"}': NEVER}, APP
    ),
}  # fmt: skip


def rules() -> dict[str, dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text())
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


def told_twice(series: Series) -> list[dict[str, str]]:
    """As two web processes tell the same."""
    found = []
    for name, values in series.items():
        metric, _, labels = name.rstrip("}").partition("{")
        prefix = "" if metric == "up" else "reelkeep_"
        for instance in ("a:8080", "b:8080"):
            mine = ",".join(filter(None, (labels, f'instance="{instance}"')))
            found.append({"series": f"{prefix}{metric}{{{mine}}}", "values": values})
    return found


def test_alerts__each_fires_and_stays_quiet(tmp_path: Path) -> None:
    """Each rule is shown one example in which it fires, once, and a near one in which it does not, by two processes."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("NOT TESTED: alert rules fire and stay quiet when they should (promtool is not installed)")
    known = rules()
    assert set(known) == set(CASES)
    bare = [{name: value for name, value in rule.items() if name != "annotations"} for rule in known.values()]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": bare}]}))
    tests = []
    for alert, case in CASES.items():
        raised = [{"exp_labels": case.labels | known[alert]["labels"]}]
        for series, expected in ((case.fires, raised), (case.quiet, [])):
            asked = {"eval_time": f"{MINUTES}m", "alertname": alert, "exp_alerts": expected}
            tests.append({"interval": "1m", "input_series": told_twice(series), "alert_rule_test": [asked]})
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(document, width=1000))
    done = subprocess.run(
        [promtool, "test", "rules", "tests.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def test_alerts__each_has_its_page() -> None:
    """Each rule names a section of the operations guide that says what to do, and there is no other such section."""
    page = (ROOT / "docs" / "operations.md").read_text()
    sections = re.findall(r"^### (Reelkeep\w+)\n\n\S", page, re.MULTILINE)
    assert sorted(rules()) == sorted(sections)
    named = {alert: rule["annotations"]["runbook"] for alert, rule in rules().items()}
    assert {alert: f"docs/operations.md#{alert.lower()}" for alert in sections} == named
