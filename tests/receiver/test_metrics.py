"""What Prometheus reads, and the rules that come with it."""

import math
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from httpx2 import Response
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update

from archive.ledger import claims, gauges, leases, results, tallies
from archive.ledger.database import Database
from archive.ledger.schema import notifications, targets
from archive.ledger.tallies import Tally
from archive.model import NotificationState
from archive.providers import kie
from tests.doubles import FakeClock
from tests.receiver.house import OPERATOR, TOKEN, VIEWER, House, assert_problem, open_house

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"


def read(response: Response) -> dict[tuple[str, str, str], float]:
    """Samples by name, source and state or outcome."""
    assert 200 == response.status_code, response.text
    return {
        (one.name, one.labels.get("source", ""), one.labels.get("state", one.labels.get("outcome", ""))): one.value
        for family in text_string_to_metric_families(response.text)
        for one in family.samples
    }


def test_metrics__count_what_the_ledger_holds(db: Database, clock: FakeClock) -> None:
    """Assets, tasks and deliveries by source and state; what is due, held and overdue; what is paused."""
    with open_house(db, clock) as house:
        for n in range(3):
            house.deliver(task_id=f"t{n}", link=f"https://storage.kie.ai/{n}.mp4")
        house.deliver(task_id="t9", link="https://evil.example/x.mp4")
        house.deliver("asked", task_id="t1")
        assert claims.take(db, "w", house.settings.caps, timedelta(seconds=12)) is not None
        house.ask("POST", "/api/sources/token/pause")
        found = read(house.ask("GET", "/metrics", VIEWER))
        expected = {
            ("reelkeep_assets", "signed", "waiting"): 3, ("reelkeep_assets", "signed", "quarantined"): 1,
            ("reelkeep_assets", "signed", "lost"): 0, ("reelkeep_assets", "open", "archived"): 0,
            ("reelkeep_tasks", "signed", "succeeded"): 3, ("reelkeep_tasks", "signed", "open"): 1,
            ("reelkeep_tasks", "asked", "open"): 1,
            ("reelkeep_deliveries_last_day", "signed", "accepted"): 3,
            ("reelkeep_deliveries_last_day", "signed", "quarantined"): 1,
            ("reelkeep_deliveries_last_day", "asked", "accepted"): 1,
            ("reelkeep_source_paused", "token", ""): 1, ("reelkeep_source_paused", "signed", ""): 0,
            ("reelkeep_assets_due", "", ""): 2, ("reelkeep_assets_running", "", ""): 1,
            ("reelkeep_assets_overdue", "", ""): 0, ("reelkeep_looks_due", "", ""): 1,
        }  # fmt: skip
        assert expected == {key: found[key] for key in expected}
        clock.advance(days=2)
        later = read(house.ask("GET", "/metrics", VIEWER))
        assert (0, 3) == (
            later["reelkeep_deliveries_last_day", "signed", "accepted"],
            later["reelkeep_assets_overdue", "", ""],
        )


def test_metrics__count_no_further_than_they_must(db: Database, clock: FakeClock) -> None:
    """However much there is, a count stops at its bound."""
    with open_house(db, clock) as house:
        for n in range(5):
            house.deliver(task_id=f"t{n}", link=f"https://storage.kie.ai/{n}.mp4")
    for count in (gauges.assets_by_state, gauges.tasks_by_state, gauges.deliveries_by_outcome):
        assert [5, 3] == [max(count(db, ["signed", "token"], at_most).values()) for at_most in (9, 3)]
        assert 0 == sum(count(db, ["token"]).values()) or count is gauges.deliveries_by_outcome


def test_metrics__of_no_source(small_db: Database, clock: FakeClock) -> None:
    """An installation without sources has metrics, too."""
    with open_house(small_db, clock, sources={}) as house:
        assert 0 == read(house.ask("GET", "/metrics"))["reelkeep_assets_due", "", ""]


