"""Another chance for dead letters: `assets retry`, `tasks reopen`, `deliveries replay`; `redrive` does all of it."""

import argparse
import json
import sys
from typing import Any

from archive.cli.verbs import Verbs, act, client, tell
from archive.tables import printable

_FILTERS = ("source", "reason", "task_id", "external_id", "since", "until", "q")
_PATHS = {
    "retry": "/api/assets/retry",
    "reopen": "/api/tasks/reopen",
    "replay": "/api/deliveries/replay",
}
_ALL = (("assets", "retry"), ("tasks", "reopen"), ("deliveries", "replay"))


def add(verbs: Verbs) -> None:
    text = "give everything of a source that is dead another chance: assets, tasks, callbacks, notifications"
    made = verbs.add("redrive", _redrive, text)
    made.add_argument("source", nargs="?")
    made.add_argument("--all", action="store_true", help="of every source")
    made.add_argument("--dry-run", action="store_true", help="only say how much it is")


def one_or_many(verbs: Verbs, what: str, verb: str, text: str, *more: str, one: bool = True) -> None:
    """`WHAT VERB ID`, or with `--all` or filters; *more* are filters beside the common ones."""
    filters = (*_FILTERS, *more)
    made = verbs.add(verb, _act, text, what=what, verb=verb, filters=filters)
    made.set_defaults(id=None)
    if one:
        made.add_argument("id", nargs="?")
    made.add_argument("--all", action="store_true", help="everything that is dead, or fits")
    for name in filters:
        made.add_argument(f"--{name.replace('_', '-')}", help=f"only what has this {name.replace('_', ' ')}")
    made.add_argument("--dry-run", action="store_true", help="only say how many they are")


def _act(options: argparse.Namespace) -> int:
    wanted = {name: value for name in options.filters if (value := getattr(options, name)) is not None}
    many = options.all or bool(wanted)
    if bool(options.id) is many or (options.id and options.dry_run):
        what = "ID, or --all, or filters" if options.verb != "reopen" else "--all, or filters"
        print(f"reelkeep: {options.what} {options.verb}: say which: {what}", file=sys.stderr)
        return 2
    if options.id:
        return act(options)
    return _told(options, _many(options, options.verb, wanted))


def _many(options: argparse.Namespace, verb: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Ask until there is no next page, and sum up."""
    asked = client(options)
    body = wanted | ({"dry_run": True} if options.dry_run else {})
    answer: dict[str, Any] = asked.post(_PATHS[verb], body)
    cursor = answer.pop("next_cursor", None)
    while cursor:
        more = asked.post(_PATHS[verb], body | {"cursor": cursor})
        cursor = more["next_cursor"]
        answer["replayed"] += more["replayed"]
        answer["not_understood"] += more["not_understood"]
        for name, number in more["outcomes"].items():
            answer["outcomes"][name] = answer["outcomes"].get(name, 0) + number
    return answer


def _told(options: argparse.Namespace, answer: dict[str, Any]) -> int:
    """Print it; exits with 1 where deliveries are still not understood."""
    left = answer.get("not_understood", [])
    if options.json:
        print(json.dumps(answer, indent=2))
        return 1 if left else 0
    for one in left:
        print(f"{one['delivery_id']}  {one['outcome']}  {printable(one['reason'] or '')}")
    tell(options, {name: value for name, value in answer.items() if value is not False} | answer.get("outcomes", {}))
    return 1 if left else 0


def _redrive(options: argparse.Namespace) -> int:
    if bool(options.source) is options.all:
        print("reelkeep: redrive one SOURCE, or --all", file=sys.stderr)
        return 2
    wanted = {"source": options.source} if options.source else {}
    answers = {what: _many(options, verb, wanted) for what, verb in _ALL}
    if not options.dry_run:
        answers["notifications"] = client(options).post("/api/notifications/redrive", wanted)
    left = answers["deliveries"].get("not_understood", [])
    if options.json:
        print(json.dumps(answers, indent=2))
        return 1 if left else 0
    for answer in answers.values():
        _told(options, answer)
    return 1 if left else 0
