"""
Does polling keep within an account's limit and cost the same with 100 times as many open tasks?

    python -m tests.benchmarks.polling [--seconds 60] [--rounds 2]

A poll-only provider of 30 requests a minute (seedance2ai.io's limit, the account's, polling included) has 50 and 5,000
tasks that never end. Two measurements, both sizes in turn in the same run:

- an hour on a virtual clock, on the ledger's own functions: requests per ten minutes, most in any 60 s;
- real processes (web, worker, clock) against a local API that counts: requests and CPU seconds per minute.

5,000 tasks are more than the account can be asked about in a link's life, so that the alert must be there as well.
"""

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sqlalchemy import type_coerce, update
from sqlalchemy.types import BigInteger

from archive.alerts import link_lives
from archive.ledger import claims, looks, migrate, queries, tasks
from archive.ledger.database import Database
from archive.ledger.schema import MICROSECOND
from archive.ledger.schema import tasks as tasks_table
from archive.model import Event, Progress, Verdict
from archive.providers import PROVIDERS
from archive.sources import Source
from archive.statements import state
from tests.doubles import START, FakeClock
from tests.system.harness import GatedS3, Redis, Service, stopping, wait_for

NAME, PROVIDER = "poll-only", "seedance2ai"
SIZES = (50, 5_000)
MINUTE = timedelta(minutes=1)
RESULTS = Path(__file__).parents[2] / "docs" / "benchmarks"


def main() -> None:
    """Measure, print, and write `docs/benchmarks/polling.{json,md}`."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.polling")
    parser.add_argument("--seconds", type=int, default=60, help="of each real window")
    parser.add_argument("--rounds", type=int, default=2, help="real windows of each size")
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # the S3 double's access log
    found = {
        "virtual": [virtual(size) for size in SIZES],
        "real": [real(size, options.seconds) for _ in range(options.rounds) for size in SIZES],
    }
    text = report(found)
    sys.stdout.write(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "polling.json").write_text(json.dumps(found, indent=2) + "\n")
    (RESULTS / "polling.md").write_text(text)


def virtual(size: int) -> dict[str, Any]:
    """An hour of a worker's looks on a clock that is moved by hand; every answer is `processing`."""
    clock, source = FakeClock(), Source.model_validate({"provider": PROVIDER, "api_key": "k"}, context={})
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/ledger.db", clock=clock)
        migrate.upgrade(db)
        claims.register_sources(db, {NAME: 1})
        register(db, size, START)
        sent: list[datetime] = []
        began = time.process_time()
        while clock.now < START + 60 * MINUTE:
            while taken := looks.take(db, {NAME: source.budget}, {}):
                for look in taken:
                    sent.append(clock.now)
                    event = Event(look.task_id, Progress.RUNNING, PROVIDERS[PROVIDER].ROUTES[0])
                    said = state(NAME, source, event, Verdict.POLLED, "poll")
                    looks.record(db, look, said, clock.now + source.pace.floor)
            clock.advance(seconds=1)
        spent = time.process_time() - began
        polling = queries.polling(db, link_lives({NAME: source}))[NAME]
        db.close()
    tens = [sum(START + n * 10 * MINUTE <= at < START + (n + 1) * 10 * MINUTE for at in sent) for n in range(6)]
    most = max(sum(start <= at < start + MINUTE for at in sent) for start in sent)
    return {
        "tasks": size,
        "requests_per_ten_minutes": tens,
        "most_in_60_s": most,
        "cpu_ms_per_look": round(1000 * spent / len(sent), 2),
        "late": polling.late,
        "lag_minutes": round(polling.lag / MINUTE, 1),
    }


