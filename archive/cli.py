"""
The command line. `up` and `migrate` work on this machine; everything else asks the API, with the same verbs.

Exit codes: 0 done; 1 the service refused, or something is not as it should be; 2 wrong usage; 69 the service or the
ledger cannot be reached; 78 the settings cannot be used.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from archive import sign
from archive.client import Client, RefusedError, UnreachableError
from archive.errors import LedgerError, NotUnderstoodError, VerificationError
from archive.lifetime import seconds
from archive.settings import Settings, SettingsError, load
from archive.tables import table

_COLUMNS = {
    "tasks": ("task_id", "source", "state", "reason", "external_id", "created_at", "id"),
    "assets": ("task_id", "source", "role", "state", "reason", "size", "must_by", "archived_at", "id"),
    "deliveries": ("received_at", "source", "outcome", "reason", "verdict", "repeats", "task_id", "id"),
}


_POLLING = ("source", "open", "due", "late", "lag", "failing", "trouble", "requests_per_minute")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.config:
        os.environ["REELKEEP_CONFIG"] = options.config
    try:
        return int(options.run(options))
    except SettingsError as exc:
        print("reelkeep: the settings cannot be used:", *exc.problems, sep="\n  ", file=sys.stderr)
        return 78
    except RefusedError as exc:
        print(f"reelkeep: {exc}", file=sys.stderr)
        return 1
    except UnreachableError as exc:
        print(f"reelkeep: {exc}", file=sys.stderr)
        return 69
    except LedgerError as exc:
        print(f"reelkeep: the ledger cannot be reached ({exc.reason})", file=sys.stderr)
        return 69
    except BrokenPipeError:
        return 0


def _up(options: argparse.Namespace) -> int:
    from archive.up import up  # noqa: PLC0415 (brings the ledger along)

    return up(options)


def _migrate(_options: argparse.Namespace) -> int:
    from archive.ledger import migrate  # noqa: PLC0415
    from archive.ledger.database import Database  # noqa: PLC0415

    migrate.upgrade(Database(load().ledger.url))
    print("The ledger's tables are up to date.")
    return 0


def _sign(options: argparse.Namespace) -> int:
    settings = load(for_client=True)
    if options.source not in settings.sources:
        print(
            f"reelkeep: no source {options.source!r} is configured (--config names the settings file)", file=sys.stderr
        )
        return 1
    task_id = options.task_id or f"sample-{uuid4().hex[:12]}"
    base = options.url or os.environ.get("REELKEEP_URL") or settings.server.public_url
    source, now = settings.sources[options.source], datetime.now(UTC)
    try:
        call = sign.sample(options.source, source, base, task_id, options.video_url, now, settings.signing_keys)
    except NotUnderstoodError:
        print(f"reelkeep: {source.provider} never calls back; register its tasks instead", file=sys.stderr)
        return 1
    except VerificationError:
        where = "server.signing_keys or REELKEEP_SIGNING_KEY; `reelkeep up` keeps its own in DATA/secrets/signing.key"
        print(
            f"reelkeep: {options.source} is called by minted URLs, and no signing key is known ({where})",
            file=sys.stderr,
        )
        return 78
    print(json.dumps(call.as_dict(), indent=2) if options.json else call.as_curl())
    return 0


def _status(options: argparse.Namespace) -> int:
    status = _client(options).get("/api/status")
    if options.json:
        print(json.dumps(status, indent=2))
        return 1 if status["alerts"] else 0
    work = status["work"]
    print(f"due {work['due']}   running {work['running']}   looks due {work['looks_due']}   overdue {work['overdue']}")
    for alert in status["alerts"]:
        print(f"\nALERT  {alert}")
    asked = [{"source": n, **s["polling"]} for n, s in sorted(status["sources"].items()) if "polling" in s]
    if asked:
        print(
            "\n" + table(asked, ("source", "open", "due", "late", "lag", "failing", "trouble", "requests_per_minute"))
        )
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
    names = ("source", "state", "task_id", "external_id", "since", "until", "q", "limit", "cursor")
    asked = {name: value for name in names if (value := getattr(options, name)) is not None}
    page = _client(options).get(f"/api/{options.what}", asked)
    if options.json:
        print(json.dumps(page, indent=2))
        return 0
    print(table(page["items"], _COLUMNS[options.what]))
    if page["next_cursor"]:
        print(f"\nmore: --cursor {page['next_cursor']}")
    return 0


def _show(options: argparse.Namespace) -> int:
    print(json.dumps(_client(options).get(_path(options)), indent=2))
    return 0


def _act(options: argparse.Namespace) -> int:
    return _tell(options, _client(options).post(f"{_path(options)}/{options.verb}"))


def _path(options: argparse.Namespace) -> str:
    return f"/api/{options.what}/{quote(options.id, safe='')}"


def _add_task(options: argparse.Namespace) -> int:
    body = _about_task(options) | {"task_id": options.task_id}
    if options.expected_by:
        body["expected_by"] = options.expected_by
    if options.callback_id:
        body["callback_id"] = options.callback_id
    added = _client(options).post("/api/tasks", body)
    if added["state"] == "open" and added["look_at"] is None:
        print(
            f"reelkeep: note: {options.source} has no api_key, so only a callback can finish this task", file=sys.stderr
        )
    return _tell(options, added)


def _callback_url(options: argparse.Namespace) -> int:
    body = _about_task(options)
    if options.expires is not None:
        body["expires_in"] = options.expires
    made = _client(options).post("/api/callback-urls", body)
    if options.json:
        return _tell(options, made)
    print(made["url"])  # alone, so that a shell can take it
    print(f"reelkeep: id {made['id']}, good until {made['expires_at']}", file=sys.stderr)
    return 0


def _about_task(options: argparse.Namespace) -> dict[str, Any]:
    """What `tasks add` and `callback-url` alike say about a task."""
    metadata = dict(pair.partition("=")[::2] for pair in options.meta)
    said = {"source": options.source, "external_id": options.external_id}
    return {**said, "metadata": metadata} if metadata else said


def _lifetime(text: str) -> int:
    try:
        return seconds(text, datetime.now(UTC))
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _tell(options: argparse.Namespace, answer: dict[str, Any]) -> int:
    shown = {name: value for name, value in answer.items() if value is not None and not isinstance(value, list | dict)}
    print(json.dumps(answer, indent=2) if options.json else "  ".join(f"{n}={v}" for n, v in shown.items()))
    return 0


def _client(options: argparse.Namespace) -> Client:
    """The API's address and a token: as given, else from the environment, else from the settings."""
    settings: Settings = load(for_client=True)
    url = options.url or os.environ.get("REELKEEP_URL") or f"http://127.0.0.1:{settings.server.port}"
    tokens = [*settings.server.operator_tokens, *settings.server.viewer_tokens]
    token = os.environ.get("REELKEEP_TOKEN") or (tokens[0].get_secret_value() if tokens else "")
    return Client(url, token)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", metavar="FILE", help="settings file (REELKEEP_CONFIG)")
    common.add_argument("--json", action="store_true", help="machine-readable output")
    api = argparse.ArgumentParser(add_help=False, parents=[common])
    api.add_argument("--url", help="where the service answers (REELKEEP_URL)")
    parser = argparse.ArgumentParser(prog="reelkeep", description="Webhook target and archive for AI-generated video.")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(
        under: Any, name: str, run: Callable[[argparse.Namespace], int], text: str, **defaults: Any
    ) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = under.add_parser(
            name, help=text, description=text, parents=[defaults.pop("parent", api)]
        )
        made.set_defaults(run=run, **defaults)
        return made

    def own_words(made: argparse.ArgumentParser) -> None:
        made.add_argument("--external-id", help="your own id")
        made.add_argument("--meta", action="append", default=[], metavar="KEY=VALUE", help="kept with the task")

    up = verb(verbs, "up", _up, "run the whole service on this machine", parent=common)
    up.add_argument("--port", type=int, help="of the receiver (8080); 0: any free one")
    up.add_argument("--data", default="data", metavar="DIR", help="where everything is kept (data)")
    up.add_argument("--workers", type=int, default=1, help="worker processes (1)")
    verb(verbs, "migrate", _migrate, "bring the ledger's tables up to date", parent=common)
    made = verb(verbs, "sign", _sign, "make a signed sample callback to try by hand")
    made.add_argument("source")
    made.add_argument("--task-id", help="default: a new one each time")
    made.add_argument("--video-url", default="https://storage.kie.ai/videos/sample.mp4", help="the link it carries")
    made = verb(verbs, "callback-url", _callback_url, "make a signed callback URL for one task")
    made.add_argument("source")
    own_words(made)
    made.add_argument("--expires", type=_lifetime, metavar="WHEN", help="7d (default), 12h, or an instant (ISO 8601)")
    verb(verbs, "status", _status, "what waits and what is done")
    for what, singular in (("tasks", "task"), ("assets", "asset"), ("deliveries", "delivery")):
        under = verbs.add_parser(what, help=f"list and show {what}").add_subparsers(required=True, metavar="VERB")
        made = verb(under, "list", _list, f"list {what}, newest first", what=what)
        for name in ("source", "state", "task-id", "external-id", "since", "until", "q", "cursor"):
            made.add_argument(f"--{name}")
        made.add_argument("--limit", type=int)
        verb(under, "show", _show, f"everything about one {singular}", what=what).add_argument("id")
        if what == "assets":
            verb(
                under, "retry", _act, "try a waiting, quarantined or lost asset now", what=what, verb="retry"
            ).add_argument("id")
        if what == "deliveries":
            verb(under, "replay", _act, "read a stored delivery again", what=what, verb="replay").add_argument("id")
        if what == "tasks":
            made = verb(under, "add", _add_task, "register a task so that it is looked after")
            made.add_argument("source")
            made.add_argument("task_id")
            own_words(made)
            made.add_argument("--callback-id", metavar="ID", help="the callback URL that was made for it")
            made.add_argument("--expected-by", metavar="INSTANT", help="when the result is likely (ISO 8601)")
    for name, text in (("pause", "start no new transfers of a source"), ("resume", "go on with a paused source")):
        verb(verbs, name, _act, text, what="sources", verb=name).add_argument("id", metavar="source")
    return parser


if __name__ == "__main__":
    sys.exit(main())
