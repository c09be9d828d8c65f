"""`status`, `tasks|assets|deliveries list|show`, and the few things an operator does to one of them."""

import argparse
import json

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
    made = under.add("list", _list, f"list {what}, newest first", what=what)
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
    for alert in status["alerts"]:
        print(f"\nALERT  {alert}")
    asked = [{"source": n, **s["polling"]} for n, s in sorted(status["sources"].items()) if "polling" in s]
    if asked:
        print("\n" + table(asked, _POLLING))
    print()
    rows = [
        {"source": source, "what": what, **numbers}
        for what in ("deliveries", "tasks", "assets")
        for source, numbers in sorted(status.get(what, {}).items())
    ]
    names = sorted({name for row in rows for name in row} - {"source", "what"})
    print(table(rows, ("source", "what", *names)))
    return 1 if status["alerts"] else 0


def _list(options: argparse.Namespace) -> int:
    asked = {name: value for name in FILTERS if (value := getattr(options, name)) is not None}
    page = client(options).get(f"/api/{options.what}", asked)
    if options.json:
        print(json.dumps(page, indent=2))
        return 0
    print(table(page["items"], _COLUMNS[options.what]))
    if page["next_cursor"]:
        print(f"\nmore: --cursor {page['next_cursor']}")
    return 0
