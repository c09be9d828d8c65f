"""`notify`: what the user's applications were told, what could not be delivered, and whether a target hears us."""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from archive.cli.lists import list_rows
from archive.cli.verbs import Verbs, act, client, show, tell
from archive.tables import printable, table
from reelkeep.client import Client

_FILTERS = ("target", "type", "source", "since", "until")  # of the dead ones to send again
_LIST_FILTERS = ("target", "state", "type", "source", "since", "until", "q", "limit", "cursor")
_COLUMNS = ("created_at", "target", "type", "state", "reason", "attempts", "due_at", "subject_id", "id")
_TARGETS = ("name", "url", "failing_since", "reason", "rests_until", "pending", "delivered", "dead")
_EVERY = 0.2  # seconds between two looks at a test


def add(verbs: Verbs) -> None:
    notify = verbs.under("notify", "what your applications are told")
    made = notify.add("list", list_rows, "list notifications, newest first", what="notifications", columns=_COLUMNS)
    made.set_defaults(filters=_LIST_FILTERS)
    for name in _LIST_FILTERS:
        made.add_argument(f"--{name}", type=int if name == "limit" else str)
    notify.add("show", show, "everything about one notification", what="notifications").add_argument("id")
    made = notify.add("redrive", _redrive, "send again what was given up", what="notifications", verb="redrive")
    made.add_argument("id", nargs="?", help="one notification, dead or delivered")
    made.add_argument("--all", action="store_true", help="all dead ones, or those that fit")
    for name in _FILTERS:
        made.add_argument(f"--{name}", help=f"with --all: only {'of this ' if name in _FILTERS[:3] else ''}{name}")
    notify.add("targets", _targets, "the targets and how they are doing")
    made = notify.add("test", _test, "send a test and see whether it arrives")
    made.add_argument("target", nargs="?", help="default: every target")
    made.add_argument("--wait", type=float, default=30.0, metavar="SECONDS", help="how long to look on (30)")


def _redrive(options: argparse.Namespace) -> int:
    wanted = {name: value for name in _FILTERS if (value := getattr(options, name)) is not None}
    if bool(options.id) is options.all or (options.id and wanted):
        print("reelkeep: redrive one ID, or --all with filters", file=sys.stderr)
        return 2
    if options.id:
        return act(options)
    return tell(options, client(options).post("/api/notifications/redrive", wanted))


def _targets(options: argparse.Namespace) -> int:
    answer = client(options).get("/api/targets")
    if options.json:
        return tell(options, answer)
    print(table(answer["items"], _TARGETS))
    for one in answer["items"]:
        if one["advice"]:
            print(f"\n{one['name']}: {one['advice']}")
    return 0


def _test(options: argparse.Namespace) -> int:
    asked = client(options)
    names = [options.target] if options.target else [one["name"] for one in asked.get("/api/targets")["items"]]
    if not names:
        print("reelkeep: no target is configured: add a [[notify]] table to the settings", file=sys.stderr)
        return 1
    # Asked for all at once, so that one that does not answer keeps none of the others waiting.
    sent = [asked.post(f"/api/targets/{quote(name, safe='')}/test") for name in names]
    ended = _watch(asked, sent, options.wait)
    if options.json:
        tell(options, {"items": ended})
    else:
        for one in ended:
            print(f"{printable(one['target'])}: {_said(one, options.wait)}")
    return 0 if all(one["state"] == "delivered" for one in ended) else 1


def _watch(
    asked: Client, sent: list[dict[str, Any]], seconds: float, sleep: Callable[[float], None] = time.sleep
) -> list[dict[str, Any]]:
    """The rows as soon as each was tried once, or as they are when the time is up."""
    end = time.monotonic() + seconds
    rows = list(sent)
    while True:
        rows = [row if _is_tried(row) else asked.get(f"/api/notifications/{row['id']}") for row in rows]
        if all(map(_is_tried, rows)) or time.monotonic() >= end:
            return rows
        sleep(_EVERY)


def _is_tried(row: dict[str, Any]) -> bool:
    return row["state"] != "pending" or row["reason"] is not None


def _said(row: dict[str, Any], seconds: float) -> str:
    if row["state"] == "delivered":
        took = datetime.fromisoformat(row["ended_at"]) - datetime.fromisoformat(row["created_at"])
        return f"delivered in {took.total_seconds():.2f} s"
    if not _is_tried(row):
        return f"not tried within {seconds:g} s: is a worker running, with this target in its settings?"
    return f"failed ({printable(row['reason'])}). {row['advice'] or ''}".rstrip()