def test_metrics__how_late_looks_are(house: House) -> None:
    """Lag and number of late looks for each source that can be asked, as the ledger tells them."""
    house.ask("POST", "/api/tasks", json={"source": "asked", "task_id": "t1"})
    house.clock.advance(minutes=30)
    found = read(house.ask("GET", "/metrics", VIEWER))
    looks = {(name, source): value for (name, source, _), value in found.items() if name.startswith("reelkeep_poll")}
    lag = timedelta(minutes=30) - kie.PACE.typical
    assert {
        ("reelkeep_poll_lag_seconds", "asked"): lag.total_seconds(),
        ("reelkeep_poll_late_tasks", "asked"): 1,
        ("reelkeep_poll_failing_tasks", "asked"): 0,
    } == looks


def test_metrics__notifications_and_targets(db: Database, clock: FakeClock) -> None:
    """Notifications by target and state, and how often and how long a target has taken nothing."""
    row = {"type": "asset.lost", "source": "signed", "subject": "asset", "subject_id": "a", "created_at": clock.now}
    with open_house(db, clock) as house:
        with db.write() as conn:
            states = [("app", "dead"), ("app", "dead"), ("app", "delivered"), ("", "dead")]
            rows = [row | {"id": f"{n:032x}", "target": name, "state": state} for n, (name, state) in enumerate(states)]
            conn.execute(insert(notifications), rows)
            conn.execute(update(targets).values(failures=3, failing_since=clock.now - timedelta(minutes=4)))
        found = {
            (one.name, *sorted(one.labels.values(), key=lambda label: label in list(NotificationState))): one.value
            for family in text_string_to_metric_families(house.ask("GET", "/metrics", VIEWER).text)
            for one in family.samples
            if "target" in one.labels and family.type == "gauge"
        }
    told = {(target, str(state)): 0 for target in ("app", "(callers)") for state in NotificationState}
    told |= {("app", "dead"): 2, ("app", "delivered"): 1, ("(callers)", "dead"): 1}
    failing = {("reelkeep_target_failures", "app"): 3, ("reelkeep_target_failing_seconds", "app"): 240}
    assert {("reelkeep_notifications", *key): value for key, value in told.items()} | failing == found


@pytest.mark.parametrize(
    ("token", "status", "reason"),
    [(None, 401, "token_missing"), ("guess", 401, "token_unknown"), (TOKEN, 401, "token_unknown")],
)
def test_metrics__for_viewers(house: House, token: str | None, status: int, reason: str) -> None:
    """Numbers are not for everybody; viewers and operators read them, as the text Prometheus has known for years."""
    assert_problem(house.ask("GET", "/metrics", token), status, reason)
    for known in (VIEWER, OPERATOR):
        answer = house.ask("GET", "/metrics", known)
        assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]


def test_metrics__while_the_ledger_is_away(house: House) -> None:
    """A scrape that cannot be answered fails, so that `up` tells."""
    Path(str(house.db.engine.url.database)).unlink()
    house.db.close()
    assert_problem(house.ask("GET", "/metrics"), 503, "ledger_unavailable")


