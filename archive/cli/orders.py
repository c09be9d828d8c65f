"""`orders`: what was ordered and is not known to exist."""

import argparse
import json

from archive.cli.verbs import Verbs, act, client
from archive.tables import table

_COLUMNS = ("created_at", "source", "external_id", "request", "id")


def add(verbs: Verbs) -> None:
    orders = verbs.under("orders", "orders whose tasks are not known: their answers were cut off")
    orders.add("list", _list, "what was asked for, an hour ago and before")
    made = orders.add("dismiss", act, "say that you have looked at the provider", what="orders", verb="dismiss")
    made.add_argument("id")


def _list(options: argparse.Namespace) -> int:
    page = client(options).get("/api/orders")
    if options.json:
        print(json.dumps(page, indent=2))
        return 0
    rows = [{**row, "request": json.dumps(_asked(row.get("metadata")))[:80]} for row in page["items"]]
    print(table(rows, _COLUMNS))
    if rows:
        print(
            "\nWhere the task exists: reelkeep tasks add SOURCE TASK_ID; then, or where not: reelkeep orders dismiss ID"
        )
    return 0


def _asked(metadata: object) -> object:
    """The request as it was sent, which stands in the metadata."""
    kept = metadata.get("generate") if isinstance(metadata, dict) else None
    return kept.get("request") if isinstance(kept, dict) else None
