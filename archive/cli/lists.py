"""`status`, `tasks|assets|deliveries list|show`, and the few things an operator does to one of them."""

import argparse
import json
from typing import Any

from archive.cli.verbs import Verbs, act, client, show
from archive.tables import table

FILTERS = ("source", "state", "task_id", "external_id", "since", "until", "q", "limit", "cursor")
_COLUMNS = {
    "tasks": ("task_id", "source", "state", "reason", "external_id", "created_at", "id"),
    "assets": ("task_id", "source", "role", "state", "reason", "external_id", "size", "must_by", "archived_at", "id"),
    "deliveries": ("received_at", "source", "outcome", "reason", "verdict", "repeats", "task_id", "external_id", "id"),
}
_POLLING = ("source", "open", "due", "late", "lag", "failing", "trouble", "requests_per_minute")


def add(verbs: Verbs) -> None:
    verbs.add("status", _status, "what waits and what is done")
    assets = nouns(verbs, "assets", "asset")
    made = assets.add("retry", act, "try a waiting, quarantined or lost asset now", what="assets", verb="retry")
    made.add_argument("id")
    deliveries = nouns(verbs, "deliveries", "delivery")
    made = deliveries.add("replay", act, "read a stored delivery again", what="deliveries", verb="replay")
    made.add_argument("id")
    for name, text in (("pause", "start no new transfers of a source"), ("resume", "go on with a paused source")):
        verbs.add(name, act, text, what="sources", verb=name).add_argument("id", metavar="source")


def nouns(verbs: Verbs, what: str, singular: str) -> Verbs:
    """`WHAT list` and `WHAT show`; returns the level, for more verbs."""
    under = verbs.under(what, f"list and show {what}")
    made = under.add(
        "list", list_rows, f"list {what}, newest first", what=what, columns=_COLUMNS[what], filters=FILTERS
    )
    for name in FILTERS:
        made.add_argument(f"--{name.replace('_', '-')}", type=int if name == "limit" else str)
    under.add("show", show, f"everything about one {singular}", what=what).add_argument("id")
    return under


def _status(options: argparse.Namespace) -> int:
    status = client(options).get("/api/status")
    if options.json:
        print(json.dumps(status, indent=2))
        return 1 if status["alerts"] else 0
    work = status["work"]
    print(f"due {work['due']}   running {work['running']}   looks due {work['looks_due']}   overdue {work['overdue']}")
    if urgency := status.get("urgency"):
        left, ticked = urgency["earliest_deadline"], urgency["clock_tick_age"]
        words = [
            "nothing waits" if left is None else f"most urgent {left} s left",
            f"oldest due {urgency['oldest_due']} s",
        ]
        print("   ".join([*words, "no clock" if ticked is None else f"clock {ticked} s ago"]))
    for alert in status["alerts"]:
        print(f"\nALERT  {alert}")
    asked = [{"source": n, **s["polling"]} for n, s in sorted(status["sources"].items()) if "polling" in s]
    if asked:
        print("\n" + table(asked, _POLLING))
    ailing = [one for one in status.get("targets", []) if one["failing_since"] or one["dead"]]
    if ailing:
        print("\n" + "\n".join(map(_ailing, ailing)))
    print()
    rows = [
        {"source": source, "what": what, **numbers}
        for what in ("deliveries", "tasks", "assets")
        for source, numbers in sorted(status.get(what, {}).items())
    ]
    names = sorted({name for row in rows for name in row} - {"source", "what"})
    print(table(rows, ("source", "what", *names)))
    return 1 if status["alerts"] else 0


def _ailing(target: dict[str, Any]) -> str:
    """One line about a target that does not take what it is sent, or did not."""
    name, found = target["name"], []
    if target["failing_since"]:
        found.append(f"failing since {target['failing_since']} ({target['reason']})")
    if target["dead"]:
        found.append(f"{target['dead']} dead (reelkeep notify redrive --all --target {name})")
    return f"target {name}: {', '.join(found)}"


def list_rows(options: argparse.Namespace) -> int:
    """`NOUN list`: a page of *options.what* by *options.filters*, as *options.columns*."""
    asked = {name: value for name in options.filters if (value := getattr(options, name)) is not None}
    page = client(options).get(f"/api/{options.what}", asked)
    if options.json:
        print(json.dumps(page, indent=2))
        return 0
    print(table(page["items"], options.columns))
    if page["next_cursor"]:
        print(f"\nmore: --cursor {page['next_cursor']}")
    return 0