def counted(text: str) -> dict[tuple[str, ...], float]:
    """Samples that are not 0 of counters and histograms, by name and their labels' values, these by their names."""
    return {
        (one.name.removeprefix("reelkeep_"), *(one.labels[name] for name in sorted(one.labels))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.value and family.type != "gauge"
    }


def test_metrics__counters_and_histograms(db: Database, clock: FakeClock) -> None:
    """What was counted is told as Prometheus knows it: buckets add up, sums and credits are there, `other` is 0."""
    with open_house(db, clock) as house:
        house.deliver(task_id="t1")
        archived = claims.take(db, "w", house.settings.caps, timedelta(seconds=12))
        assert archived is not None
        results.intend(db, archived, claims.Intent("videos", "k", 5, "ab" * 32, "video/mp4", None))
        clock.advance(seconds=4)
        results.archived(db, archived, None, {})
        with db.write() as conn:
            lost = Tally(tallies.LOSSES, "token", ("asset", "http_403"), count=2, total=61.5)
            tallies.raise_(conn, lost, Tally(tallies.NOTIFICATIONS, "", ("dead",)))
            tallies.raise_(conn, Tally(tallies.RETRIES, "not-configured", ("http_500",)))
        text = house.ask("GET", "/metrics", VIEWER).text
    found = counted(text)
    margin = (kie.LINK_LIFE - timedelta(seconds=4)).total_seconds()
    expected: dict[tuple[str, ...], float] = {
        ("archive_margin_seconds_bucket", le, "signed"): 1
        for le in ["1200.0", "3600.0", "21600.0", "86400.0", "604800.0", "+Inf"]
    }
    slow = ["5.0", "10.0", "30.0", "60.0", "120.0", "300.0", "600.0", "1200.0", "3600.0", "+Inf"]
    expected |= {("archive_seconds_bucket", le, "signed"): 1 for le in slow}
    expected |= {
        ("archive_margin_seconds_count", "signed"): 1, ("archive_margin_seconds_sum", "signed"): margin,
        ("archive_seconds_count", "signed"): 1, ("archive_seconds_sum", "signed"): 4,
        ("archived_bytes_total", "signed"): 5,
        ("losses_total", "http_403", "token", "asset"): 2, ("lost_credits_total", "http_403", "token", "asset"): 61.5,
        ("deliveries_total", "accepted", "signed", "signed_id"): 1,
        ("notification_attempts_total", "dead", "(callers)"): 1,
    }  # fmt: skip
    assert expected == found
    assert 'reelkeep_losses_total{cause="other",source="signed",subject="asset"} 0.0' in text


def test_metrics__what_waits_and_the_clock(house: House) -> None:
    """How urgent the backlog is, how long links live, and how long ago the clock ticked, if it ever did."""
    house.deliver(task_id="t1")
    assert math.inf == read(house.ask("GET", "/metrics"))["reelkeep_clock_tick_age_seconds", "", ""]
    leases.hold(house.db, leases.CLOCK, "c", leases.clock_life(house.settings.workers.sweep))
    house.clock.advance(seconds=7)
    found = read(house.ask("GET", "/metrics"))
    life = kie.LINK_LIFE.total_seconds()
    expected = {
        ("clock_tick_age_seconds", ""): 7, ("oldest_due_seconds", "signed"): 7, ("oldest_due_seconds", "open"): 0,
        ("earliest_deadline_seconds", "signed"): life - 7, ("earliest_deadline_seconds", "open"): math.inf,
        ("link_life_seconds", "signed"): life,
    }  # fmt: skip
    assert expected == {key: found[f"reelkeep_{key[0]}", key[1], ""] for key in expected}


def test_docs__name_every_figure(house: House) -> None:
    """docs/operations.md has a row for each gauge, counter and histogram, with its labels, and no other."""
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = {
        name: set(filter(None, labels.split(", ")))
        for name, labels in re.findall(r"^\| `(reelkeep_\w+)` \| ([\w, ]*) \|", page, re.MULTILINE)
    }
    families = list(text_string_to_metric_families(house.ask("GET", "/metrics").text))
    told = {family.name + "_total" * (family.type == "counter"): family for family in families}
    assert rows == {name: set(family.samples[0].labels) - {"le"} for name, family in told.items()}
    assert all(family.documentation for family in families)
    assert {"gauge", "counter", "histogram"} == {family.type for family in families}


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_rules__speak_of_what_there_is(house: House) -> None:
    """Every figure, label, state and outcome a rule asks for exists; each says how bad it is and what it means."""
    text = house.ask("GET", "/metrics").text
    found = [one for family in text_string_to_metric_families(text) for one in family.samples]
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        named = re.findall(r"(reelkeep_\w+)(?:\{(\w+)=~?\"([^\"]+)\"\})?", rule["expr"])
        assert named or "up{" in rule["expr"]
        for name, label, value in named:
            samples = [one for one in found if one.name == name]
            assert samples, name
            assert not label or all(label in one.labels for one in samples)
            assert label in {"", "reason"} or value in {one.labels[label] for one in samples}


def test_rules__and_the_text_pass_prometheus_own_check(house: House) -> None:
    """promtool accepts the rules, and finds nothing to say about the text."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("NOT TESTED: Prometheus accepts the rules and the metrics (promtool is not installed)")
    checked = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert 0 == checked.returncode, checked.stderr
    text = house.ask("GET", "/metrics").text
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (0, "") == (checked.returncode, checked.stderr)
