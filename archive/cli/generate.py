"""`generate`: order something at a provider, and where asked to, wait until it is archived."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from archive.cli.verbs import Verbs, about_task, client, own_words
from archive.documents import parse
from archive.errors import MalformedDeliveryError
from archive.model import AssetState, TaskState
from archive.tables import printable, table
from reelkeep.client import Client

_PATIENCE = 600.0  # seconds for the order itself, longer than the service takes with all its repeats
_PAUSE = 2.0  # seconds between looks
_COLUMNS = ("task_id", "role", "state", "reason", "size", "bucket", "key", "sha256")
_ENDED = frozenset({AssetState.ARCHIVED, AssetState.DISPOSED, AssetState.QUARANTINED, AssetState.LOST})
_GOOD = frozenset({AssetState.ARCHIVED, AssetState.DISPOSED})


def add(verbs: Verbs) -> None:
    made = verbs.add("generate", _generate, "order something at a provider, and register its task")
    made.add_argument("source")
    made.add_argument("--product", help="one of the provider's products (its first)")
    made.add_argument("--prompt", metavar="TEXT", help="its text; - reads it from standard input")
    made.add_argument(
        "--param", action="append", default=[], metavar="KEY=VALUE", type=_pair,
        help="as the provider documents it; JSON where it can be read as that; given several times it is a list",
    )  # fmt: skip
    own_words(made)
    made.add_argument("--idempotency-key", metavar="KEY", help="where the provider takes one")
    made.add_argument("--dry-run", action="store_true", help="check and estimate, and send nothing")
    made.add_argument("--wait", action="store_true", help="until everything is archived; exit 1 where it is not to be")


def _generate(options: argparse.Namespace) -> int:
    service = client(options)
    said = about_task(options)
    path = f"/api/generate/{quote(said.pop('source'), safe='')}"
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    body = said | {
        "product": options.product, "prompt": prompt, "parameters": parameters(options.param),
        "dry_run": options.dry_run,
    }  # fmt: skip
    headers = {"Idempotency-Key": options.idempotency_key} if options.idempotency_key else {}
    made = service.post(path, body, headers=headers, patience=_PATIENCE)
    if options.wait and not options.dry_run:
        return _waited(service, made, as_json=options.json)
    if options.json:
        print(json.dumps(made, indent=2))
    elif options.dry_run:
        print(json.dumps(made["request"], indent=2))
        _estimate(made)
    else:
        print(*(printable(task["task_id"]) for task in made["tasks"]), sep="\n")
        _estimate(made)
    return 0


def parameters(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The parameters that are meant; a key that is repeated is a list."""
    found: dict[str, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return {key: values if len(values) > 1 else values[0] for key, values in found.items()}


def wait(service: Client, keys: Sequence[str], sleep: Callable[[float], None] = time.sleep) -> list[dict[str, Any]]:
    """The tasks called *keys* (our ids) once each has ended and none of its assets waits, with their assets in full."""
    waiting, ended = list(keys), {}
    while waiting:
        for key in list(waiting):
            task = service.get(f"/api/tasks/{key}")
            assets = [service.get(f"/api/assets/{asset}") for asset in task["assets"]]
            if task["state"] != TaskState.OPEN and all(asset["state"] in _ENDED for asset in assets):
                ended[key] = task | {"assets": assets}
                waiting.remove(key)
        if waiting:
            sleep(_PAUSE)
    return [ended[key] for key in keys]


def _waited(service: Client, made: dict[str, Any], *, as_json: bool) -> int:
    if not as_json:
        print(*(printable(task["task_id"]) for task in made["tasks"]), sep="\n", file=sys.stderr)
        _estimate(made)
    tasks = wait(service, [task["id"] for task in made["tasks"]])
    assets = [asset for task in tasks for asset in task["assets"]]
    if as_json:
        print(json.dumps(made | {"tasks": tasks}, indent=2))
    else:
        print(table(assets, _COLUMNS))
        for task in tasks:
            if task["state"] != TaskState.SUCCEEDED:
                line = f"reelkeep: {task['task_id']} {task['state']}: {task['reason']}"
                print(printable(line), file=sys.stderr)
    good = all(task["state"] == TaskState.SUCCEEDED and task["assets"] for task in tasks)
    return 0 if good and all(asset["state"] in _GOOD for asset in assets) else 1


def _estimate(made: dict[str, Any]) -> None:
    """What it costs goes beside what a script reads."""
    cost = made["cost"]
    if cost is not None:
        counted = "" if cost["credits"] is None else f" ({cost['credits']:g} credits)"
        print(f"reelkeep: about {cost['usd']:.4g} USD{counted} by the documented prices", file=sys.stderr)


def _pair(text: str) -> tuple[str, Any]:
    key, found, value = text.partition("=")
    if not key or not found:
        raise argparse.ArgumentTypeError("must be KEY=VALUE")
    try:
        return key, parse(value.encode("utf-8", "surrogatepass"))
    except MalformedDeliveryError:
        return key, value
