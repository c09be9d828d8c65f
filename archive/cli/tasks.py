"""`tasks`: what is watched over."""

import argparse
import sys

from archive.cli import imports, redrive
from archive.cli.lists import nouns
from archive.cli.verbs import Verbs, about_task, client, own_words, tell


def add(verbs: Verbs) -> None:
    tasks = nouns(verbs, "tasks", "task")
    made = tasks.add("add", _add, "register a task so that it is looked after")
    made.add_argument("source")
    made.add_argument("task_id")
    own_words(made)
    made.add_argument("--callback-id", metavar="ID", help="the callback URL that was made for it")
    made.add_argument("--expected-by", metavar="INSTANT", help="when the result is likely (ISO 8601)")
    imports.add(tasks)
    redrive.one_or_many(tasks, "tasks", "reopen", "ask again about tasks that are gone", one=False)


def _add(options: argparse.Namespace) -> int:
    body = about_task(options) | {"task_id": options.task_id}
    if options.expected_by:
        body["expected_by"] = options.expected_by
    if options.callback_id:
        body["callback_id"] = options.callback_id
    added = client(options).post("/api/tasks", body)
    if added["state"] == "open" and added["look_at"] is None:
        print(
            f"reelkeep: note: {options.source} has no api_key, so only a callback can finish this task", file=sys.stderr
        )
    return tell(options, added)
