"""`tasks import`: a whole list of tasks, and what became of each."""

import argparse
import csv
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.cli.verbs import Verbs, client
from archive.cli.watching import BAD, CHUNK, FATES, fate, look_up, reason, watch
from archive.imports import Mistake, Row, read
from archive.tables import printable, table
from reelkeep.client import Client

MAX_REQUEST = 1 << 19  # bytes; proxies often let 1 MiB pass
_COUNTED = ("archived", "waiting", "lost", "quarantined", "disposed")  # its assets, by state
_REPORT = ("source", "task_id", "external_id", "fate", "state", "reason", *_COUNTED, "id")


def add(tasks: Verbs) -> None:
    made = tasks.add("import", _import, "register many tasks from a file (CSV or JSON Lines)")
    made.add_argument("file", metavar="FILE", help="- for standard input")
    made.add_argument("--source", metavar="NAME", help="of rows that name none")
    made.add_argument(
        "--expected-by", metavar="INSTANT", type=_instant,
        help="of rows that name none: ISO 8601, or now for tasks just made (default: they are from the past)",
    )  # fmt: skip
    made.add_argument(
        "--wait", nargs="?", type=float, const=math.inf, metavar="SECONDS", help="until all have ended, or so long"
    )
    made.add_argument("--report", metavar="FILE.csv", help="write what became of each task")


def _import(options: argparse.Namespace) -> int:
    raw = sys.stdin.buffer.read() if options.file == "-" else _file(options.file)
    if raw is None or (options.report and not _is_writable(options.report)):
        return 1
    api = client(options)
    rows, mistakes = read(raw, options.file, source=options.source)
    known = api.get("/api/status")["sources"] if rows else {}
    unknown = "No source {} is configured."
    mistakes += [Mistake(row.line, unknown.format(row.source)) for row in rows if row.source not in known]
    if mistakes:
        for mistake in sorted(mistakes, key=lambda one: one.line):
            print(f"{printable(options.file)}, line {mistake.line}: {printable(mistake.text)}", file=sys.stderr)
        print("reelkeep: nothing was imported", file=sys.stderr)
        return 1
    for name in sorted({row.source for row in rows if not known[row.source].get("can_ask")}):
        print(f"reelkeep: note: {name} has no api_key, so only callbacks can finish its tasks", file=sys.stderr)
    added = [task for chunk in _chunks(rows, options.expected_by) for task in _send(api, chunk)]
    new = sum(task["is_new"] for task in added)
    counts = Counter(task["state"] for task in added)
    states = ", ".join(f"{number:,} {state}" for state, number in sorted(counts.items()))
    if not options.json:
        print(f"{new:,} new, {len(added) - new:,} known" + (f": {states}" if states else ""))
    told = _told(options, api, [task["id"] for task in added])
    if options.json:
        seen = {"tasks": told} if told is not None else {"tasks": added}
        print(json.dumps({"new": new, "known": len(added) - new, "states": counts, **seen}, indent=2))
    elif told is not None:
        _summary(told)
    if told is None:
        return 1 if any(task["state"] in BAD for task in added) else 0
    unwanted = BAD | {"open"} if options.wait is not None else BAD
    return 1 if any(fate(task) in unwanted for task in told) else 0


def _told(options: argparse.Namespace, api: Client, ids: Sequence[str]) -> list[dict[str, Any]] | None:
    """What became of the tasks, where it was asked for; the report is written."""
    if options.wait is not None:
        told = watch(api, ids, options.wait, now=time.monotonic, sleep=time.sleep, say=_say)
    elif options.report:
        told = list(look_up(api, ids))
    else:
        return None
    if options.report:
        with Path(options.report).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _REPORT, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**task["assets"], **task, "fate": fate(task), "reason": reason(task)} for task in told)
    return told


def _summary(told: Sequence[Mapping[str, Any]]) -> None:
    counted: dict[str, Counter[str]] = {}
    for task in told:
        counted.setdefault(task["source"], Counter())[fate(task)] += 1
    names = [name for name in FATES if any(numbers[name] for numbers in counted.values())]
    print(
        "\n" + table([{"source": source, **numbers} for source, numbers in sorted(counted.items())], ("source", *names))
    )
    bad = [{**task, "fate": fate(task), "reason": reason(task)} for task in told if fate(task) in BAD]
    if bad:
        print("\n" + table(bad, ("fate", "source", "task_id", "external_id", "reason")))


def _file(name: str) -> bytes | None:
    try:
        return Path(name).read_bytes()
    except OSError as exc:
        print(f"reelkeep: {printable(name)} cannot be read ({exc.strerror})", file=sys.stderr)
        return None


def _is_writable(name: str) -> bool:
    """Whether the report can be written: to be known before hours are waited for it."""
    try:
        Path(name).open("a").close()
    except OSError as exc:
        print(f"reelkeep: {printable(name)} cannot be written ({exc.strerror})", file=sys.stderr)
        return False
    return True


def _chunks(rows: Sequence[Row], expected_by: datetime | None) -> Iterator[list[dict[str, Any]]]:
    """What each request takes: at most so many rows, and so many bytes."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        at = row.expected_by or expected_by
        said = {
            "source": row.source,
            "task_id": row.task_id,
            "external_id": row.external_id,
            "metadata": row.metadata,
            "expected_by": at.isoformat() if at else None,
        }
        weight = len(json.dumps(said))
        if chunk and (len(chunk) == CHUNK or size + weight > MAX_REQUEST):
            yield chunk
            chunk, size = [], 0
        chunk.append(said)
        size += weight
    if chunk:
        yield chunk


def _send(api: Client, chunk: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    added: list[dict[str, Any]] = api.post("/api/tasks/import", {"tasks": list(chunk)})["tasks"]
    return added


def _say(line: str) -> None:
    print(f"reelkeep: {line}", file=sys.stderr)


def _instant(text: str) -> datetime:
    """For argparse: an instant with its zone, or now."""
    if text == "now":
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError("an instant with its time zone (2026-11-21T12:00:00Z), or now")
    return found.astimezone(UTC)