def real(size: int, seconds: int) -> dict[str, Any]:
    """Web, worker and clock as processes, over *seconds* after the first minute's burst is spent."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        api = stack.enter_context(endless())
        s3, redis = GatedS3(), Redis()
        settings = (
            f'[sources.{NAME}]\nprovider = "{PROVIDER}"\napi_key = "k"\napi_base = "{api.url}"\ninsecure_http = true'
        )
        service = Service(Path(folder), s3=s3.url, redis=redis.url, settings=settings)
        stack.enter_context(stopping(service, redis, s3))
        service.start("web")
        db = Database(service.env["DATABASE_URL"])
        register(db, size, datetime.now(UTC) - 2 * link_life())
        with db.write() as conn:  # as if none had been asked about since its result was likely, two link lives ago
            overdue = type_coerce(tasks_table.c.expected_at, BigInteger) + link_life() // MICROSECOND
            conn.execute(update(tasks_table).values(must_by=overdue))
        db.close()
        pids = [service.start(name) for name in ("worker", "clock")]
        wait_for("the worker asks", lambda: len(api.asked) >= 4)
        before, began = [cpu_seconds(pid) for pid in pids], time.monotonic()
        time.sleep(seconds)
        spent = sum(cpu_seconds(pid) for pid in pids) - sum(before)
        minutes = (time.monotonic() - began) / 60
        asked = [at for at in api.asked if at >= began]
        most = max(sum(start <= at < start + 60 for at in api.asked) for start in api.asked)
        status = service.api.get("/api/status").raise_for_status().json()
    return {
        "tasks": size,
        "requests_per_minute": round(len(asked) / minutes, 1),
        "most_in_60_s": most,
        "cpu_seconds_per_minute": round(spent / minutes, 2),
        "late": status["sources"][NAME]["polling"]["late"],
        "lag_minutes": round(status["sources"][NAME]["polling"]["lag"] / 60, 1),
        "alerts": status["alerts"],
    }


def register(db: Database, size: int, by: datetime) -> None:
    life = link_life()
    wanted = [tasks.Registration(NAME, f"sd2_{n}", None, None, by, timedelta(0), life, True) for n in range(size)]
    for start in range(0, size, 500):
        tasks.register(db, wanted[start : start + 500], "benchmark")


def link_life() -> timedelta:
    return PROVIDERS[PROVIDER].LINK_LIFE


class Api:
    """Where requests are answered, and when each came (monotonic seconds)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[float] = []


@contextmanager
def endless() -> Iterator[Api]:
    """An API by which every task is always being processed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.append(time.monotonic())
            body = json.dumps({"id": self.path.rsplit("/", 1)[1], "status": "processing", "output": None}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api = Api(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield api
        server.shutdown()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (proc(5), /proc/PID/stat fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(found: dict[str, list[dict[str, Any]]]) -> str:
    budget = Source.model_validate({"provider": PROVIDER, "api_key": "k"}, context={}).budget
    lines = [
        "# Polling an account of 30 requests a minute",
        "",
        f"`make bench`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores. Half of the limit is 15 in any 60 s;",
        f"kept up are {budget.per_minute:.1f} a minute. A link lives {link_life() / MINUTE:.0f} minutes.",
        "",
        "An hour on a virtual clock (SQLite; each look is a claim, an answer and two commits):",
        "",
        "| open tasks | requests in each 10 min | most in any 60 s | CPU ms a look | late at the end | lag |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['tasks']:,} | {', '.join(map(str, row['requests_per_ten_minutes']))} | {row['most_in_60_s']} "
        f"| {row['cpu_ms_per_look']} | {row['late']:,} | {row['lag_minutes']} min |"
        for row in found["virtual"]
    ]
    lines += [
        "",
        "Real processes, in turn (medians; CPU of worker and clock, idle loops included):",
        "",
        "| open tasks | requests a minute | most in any 60 s | CPU s a minute | late | lag |",
        "|---|---|---|---|---|---|",
    ]
    for size in SIZES:
        rows = [row for row in found["real"] if row["tasks"] == size]
        middle = {
            name: round(statistics.median(row[name] for row in rows), 2)
            for name in ("requests_per_minute", "cpu_seconds_per_minute", "late", "lag_minutes")
        }
        most = max(row["most_in_60_s"] for row in rows)
        lines.append(
            f"| {size:,} | {middle['requests_per_minute']} | {most} | {middle['cpu_seconds_per_minute']} "
            f"| {middle['late']:,.0f} | {middle['lag_minutes']} min |"
        )
    alerts = next(row["alerts"] for row in found["real"] if row["tasks"] == SIZES[-1])
    lines += ["", f"The alert with {SIZES[-1]:,} open tasks:", "", *(f"> {alert}" for alert in alerts), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
